"""Graph: one walk's view of the graph. Loads what is touched, once; remembers what was read and changed; saves it once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NoReturn

from walkwire.errors import NoAccess
from walkwire.store import (
    Changes,
    Direction,
    EdgeRecord,
    Lost,
    Reads,
    Search,
    TaskRecord,
    UserKey,
    UserRecord,
    View,
)
from walkwire.walk.access import (
    Grants,
    Level,
    granted,
    level_without_grants,
)
from walkwire.walk.archetype import Archetype, reference_of
from walkwire.walk.archetypes.anchor import Anchor
from walkwire.walk.archetypes.edge import Edge
from walkwire.walk.archetypes.node import Node
from walkwire.walk.archetypes.root import Root
from walkwire.walk.graph.neighbours import Link, Neighbours, Passes
from walkwire.walk.graph.reading import Reading
from walkwire.walk.graph.rights import Rights
from walkwire.walk.graph.stale import make_stale
from walkwire.walk.graph.working_set import WorkingSet
from walkwire.walk.registry import Registry
from walkwire.walk.view import Types

_ROOTS = Search(kinds=frozenset({""}))


class WalkGraph:
    """The identity map, the reads and the changes of one run of a walk. `caller` is the root that walks."""

    def __init__(self, view: View, registry: Registry, caller: str) -> None:
        self.caller = caller
        self._listed: set[str] = set()
        self._set = WorkingSet(caller)
        self._reading = Reading(view, registry, self, self._set)
        self._rights = Rights(caller, root=self.root, load_root=self._reading.load_root, ends=self.ends)
        self._neighbours = Neighbours(self._set, self._rights, self._reading.links, self._load_owners)

    # What nodes, walkers and verbs ask

    def root(self, root_id: str | None = None) -> Node:
        """A root's handle, without a query."""
        return self._reading.root(root_id or self.caller)

    def roots(self) -> list[Node]:
        """Everybody's root. One that may not be read can be looked out from nevertheless, to what its owner shares."""
        found = self._reading.search_nodes(_ROOTS)
        self._listed.update(root.__jac__.id for root in found)
        return found

    def find(self, id: str) -> Archetype | None:
        """The archetype with this id, by id alone; None where it is absent or may not be read."""
        found: Archetype | None = self._reading.node(id)
        if found is None:
            found = self._reading.edge_by_id(id)
        return found if found is not None and self._rights.may_read(found) else None

    def search_nodes(self, search: Search) -> list[Any]:
        """The stored nodes that fit and may be read, kept objects and walkers included.

        Those that the walk itself deleted are left out; new ones are not found before they are committed.
        """
        found = self._reading.search_nodes(search)
        self._load_owners(found)
        return [node for node in found if not node.__jac__.is_deleted and self._rights.may_read(node)]

    def search_edges(self, search: Search) -> list[Edge]:
        """The stored edges that fit and may be read; otherwise as `search_nodes`."""
        found = self._reading.search_edges(search)
        self._reading.load(end for edge in found for end in (edge.__jac__.source, edge.__jac__.target))
        return [edge for edge in found if not edge.__jac__.is_deleted and self._rights.may_read(edge)]

    def task(self, id: str) -> TaskRecord | None:
        """What became of a walker that walks by itself."""
        return self._reading.task(id)

    def user(self, key: UserKey) -> UserRecord | None:
        """Return the user that this look-up finds, without password and token generation; None if there is none."""
        return self._reading.user(key)

    def neighbourhood(
        self,
        node: Archetype,
        direction: Direction,
        edges: Types,
        nodes: Types,
        limit: int | None = None,
        passes: Passes | None = None,
    ) -> list[tuple[Link, Node]]:
        """A node's links with the nodes at their far ends, in the order in which they were made, or the first `limit` of them
        (the last, where it is negative); those that may not be read or do not pass are left out. A link is handed to `edge` or
        `cut`."""
        return self._neighbours.around(self._looked_from(node), direction, edges, nodes, limit, passes)

    def between(
        self, node: Archetype, direction: Direction, edges: Types, targets: Iterable[Archetype]
    ) -> list[tuple[Link, Node]]:
        """As `neighbourhood`, but the links with these nodes only, at the price of those."""
        far = (self.own(target).__jac__.id for target in targets)
        return self._neighbours.between(self._looked_from(node), direction, edges, far)

    def edge(self, link: Link) -> Edge:
        """The edge of a link."""
        return link if isinstance(link, Edge) else self._reading.edge_of(link)

    def ends(self, edge: Archetype) -> tuple[Node, Node]:
        """The nodes that an edge leaves and enters."""
        anchor = edge.__jac__
        if anchor.source is None:
            raise ValueError(f"{type(edge).__name__} joins nothing yet")
        self._look_at(edge)
        source, target = self._reading.node(anchor.source), self._reading.node(anchor.target)
        if source is None or target is None:
            raise NoAccess(reference_of(edge))
        return source, target

    def connect(self, source: Archetype, target: Archetype, edge: Archetype) -> None:
        """Put an edge between two nodes. Raises NoAccess without CONNECT on both."""
        near, far = self.own(source), self.own(target)
        are_nodes = all(isinstance(one, Node) and not isinstance(one, Edge) for one in (near, far))
        if not are_nodes or not isinstance(edge, Edge):
            raise TypeError(f"An edge joins two nodes, not {source!r:.60} and {target!r:.60}")
        anchor = edge.__jac__
        if anchor.source is not None:
            raise ValueError(f"This {type(edge).__name__} joins two nodes already")
        for node in (near, far):
            if node.__jac__.is_deleted:
                raise ValueError(f"This {type(node).__name__} was deleted")
            self._rights.require(node, Level.CONNECT)
            node.__jac__.owner = node.__jac__.owner or self.caller
        anchor.source, anchor.target, anchor.graph = near.__jac__.id, far.__jac__.id, self
        self._set.add_edge(edge)

    def cut(self, node: Archetype, link: Link) -> None:
        """Remove a link found in the neighbourhood of `node`. Raises NoAccess without CONNECT on both ends."""
        edge = self._reading.edge_of(link) if isinstance(link, EdgeRecord) else link
        for end in self.ends(edge):
            self._rights.require(end, Level.CONNECT)
        self._set.remove_edge(edge)

    def delete(self, archetype: Archetype) -> None:
        """Remove a node with its edges, or an edge. Raises NoAccess without WRITE on the node, or CONNECT on both ends."""
        own = self.own(archetype)
        if isinstance(own, Edge):
            return self.cut(own, own)
        if isinstance(own, Root):
            raise ValueError("A root cannot be deleted")
        self._rights.require(own, Level.WRITE)
        self._set.remove_node(own)

    def save(self, archetype: Archetype) -> None:
        """Let a new node be stored although nothing stored is joined to it; an object or a walker, by itself."""
        own = self.own(archetype)
        anchor = own.__jac__
        anchor.is_saved = True
        anchor.owner = anchor.owner or self.caller
        if not isinstance(own, Edge):
            self._set.nodes.setdefault(anchor.id, own)

    def order(self, walker: Archetype, node: str | None, asked: float | None, due: float) -> None:
        """Keep a walker that will walk by itself, from a reference (None: the own root)."""
        self.save(walker)
        anchor = walker.__jac__
        self._set.tasks.append(TaskRecord(anchor.id, anchor.kind, self.caller, node, "PENDING", asked, due))

    def own(self, archetype: Archetype) -> Any:
        """This walk's own copy of a node or an edge: the very object, unless it was kept from another walk."""
        anchor = archetype.__jac__
        if anchor.graph is self:
            self._look_at(archetype)
            return archetype
        if anchor.version == 0 and not isinstance(archetype, Root):
            anchor.graph = self
            if isinstance(archetype, Node) and not isinstance(archetype, Edge):
                self._set.nodes[anchor.id] = archetype
            return archetype
        if isinstance(archetype, Root):
            return self.root(anchor.id)
        found = (
            self._reading.edge_by_id(anchor.id)
            if isinstance(archetype, Edge)
            else self._reading.node(anchor.id)
        )
        if found is None:
            raise NoAccess(reference_of(archetype))
        return found

    def enter(self, archetype: Archetype) -> None:
        """Raise NoAccess where a node may not be read, or a root is none."""
        self._look_at(archetype)
        self._rights.require(archetype, Level.READ)

    def is_gone(self, archetype: Archetype) -> bool:
        """Whether a place was deleted, by this walk or, since it has committed, by another."""
        anchor = archetype.__jac__
        if anchor.is_stale and anchor.graph is self:
            self._load(archetype)
        is_deleted: bool = anchor.is_deleted
        return is_deleted

    def renew(self, archetype: Archetype) -> None:
        """Look up what the walk has had in hand since before its last commit.

        Raises NoAccess where it is gone, or may not be read any more.
        """
        self._load(archetype)
        anchor = archetype.__jac__
        if not anchor.is_stale and not self._rights.may_read(archetype):
            make_stale(archetype)
        if anchor.is_stale:
            raise NoAccess(reference_of(archetype))

    def renew_all(self, values: Any) -> None:
        """Look up all archetypes in lists and dictionaries that `renew` would look up one by one."""
        stale = [one for one in _archetypes(values) if one.__jac__.is_stale and one.__jac__.graph is self]
        nodes = [one for one in stale if not isinstance(one, Edge)]
        if len(nodes) < 2:
            return
        self._reading.load(one.__jac__.id for one in nodes)
        there = [one for one in nodes if not one.__jac__.is_stale]
        self._load_owners(there)
        for one in there:
            if not self._rights.may_read(one):
                make_stale(one)

    def level(self, archetype: Archetype) -> Level:
        """What may be done with a node, an object or an edge."""
        return self._rights.level(self.own(archetype))

    def grant(self, node: Archetype, root_id: str | None, level: int | None) -> None:
        """Grant to a root, or to everybody (None); `level` None takes it back. Raises NoAccess without WRITE."""
        own = self.own(node)
        self._rights.require(own, Level.WRITE)
        anchor = own.__jac__
        if isinstance(own, Root):
            self._reading.load_root(own)
        anchor.owner = anchor.owner or self.caller
        anchor.grants = granted(anchor.grants, root_id, None if level is None else Level.of(level))

    def grants(self, node: Archetype) -> Grants | None:
        """What was granted on a node."""
        own = self.own(node)
        if isinstance(own, Root):
            self._reading.load_root(own)
        granted_on: Grants | None = own.__jac__.grants
        return granted_on

    def is_kept(self, anchor: Anchor) -> bool:
        """Whether a commit now would store what is new."""
        return self._set.is_kept(anchor)

    def may_write(self, archetype: Archetype) -> None:
        """Raise NoAccess unless the fields of this node or edge may be changed."""
        self._look_at(archetype)
        self._rights.require(archetype, Level.WRITE)
        archetype.__jac__.is_guarded = False

    # What the commit asks

    @property
    def reads(self) -> Reads:
        """All that the walk has looked at."""
        return self._reading.reads

    @property
    def statements(self) -> int:
        """How many looks that took, each of one moment."""
        return self._reading.statements

    @property
    def lost(self) -> Lost | None:
        """Set once the walk has seen what did not fit together."""
        return self._reading.lost

    def lose(self, lost: Lost) -> NoReturn:
        """Raise Lost, for good: whatever the program does about it, nothing that it saw counts."""
        self._reading.lose(lost)

    def read_from(self, view: View) -> None:
        """Look at the graph through `view` from now on."""
        self._reading.view = view

    def is_dirty(self) -> bool:
        """Whether a commit would write something now."""
        return self._set.is_dirty()

    def changes(self) -> Changes:
        """What the walk has changed so far. Raises NoAccess, or RecordError where a value cannot be stored."""
        return self._set.changes(self._may_change)

    def touched(self, changes: Changes) -> tuple[set[str], set[str], set[str]]:
        """The ids of the stored records that `changes` writes, and of the nodes that gain or lose an edge by it; the kinds whose
        records come or go."""
        return self._set.touched(changes)

    def committed(self, changes: Changes) -> None:
        """Take a commit of `changes` as the new state."""
        self._set.settle(changes)
        self._neighbours.forget()
        self._reading.begin()

    def begin_unit(self) -> None:
        """Begin another unit of work, after a commit: what is touched from now on is looked up anew."""
        self._set.make_stale()

    def _may_change(self, archetype: Archetype) -> None:
        if archetype.__jac__.is_stale:  # changed inside a list, say
            self._load(archetype)
            if archetype.__jac__.is_deleted:
                self._reading.lose(Lost([archetype.__jac__.id]))
        self._rights.require(archetype, Level.WRITE)

    def _look_at(self, archetype: Archetype) -> None:
        if archetype.__jac__.is_stale and archetype.__jac__.graph is self:
            self.renew(archetype)

    def _load(self, archetype: Archetype) -> None:
        id = archetype.__jac__.id
        if isinstance(archetype, Edge):
            self._reading.edge_by_id(id)
            self._reading.load((archetype.__jac__.source, archetype.__jac__.target))
        else:
            self._reading.load([id])

    def _looked_from(self, node: Archetype) -> Node:
        near: Node = self.own(node)
        if near.__jac__.id not in self._listed:
            self.enter(near)
        return near

    def _load_owners(self, nodes: Iterable[Archetype]) -> None:
        """Load the roots whose grants decide, all in one query."""
        owners = {node.__jac__.owner for node in nodes}
        self._reading.load_roots(id for id in owners if level_without_grants(self.caller, id) is None)


def _archetypes(values: Any) -> Iterator[Archetype]:
    if isinstance(values, Archetype):
        yield values
    elif isinstance(values, list | tuple | set | frozenset):
        for value in values:
            yield from _archetypes(value)
    elif isinstance(values, Mapping):
        yield from _archetypes(list(values.values()))
