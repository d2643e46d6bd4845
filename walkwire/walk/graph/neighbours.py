"""Neighbours: the links of a node as one walk sees them: the stored ones, less those that it cut, plus those that it made.

Links to nodes that the caller may not read are left out. Reading the first or last few of many costs only these few.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import cast

from walkwire.store import Direction, EdgeRecord, Selection
from walkwire.walk.archetype import Archetype, Types
from walkwire.walk.archetypes.edge import Edge
from walkwire.walk.archetypes.node import Node
from walkwire.walk.graph.rights import Rights
from walkwire.walk.graph.working_set import WorkingSet
from walkwire.walk.registry import kinds_of

Link = Edge | EdgeRecord
Pair = tuple[Link, Node]
Passes = Callable[[Link, Node], bool]
Stored = list[tuple[EdgeRecord, Node]]
Kinds = frozenset[str] | None

GROWTH = 4  # the limit of a query grows by this factor while too many of its links are left out
WHOLE = 10_000  # a limit from which on all links are read
FAR = 500  # ids in one query: databases limit the parameters of a statement


def ends_of(link: Link) -> tuple[str, str]:
    """Return the ids of the nodes that a link leaves and enters."""
    one = link.__jac__ if isinstance(link, Edge) else link
    return one.source, one.target


class Neighbours:
    """The neighbourhoods that one walk has read.

    - load: reads a neighbourhood from the store, and records the read for the commit
    - load_owners: loads the grants of the owners of nodes
    """

    def __init__(
        self,
        working_set: WorkingSet,
        rights: Rights,
        load: Callable[[Selection], Stored],
        load_owners: Callable[[Iterable[Node]], None],
    ) -> None:
        self._set = working_set
        self._rights = rights
        self._load = load
        self._load_owners = load_owners
        self._found: dict[Selection, Stored] = {}
        self._whole: dict[str, list[Selection]] = {}

    def around(
        self,
        near: Archetype,
        direction: Direction,
        edges: Types,
        nodes: Types,
        limit: int | None = None,
        passes: Passes | None = None,
    ) -> list[Pair]:
        """Return the links of a node in their order, as `walk/view` says of `neighbourhood`."""
        id = near.__jac__.id
        selection = Selection(id, direction, _kinds(edges, Edge), _kinds(nodes, Node))
        made = list(self._made(id, direction, edges, nodes)) if id in self._set.new_edges else []
        if limit is None:
            stored = [] if self._set.is_new(id) else self._stored(selection)
            return self._seen(stored, made, passes)
        new = self._seen([], made, passes)
        if limit < 0:  # what the walk made itself comes last
            missing = min(0, limit + len(new))
            return [*self._end(selection, missing, passes), *new][limit:]
        return [*self._end(selection, limit, passes), *new][:limit]

    def between(self, near: Archetype, direction: Direction, edges: Types, far: Iterable[str]) -> list[Pair]:
        """Return the links of a node with the nodes of these ids."""
        id, wanted = near.__jac__.id, dict.fromkeys(far)
        made = [pair for pair in self._made(id, direction, edges, None) if pair[1].__jac__.id in wanted]
        stored = [far for far in wanted if not self._set.is_new(far)]
        return self._seen(self._stored_between(near, direction, edges, stored), made, None)

    def forget(self) -> None:
        """Forget all that was read: the store is asked again."""
        self._found.clear()
        self._whole.clear()

    def _seen(self, stored: Stored, made: list[Pair], passes: Passes | None) -> list[Pair]:
        cut = self._set.cut
        links: list[Pair] = [
            pair for pair in stored if pair[0].id not in cut and not pair[1].__jac__.is_deleted
        ]
        links += made
        self._load_owners([pair[1] for pair in links])
        may_read = self._rights.may_see
        if passes is None:
            return [pair for pair in links if may_read(pair[1])]
        return [pair for pair in links if may_read(pair[1]) and passes(*pair)]

    def _end(self, selection: Selection, limit: int, passes: Passes | None) -> list[Pair]:
        """Return the first or last stored links that the walk sees. Reads more of them only if some are left out."""
        if limit == 0 or self._set.is_new(selection.node):
            return []
        wanted = asked = abs(limit)
        while True:
            is_whole = asked >= WHOLE or selection in self._found
            part = selection if is_whole else selection._replace(limit=asked if limit > 0 else -asked)
            stored = self._stored(part)
            seen = self._seen(stored, [], passes)
            if is_whole or len(seen) >= wanted or len(stored) < asked:
                return seen[:limit] if limit > 0 else seen[limit:]
            asked *= GROWTH

    def _stored(self, selection: Selection) -> Stored:
        found = self._found.get(selection)
        if found is None:
            found = self._found[selection] = self._load(selection)
            if selection.limit is None and selection.far is None:
                self._whole.setdefault(selection.node, []).append(selection)
        return found

    def _stored_between(self, near: Archetype, direction: Direction, edges: Types, far: list[str]) -> Stored:
        id, kinds, wanted = near.__jac__.id, _kinds(edges, Edge), set(far)
        if self._set.is_new(id) or not far:
            return []
        whole = self._wider(id, direction, kinds, far)
        found = self._links_with(id, direction, far) if whole is None else self._found[whole]
        return [
            (link, node)
            for link, node in found
            if node.__jac__.id in wanted and (kinds is None or link.kind in kinds)
        ]

    def _links_with(self, id: str, direction: Direction, far: list[str]) -> Stored:
        """Read links of all classes: with a class, the database would search all links of the node for it."""
        parts = [frozenset(far[start : start + FAR]) for start in range(0, len(far), FAR)]
        return [pair for part in parts for pair in self._stored(Selection(id, direction, far=part))]

    def _wider(self, id: str, direction: Direction, kinds: Kinds, far: list[str]) -> Selection | None:
        """Return a selection that was read whole and contains these links; None if there is none."""
        for whole in self._whole.get(id, ()):
            if (
                whole.direction == direction
                and _holds(whole.edge_kinds, kinds)
                and (whole.node_kinds is None or self._are_of(whole.node_kinds, far))
            ):
                return whole
        return None

    def _are_of(self, kinds: frozenset[str], ids: list[str]) -> bool:
        return all(id in self._set.nodes and self._set.nodes[id].__jac__.kind in kinds for id in ids)

    def _made(self, near: str, direction: Direction, edges: Types, nodes: Types) -> Iterator[Pair]:
        for edge in self._set.new_edges.get(near, ()):
            anchor = edge.__jac__
            leaves, enters = anchor.source == near, anchor.target == near
            if not (leaves and direction != "into") and not (enters and direction != "out"):
                continue
            far = cast("Node", self._set.nodes[anchor.target if leaves else anchor.source])
            if (edges is None or isinstance(edge, edges)) and (nodes is None or isinstance(far, nodes)):
                yield edge, far


def _holds(whole: Kinds, part: Kinds) -> bool:
    return whole is None or (part is not None and part <= whole)


def _kinds(types: Types, top: type) -> Kinds:
    if types is None or top in types:
        return None
    return frozenset().union(*(kinds_of(cls) for cls in types))
