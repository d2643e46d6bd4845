"""Record: nodes and edges as they are stored, and the ways to query them.

Guarantee: every record here is an immutable value, and none is changed by a store after it was returned.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple, Protocol

Direction = Literal["out", "into", "both"]


class NodeRecord(NamedTuple):
    """A stored node.

    - `kind`: its class; "" for a root; `o:Class` for a stored object and `w:Class` for a stored walker, which have no edges.
    - `owner`: the id of a root.
    - `version`: 1 when created, incremented by each change.
    - `data`: its fields, a JSON object as text.
    - `access`: its grants, a JSON object as text; None for no grants.
    """

    id: str
    kind: str
    owner: str
    version: int
    data: str
    access: str | None = None


class EdgeRecord(NamedTuple):
    """A stored edge.

    - `kind`: its class; "" for an edge without a class.
    - `source`, `target`: ids of the nodes at its ends; `source_kind`, `target_kind`: their classes. None of these ever changes.
    - `version`: 1 when created, incremented by each change.
    - `data`: its fields, a JSON object as text.
    """

    id: str
    kind: str
    source: str
    source_kind: str
    target: str
    target_kind: str
    version: int
    data: str


class Selection(NamedTuple):
    """A part of a node's neighbourhood. None means no restriction.

    - `node`: the id of the node.
    - `direction`: which edges: "out", "into" or "both".
    - `edge_kinds`: classes of the edges.
    - `node_kinds`: classes of the nodes at the far ends.
    - `far`: ids of the nodes at the far ends.
    - `limit`: how many: the first `limit` edges, or the last ones if it is negative.
    """

    node: str
    direction: Direction
    edge_kinds: frozenset[str] | None = None
    node_kinds: frozenset[str] | None = None
    far: frozenset[str] | None = None
    limit: int | None = None


class Neighbourhood(NamedTuple):
    """What a selection held when it was read.

    - `pairs`: edges with the nodes at their far ends, in the order in which the edges were created.
    - `mark`: equal at a later read if and only if no edge was added or removed in between. Opaque outside the store.
    """

    pairs: list[tuple[EdgeRecord, NodeRecord]]
    mark: object


class Search(NamedTuple):
    """A query by id, class and owner. None matches everything. The owner of an edge is the owner of its source node."""

    ids: frozenset[str] | None = None
    kinds: frozenset[str] | None = None
    owners: frozenset[str] | None = None


RecordTable = Literal["nodes", "edges"]


class StoredRecord(NamedTuple):
    """A node, an object, a walker or an edge as it is stored, without its rights and its ends."""

    id: str
    kind: str
    version: int
    data: str


class RecordPages(Protocol):
    """All records of the graph, page by page, and changes of their form. For `walkwire migrate`, and no walk."""

    def record_page(self, of: RecordTable, after: str, limit: int) -> list[StoredRecord]:
        """Return the first records whose ids are greater than `after`, in the order of their ids."""

    def rewrite_records(self, of: RecordTable, records: Sequence[StoredRecord]) -> int:
        """Store kind and data of those records that still have this version, which grows by one. Return how many."""


ANY_KIND = "*"


def kinds_searched(node_searches: Iterable[Search], edge_searches: Iterable[Search]) -> set[str]:
    """Return the kinds that searches are about: the class of a node, `e:` and the class of an edge, `*` or `e:*` for any."""
    found: set[str] = set()
    for prefix, searches in (("", node_searches), ("e:", edge_searches)):
        for search in searches:
            found.update(prefix + kind for kind in ({ANY_KIND} if search.kinds is None else search.kinds))
    return found


def kinds_written(nodes: Iterable[str], edges: Iterable[str]) -> set[str]:
    """Return the kinds (as in `kinds_searched`) whose searches change when records of these classes are added or deleted."""
    found: set[str] = set()
    for prefix, kinds in (("", nodes), ("e:", edges)):
        if written := {prefix + kind for kind in kinds}:
            found |= written | {prefix + ANY_KIND}
    return found
