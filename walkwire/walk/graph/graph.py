"""Graph: one walk's view of the graph. Loads each record once, and records all reads and changes for the commit.

Methods without a docstring of their own words implement a protocol of `walk/view`, which documents them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NoReturn, cast

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
from walkwire.walk.access import Grants, Level, granted, level_without_grants
from walkwire.walk.archetype import AnchorState, AnyArchetype, Archetype, Types, reference_of
from walkwire.walk.archetypes.edge import Edge
from walkwire.walk.archetypes.node import Node
from walkwire.walk.archetypes.root import Root
from walkwire.walk.graph.lazy import Lazy
from walkwire.walk.graph.neighbours import Link, Neighbours, Passes, ends_of
from walkwire.walk.graph.reading import Reading
from walkwire.walk.graph.rights import Rights
from walkwire.walk.graph.stale import make_stale, stale_in
from walkwire.walk.graph.working_set import WorkingSet
from walkwire.walk.registry import Registry

REFUSED = 4  # queries of a refused look-up: for a node, an edge, its ends, and the grants of the owners
_ROOTS = Search(kinds=frozenset({""}))


class WalkGraph:
    """The identity map, the reads and the changes of one run of a walk.

    - caller: the id of the root that walks
    - working_set: what it holds and changes
    """

    def __init__(self, view: View, registry: Registry, caller: str) -> None:
        self.caller = caller
        self._view = view
        self._registry = registry
        self._listed: set[str] = set()  # roots from which neighbourhoods may be read
        self._refused: set[str] = set()  # ids for which a look-up found nothing

    working_set: Lazy[WalkGraph, WorkingSet] = Lazy(lambda graph: WorkingSet(graph.caller))
    _reading: Lazy[WalkGraph, Reading] = Lazy(
        lambda graph: Reading(graph._view, graph._registry, graph, graph.working_set)
    )
    _rights: Lazy[WalkGraph, Rights] = Lazy(Rights)
    _neighbours: Lazy[WalkGraph, Neighbours] = Lazy(
        lambda graph: Neighbours(graph.working_set, graph._rights, graph._reading.links, graph._load_owners)
    )

    # `walk/view` documents these for their callers

    def root(self, root_id: str | None = None) -> Node:
        """Return a root, without a query; see `Traversal.root`."""
        return self._reading.root(root_id or self.caller)

    def roots(self) -> list[Node]:
        """Return all roots in one query. Each of them may be the start of `neighbourhood` from now on; see `Searches.roots`."""
        found = cast("list[Node]", self._reading.search_nodes(_ROOTS))
        self._listed.update(root.__jac__.id for root in found)
        return found

    def find(self, id: str) -> Archetype | None:
        """Look among nodes, objects and walkers, then among edges; see `Traversal.find`.

        The first look for an id takes `REFUSED` queries if it finds nothing: whether there is nothing, or nothing to read.
        """
        before = self._reading.statements
        found = self._reading.node(id)
        if found is not None and self._rights.may_read(found):
            return found
        return self._find_edges([id], before + REFUSED).get(id)

    def find_all(self, ids: Sequence[str]) -> list[Archetype | None]:
        """Return what `find` returns for each id, with few queries for all of them; see `AnchorGraph`."""
        before = self._reading.statements
        self._reading.load(ids, is_lenient=True)
        nodes = {id: node for id in ids if (node := self._reading.fit_node(id)) is not None}
        self._load_owners(nodes.values())
        found = {id: node for id, node in nodes.items() if self._rights.may_see(node)}
        if others := [id for id in ids if id not in found]:
            found.update(self._find_edges(others, before + REFUSED + 1, is_lenient=True))
        return [found.get(id) for id in ids]

    def search_nodes(self, search: Search) -> list[Archetype]:
        """Return the matches, without what the walk itself has deleted: up to two queries; see `Searches.search_nodes`."""
        found = self._reading.search_nodes(search)
        self._load_owners(found)
        return [node for node in found if not node.__jac__.is_deleted and self._rights.may_see(node)]

    def search_edges(self, search: Search) -> list[Edge]:
        """Return the matches, and load their ends: up to three queries; see `Searches.search_edges`."""
        found = self._reading.search_edges(search)
        self._load_ends(found)
        edges = (self._reading.fit_edge(link) for link in found if self._may_read_ends(link))
        return [edge for edge in edges if edge is not None and not edge.__jac__.is_deleted]

    def task(self, id: str) -> TaskRecord | None:
        """Return the state of a task; see `Searches.task`."""
        return self._reading.task(id)

    def user(self, key: UserKey) -> UserRecord | None:
        """Return the user whom a key finds; see `Searches.user`."""
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
        """Return a node's links with the nodes at their far ends; see `Traversal.neighbourhood`."""
        return self._neighbours.around(self._start(node), direction, edges, nodes, limit, passes)

    def between(
        self, node: Archetype, direction: Direction, edges: Types, targets: Iterable[Archetype]
    ) -> list[tuple[Link, Node]]:
        """Return a node's links with these nodes; see `Traversal.between`."""
        far = (self.own(target).__jac__.id for target in targets)
        return self._neighbours.between(self._start(node), direction, edges, far)

    def edge(self, link: Link) -> Edge:
        """Return the edge of a link, without a query."""
        return link if isinstance(link, Edge) else self._reading.edge_of(link)

    def ends(self, edge: Archetype) -> tuple[Node, Node]:
        """Return the nodes that an edge leaves and enters; see `Traversal.ends`."""
        anchor = cast("Edge", edge).__jac__
        if not anchor.source:
            raise ValueError(f"{type(edge).__name__} joins nothing yet")
        self._refresh(edge)
        source, target = self._reading.node(anchor.source), self._reading.node(anchor.target)
        if source is None or target is None:
            raise NoAccess(reference_of(edge))
        return cast("tuple[Node, Node]", (source, target))

    def connect(self, source: Archetype, target: Archetype, edge: Archetype) -> None:
        """Put an edge between two nodes; see `Mutation.connect`."""
        near, far = self.own(source), self.own(target)
        are_nodes = all(isinstance(one, Node) and not isinstance(one, Edge) for one in (near, far))
        if not are_nodes or not isinstance(edge, Edge):
            raise TypeError(f"An edge joins two nodes, not {source!r:.60} and {target!r:.60}")
        anchor = edge.__jac__
        if anchor.source:
            raise ValueError(f"This {type(edge).__name__} joins two nodes already")
        for node in (near, far):
            if node.__jac__.is_deleted:
                raise ValueError(f"This {type(node).__name__} was deleted")
            self._rights.require(node, Level.CONNECT)
            node.__jac__.owner = node.__jac__.owner or self.caller
        anchor.source, anchor.target, anchor.graph = near.__jac__.id, far.__jac__.id, self
        self.working_set.add_edge(edge)

    def cut(self, node: Archetype, link: Link) -> None:
        """Remove a link; see `Mutation.cut`."""
        edge = self._reading.edge_of(link) if isinstance(link, EdgeRecord) else link
        for end in self.ends(edge):
            self._rights.require(end, Level.CONNECT)
        self.working_set.remove_edge(edge)

    def delete(self, archetype: Archetype) -> None:
        """Remove a node or an edge; see `Mutation.delete`. A node's stored edges go at the commit."""
        own = self.own(archetype)
        if isinstance(own, Edge):
            return self.cut(own, own)
        if isinstance(own, Root):
            raise ValueError("A root cannot be deleted")
        self._rights.require(own, Level.WRITE)
        self.working_set.remove_node(own)

    def save(self, archetype: Archetype) -> None:
        """Mark an archetype to be stored at the commit; see `Mutation.save`."""
        own = self.own(archetype)
        anchor = own.__jac__
        anchor.is_saved = True
        anchor.owner = anchor.owner or self.caller
        if not isinstance(own, Edge):
            self.working_set.nodes.setdefault(anchor.id, own)

    def add_task(self, walker: Archetype, node: str | None, asked: float | None, due: float) -> None:
        """Save the walker, and add its task to the changes; see `Mutation.add_task`."""
        self.save(walker)
        id, kind = walker.__jac__.id, walker.__jac__.kind
        self.working_set.tasks.append(TaskRecord(id, kind, self.caller, node, "PENDING", asked, due))

    def own(self, archetype: AnyArchetype) -> AnyArchetype:
        """Return this walk's copy: the object itself, unless another walk read or made it; see `Mutation.own`."""
        anchor = archetype.__jac__
        if anchor.graph is self:
            self._refresh(archetype)
            return archetype
        if anchor.version == 0 and not isinstance(archetype, Root):
            anchor.graph = self
            if isinstance(archetype, Node) and not isinstance(archetype, Edge):
                self.working_set.nodes[anchor.id] = archetype
            return archetype
        if isinstance(archetype, Root):
            return cast("AnyArchetype", self.root(anchor.id))
        found = self.find(anchor.id)
        if found is None:
            raise NoAccess(reference_of(archetype))
        return cast("AnyArchetype", found)  # of the same record

    def enter(self, archetype: Archetype) -> None:
        """Require READ; see `Permissions.enter`."""
        self._refresh(archetype)
        self._rights.require(archetype, Level.READ)

    def is_gone(self, archetype: Archetype) -> bool:
        """Return whether an archetype was deleted; see `Mutation.is_gone`. Reads a stale one again."""
        if archetype.__jac__.is_stale and archetype.__jac__.graph is self:
            self._load(archetype)
        return archetype.__jac__.is_deleted

    def renew(self, archetype: Archetype) -> None:
        """Read an archetype again that the walk has held since before its last commit; see `Mutation.renew`."""
        self._load(archetype)
        anchor = archetype.__jac__
        if not anchor.is_stale and not self._rights.may_read(archetype):
            make_stale(archetype)
        if anchor.is_stale:
            raise NoAccess(reference_of(archetype))

    def renew_all(self, values: object) -> None:
        """Read all stale archetypes in lists and dictionaries again, in one query instead of one for each."""
        nodes = [one for one in stale_in(values, self) if not isinstance(one, Edge)]
        if len(nodes) < 2:
            return
        self._reading.load(one.__jac__.id for one in nodes)
        there = [one for one in nodes if not one.__jac__.is_stale]
        self._load_owners(there)
        for one in there:
            if not self._rights.may_read(one):
                make_stale(one)

    def level(self, archetype: Archetype) -> Level:
        """Return the caller's level; see `Permissions.level`."""
        return self._rights.level(self.own(archetype))

    def grant(self, node: Archetype, root_id: str | None, level: int | None) -> None:
        """Grant or revoke a level; see `Permissions.grant`."""
        own = self.own(node)
        self._rights.require(own, Level.WRITE)
        anchor = own.__jac__
        if isinstance(own, Root) and not self._reading.load_root(own):
            raise NoAccess(reference_of(own))
        anchor.owner = anchor.owner or self.caller
        changed = granted(anchor.grants, root_id, None if level is None else Level.of(level))
        self._rights.replace(anchor, changed)

    def grants(self, node: Archetype) -> Grants | None:
        """Return the grants on a node; see `Permissions.grants`. Loads those of a root."""
        own = self.own(node)
        if isinstance(own, Root) and not self._reading.load_root(own):
            raise NoAccess(reference_of(own))
        return own.__jac__.grants

    def is_kept(self, anchor: AnchorState) -> bool:
        """Return whether a commit now would store a new archetype; see `Permissions.is_kept`."""
        return self.working_set.is_kept(anchor)

    def require_write(self, archetype: Archetype) -> None:
        """Require WRITE, and clear the guard on further assignments; see `Permissions.require_write`."""
        self._refresh(archetype)
        self._rights.require(archetype, Level.WRITE)
        archetype.__jac__.is_guarded = False

    # For the commit

    @property
    def reads(self) -> Reads:
        """All records, absences and searches that this unit of work has read."""
        return self._reading.reads

    @property
    def statements(self) -> int:
        """The number of queries that took. Each of them saw one snapshot."""
        return self._reading.statements

    @property
    def lost(self) -> Lost | None:
        """Set once two reads contradict each other: one of them is out of date."""
        return self._reading.lost

    def lose(self, lost: Lost) -> NoReturn:
        """Raise Lost, and keep it: the run is void even if the program catches the error."""
        self._reading.lose(lost)

    def read_from(self, view: View) -> None:
        """Read from `view` from now on."""
        self._view = view
        if "_reading" in vars(self):
            self._reading.view = view

    def is_dirty(self) -> bool:
        """Return whether a commit would write something now; see `Mutation.is_dirty`."""
        return self.working_set.is_dirty()

    def changes(self) -> Changes:
        """Return all uncommitted changes. Raises NoAccess, and RecordError for a value that cannot be stored."""
        return self.working_set.changes(self._may_change)

    def committed(self, changes: Changes) -> None:
        """Take committed `changes` as the stored state."""
        self.working_set.settle(changes)
        self._neighbours.forget()
        self._rights.committed()
        self._refused.clear()
        self._reading.begin()

    def begin_unit(self) -> None:
        """Begin another unit of work after a commit: each archetype is read again before its next use."""
        self.working_set.make_stale()

    def end(self) -> None:
        """Let go of all that was read: the walk is over. Kept objects may look up their fields later: that is read anew."""
        for part in ("working_set", "_reading", "_rights", "_neighbours"):
            self.__dict__.pop(part, None)

    def _find_edges(self, ids: list[str], statements: int, is_lenient: bool = False) -> dict[str, Archetype]:
        """Return the edges with these ids that may be read. If one is not found for the first time: after so many queries."""
        edges = self._reading.edges_by_id(ids)
        self._load_ends(edges.values())
        made = self._reading.fit_edge if is_lenient else self.edge
        readable = ((id, made(link)) for id, link in edges.items() if self._may_read_ends(link))
        found: dict[str, Archetype] = {id: edge for id, edge in readable if edge is not None}
        if len(found) < len(ids) and not self._refused.issuperset(ids):
            self._refused.update(ids)
            self._reading.fill_up(statements)
        return found

    def _load_ends(self, links: Iterable[Link]) -> None:
        ends = [end for link in links for end in ends_of(link)]
        self._reading.load(ends, is_lenient=True)
        self._load_owners(node for end in ends if (node := self._reading.fit_node(end)) is not None)

    def _may_read_ends(self, link: Link) -> bool:
        ends = (self._reading.fit_node(id) for id in ends_of(link))
        return all(end is not None and self._rights.may_see(end) for end in ends)

    def load_root(self, root: Node) -> bool:
        """Load the grants of a root; see `OwnedGraph`."""
        return self._reading.load_root(root)

    def unseal(self, archetype: Archetype) -> None:
        """Decode fields; see `OwnedGraph`."""
        self._reading.unseal(archetype)

    def as_stored(self, archetype: Archetype) -> Archetype:
        """Return what is stored; see `OwnedGraph`."""
        is_changed = archetype.__jac__.version and self.working_set.is_changed(archetype)
        return self._reading.as_stored(archetype) if is_changed else archetype

    def _may_change(self, archetype: Archetype) -> None:
        if archetype.__jac__.is_stale:  # changed inside a list, say
            self._load(archetype)
            if archetype.__jac__.is_deleted:
                self._reading.lose(Lost([archetype.__jac__.id]))
        self._rights.require(archetype, Level.WRITE)

    def _refresh(self, archetype: Archetype) -> None:
        if archetype.__jac__.is_stale and archetype.__jac__.graph is self:
            self.renew(archetype)

    def _load(self, archetype: Archetype) -> None:
        id = archetype.__jac__.id
        if isinstance(archetype, Edge):
            self.working_set.edges.setdefault(id, archetype)
            self._reading.edges_by_id([id])
            self._reading.load((archetype.__jac__.source, archetype.__jac__.target))
        else:
            self.working_set.nodes.setdefault(id, archetype)
            self._reading.load([id])

    def _start(self, node: Archetype) -> Archetype:
        near = self.own(node)
        if near.__jac__.id not in self._listed:
            self.enter(near)
        return near

    def _load_owners(self, nodes: Iterable[Archetype]) -> None:
        """Load the roots whose grants decide about these nodes, in one query."""
        owners = {node.__jac__.owner for node in nodes}
        self._reading.load_roots(id for id in owners if level_without_grants(self.caller, id) is None)
