"""Graph: reads nodes and edges for the console, as they are stored. Operators see all of them: no rights are checked here.

Reads are bounded: a node has at most so many neighbours in an answer, and the page asks for more.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from walkwire.errors import BadReference, PublicError
from walkwire.ids import parse_reference, root_reference
from walkwire.store import Asking, EdgeRecord, GraphStore, NodeRecord, Selection

NEIGHBOURS = 500
AMONG = 200  # nodes whose edges with each other are looked for
LONGEST = 64 * 1024  # characters of fields in an answer

Row = dict[str, Any]  # ready to be encoded as JSON


class GraphReader:
    """Reads the graph of a store, in the threads of `asking`."""

    def __init__(self, store: GraphStore, asking: Asking) -> None:
        self._store = store
        self._asking = asking

    async def around(self, reference: str, limit: int) -> Row:
        """Return a node, its first `limit` edges and the nodes behind them. Raises PublicError."""
        id = _id_of(reference)
        return await self._asking.ask(self._around, id, max(0, min(limit, NEIGHBOURS)))

    async def among(self, references: Iterable[str]) -> Row:
        """Return these nodes, and the edges between them. Those that are absent are left out."""
        ids = list(dict.fromkeys(_id_of(reference) for reference in references))[:AMONG]
        return await self._asking.ask(self._among, ids)

    def _around(self, id: str, limit: int) -> Row:
        view = self._store.latest()
        nodes = view.load_nodes([id])
        if not nodes:
            edges = view.load_edges([id])
            if not edges:
                raise PublicError("no_access", "There is no such node or edge", 404)
            ends = view.load_nodes([edges[0].source, edges[0].target])
            return {
                "center": edges[0].source,
                "nodes": _nodes(ends),
                "edges": _edges(edges),
                "has_more": False,
            }
        pairs = view.load_neighbourhood(Selection(id, "both", limit=limit + 1)).pairs if limit else []
        kept = pairs[:limit]
        return {
            "center": id,
            "nodes": _nodes([*nodes, *(far for _, far in kept)]),
            "edges": _edges(edge for edge, _ in kept),
            "has_more": len(pairs) > limit,
        }

    def _among(self, ids: list[str]) -> Row:
        view = self._store.latest()
        nodes = view.load_nodes(ids) if ids else []
        far = frozenset(node.id for node in nodes)
        edges: dict[str, EdgeRecord] = {}
        for node in nodes:
            if ":" not in node.kind:
                found = view.load_neighbourhood(Selection(node.id, "out", far=far, limit=NEIGHBOURS))
                edges |= {edge.id: edge for edge, _ in found.pairs}
        return {"nodes": _nodes(nodes), "edges": _edges(edges.values())}


def _nodes(records: Iterable[NodeRecord]) -> list[Row]:
    found = {record.id: record for record in records}
    return [
        {
            "id": record.id,
            "reference": root_reference(record.id) if not record.kind else _reference(record),
            "kind": record.kind or "root",
            "owner": record.owner,
            "version": record.version,
            "data": _raw(record.data),
            "access": None if record.access is None else msgspec.Raw(record.access.encode()),
        }
        for record in found.values()
    ]


def _edges(records: Iterable[EdgeRecord]) -> list[Row]:
    return [
        {
            "id": record.id,
            "reference": f"e:{record.kind}:{record.id}",
            "kind": record.kind,
            "source": record.source,
            "target": record.target,
            "version": record.version,
            "data": _raw(record.data),
        }
        for record in records
    ]


def _reference(record: NodeRecord) -> str:
    return f"{record.kind}:{record.id}" if record.kind[1:2] == ":" else f"n:{record.kind}:{record.id}"


def _raw(data: str) -> Any:
    if len(data) > LONGEST:
        return {"…": f"{len(data)} characters, too many to show"}
    return msgspec.Raw(data.encode())


def _id_of(reference: str) -> str:
    try:
        return parse_reference(reference).id
    except BadReference as error:
        raise PublicError("bad_reference", error.message, 400) from None
