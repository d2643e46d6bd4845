"""Record: what a store keeps of nodes and edges, and how a part of the graph is asked for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

Direction = Literal["out", "into", "both"]


class NodeRecord(NamedTuple):
    """A stored node. `kind` is its class ("" = a root), `owner` a root's id, `version` counts its changes from 1,
    `data` its fields and `access` its grants, both JSON objects as text (`access` None: no grants).

    Objects and walkers that are kept by themselves are nodes too, without edges; their `kind` is `o:Class` and `w:Class`.
    """

    id: str
    kind: str
    owner: str
    version: int
    data: str
    access: str | None = None


class EdgeRecord(NamedTuple):
    """A stored edge. `kind` is its class ("" = a bare edge); the ends are ids of nodes with their classes, which never change."""

    id: str
    kind: str
    source: str
    source_kind: str
    target: str
    target_kind: str
    version: int
    data: str


class Selection(NamedTuple):
    """A part of a node's neighbourhood: which way, edges of which classes, to nodes of which classes, to which nodes (None =
    all), and of these how many: the first `limit`, or the last where it is negative."""

    node: str
    direction: Direction
    edge_kinds: frozenset[str] | None = None
    node_kinds: frozenset[str] | None = None
    far: frozenset[str] | None = None
    limit: int | None = None


class Neighbourhood(NamedTuple):
    """What a selection held when it was read: edges with their far nodes in the order in which they were made, and `mark`,
    which is equal at a later reading if and only if no edge came or went in between. Opaque to all but the store."""

    pairs: list[tuple[EdgeRecord, NodeRecord]]
    mark: object


class Search(NamedTuple):
    """Records by id, by class, by owner (of an edge: the owner of the node that it leaves); None stands for any."""

    ids: frozenset[str] | None = None
    kinds: frozenset[str] | None = None
    owners: frozenset[str] | None = None


ANY_KIND = "*"


def kinds_searched(node_searches: Iterable[Search], edge_searches: Iterable[Search]) -> set[str]:
    """Return the kinds that searches are about: the kind of a node, `e:` and the kind of an edge, `*` or `e:*` for any kind."""
    found: set[str] = set()
    for prefix, searches in (("", node_searches), ("e:", edge_searches)):
        for search in searches:
            found.update(prefix + kind for kind in ({ANY_KIND} if search.kinds is None else search.kinds))
    return found


def kinds_written(nodes: Iterable[str], edges: Iterable[str]) -> set[str]:
    """Return the kinds, as `kinds_searched` names them, whose searches change when records of these kinds come or go."""
    found: set[str] = set()
    for prefix, kinds in (("", nodes), ("e:", edges)):
        if written := {prefix + kind for kind in kinds}:
            found |= written | {prefix + ANY_KIND}
    return found
