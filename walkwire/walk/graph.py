"""Graph: one walk's view of the graph. Loads what is touched, once; remembers what was read and changed; saves it once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from walkwire.errors import NoAccess
from walkwire.ids import parse_reference
from walkwire.store import (
    Changes,
    Direction,
    EdgeRecord,
    Lost,
    NodeRecord,
    Reads,
    Search,
    Selection,
    TaskRecord,
    View,
)
from walkwire.walk.access import (
    Grants,
    Level,
    decode_grants,
    granted,
    level_without_grants,
)
from walkwire.walk.anchor import Anchor, AnchorOfEdge
from walkwire.walk.archetype import Archetype, loaded, reference_of
from walkwire.walk.codec import Resolve, bare, codec_of
from walkwire.walk.context import Types
from walkwire.walk.edge import Edge, GenericEdge
from walkwire.walk.kept import kept_as
from walkwire.walk.neighbours import Link, Neighbours, Passes
from walkwire.walk.node import Node
from walkwire.walk.registry import Registry
from walkwire.walk.rights import Rights
from walkwire.walk.root import Root
from walkwire.walk.working import WorkingSet, remember


class WalkGraph:
    """The identity map, the reads and the changes of one run of a walk. `caller` is the root that walks."""

    def __init__(self, view: View, registry: Registry, caller: str) -> None:
        self._view = view
        self._registry = registry
        self.caller = caller
        self.reads = Reads()
        self.statements = 0
        self._listed: set[str] = set()
        self._set = WorkingSet(caller)
        self._rights = Rights(caller, root=self.root, load_root=self._load_root, ends=self.ends)
        self._neighbours = Neighbours(self._set, self._rights, self._load_links, self._load_owners)
        self._resolve = Resolve(self._by_reference, lambda name: registry.find("obj", name))

    # What nodes, walkers and verbs ask

    def root(self, root_id: str | None = None) -> Node:
        """A root's handle, without a query."""
        root_id = root_id or self.caller
        node: Node | None = self._set.nodes.get(root_id)
        if node is None:
            anchor = Anchor("", root_id)
            anchor.owner, anchor.graph = root_id, self
            node = self._set.nodes[root_id] = loaded(Root, anchor)
        return node

    def roots(self) -> list[Node]:
        """Everybody's root. One that may not be read can be looked out from nevertheless, to what its owner shares."""
        self.statements += 1
        found = [self._take(record) for record in self._view.roots()]
        self._listed.update(root.__jac__.id for root in found)
        return found

    def find(self, id: str) -> Archetype | None:
        """The archetype with this id, by id alone; None where it is absent or may not be read."""
        found: Archetype | None = self._node(id)
        if found is None:
            found = self._edge_by_id(id)
        return found if found is not None and self._rights.may_read(found) else None

    def search_nodes(self, search: Search) -> list[Any]:
        """The stored nodes that fit and may be read, kept objects and walkers included."""
        self.statements += 1
        found = [self._take(record) for record in self._view.search_nodes(search)]
        self._load_owners(found)
        return [node for node in found if not node.__jac__.is_deleted and self._rights.may_read(node)]

    def search_edges(self, search: Search) -> list[Edge]:
        """The stored edges that fit and may be read."""
        self.statements += 1
        found = [self._edge_of(record) for record in self._view.search_edges(search)]
        self.load(end for edge in found for end in (edge.__jac__.source, edge.__jac__.target))
        return [edge for edge in found if not edge.__jac__.is_deleted and self._rights.may_read(edge)]

    def task(self, id: str) -> TaskRecord | None:
        """What became of a walker that walks by itself."""
        self.statements += 1
        return self._view.load_task(id)

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
        return link if isinstance(link, Edge) else self._edge_of(link)

    def ends(self, edge: Archetype) -> tuple[Node, Node]:
        """The nodes that an edge leaves and enters."""
        anchor = edge.__jac__
        if anchor.source is None:
            raise ValueError(f"{type(edge).__name__} joins nothing yet")
        source, target = self._node(anchor.source), self._node(anchor.target)
        if source is None or target is None:
            raise NoAccess(reference_of(edge))
        return source, target

    def connect(self, source: Archetype, target: Archetype, edge: Archetype) -> None:
        """Put an edge between two nodes. Raises NoAccess without CONNECT on both."""
        near, far = self.own(source), self.own(target)
        if not isinstance(near, Node) or not isinstance(far, Node) or not isinstance(edge, Edge):
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
        edge = self._edge_of(link) if isinstance(link, EdgeRecord) else link
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
            return archetype
        if anchor.version == 0 and not isinstance(archetype, Root):
            anchor.graph = self
            if isinstance(archetype, Node):
                self._set.nodes[anchor.id] = archetype
            return archetype
        if isinstance(archetype, Root):
            return self.root(anchor.id)
        found = self._edge_by_id(anchor.id) if isinstance(archetype, Edge) else self._node(anchor.id)
        if found is None:
            raise NoAccess(reference_of(archetype))
        return found

    def enter(self, archetype: Archetype) -> None:
        """Raise NoAccess where a node may not be read, or a root is none."""
        self._rights.require(archetype, Level.READ)

    def level(self, archetype: Archetype) -> Level:
        """What may be done with a node, an object or an edge."""
        return self._rights.level(self.own(archetype))

    def grant(self, node: Archetype, root_id: str | None, level: int | None) -> None:
        """Grant to a root, or to everybody (None); `level` None takes it back. Raises NoAccess without WRITE."""
        own = self.own(node)
        self._rights.require(own, Level.WRITE)
        anchor = own.__jac__
        if isinstance(own, Root):
            self._load_root(own)
        anchor.owner = anchor.owner or self.caller
        anchor.grants = granted(anchor.grants, root_id, None if level is None else Level.of(level))

    def grants(self, node: Archetype) -> Grants | None:
        """What was granted on a node."""
        own = self.own(node)
        if isinstance(own, Root):
            self._load_root(own)
        granted_on: Grants | None = own.__jac__.grants
        return granted_on

    def is_kept(self, anchor: Anchor) -> bool:
        """Whether a commit now would store what is new."""
        return self._set.is_kept(anchor)

    def may_write(self, archetype: Archetype) -> None:
        """Raise NoAccess unless the fields of this node or edge may be changed."""
        self._rights.require(archetype, Level.WRITE)
        archetype.__jac__.is_guarded = False

    # What the commit asks

    def read_from(self, view: View) -> None:
        """Look at the graph through `view` from now on."""
        self._view = view

    def is_dirty(self) -> bool:
        """Whether a commit would write something now."""
        return self._set.is_dirty()

    def changes(self) -> Changes:
        """What the walk has changed so far. Raises NoAccess, or RecordError where a value cannot be stored."""
        return self._set.changes(may_change=lambda one: self._rights.require(one, Level.WRITE))

    def touched(self, changes: Changes) -> tuple[set[str], set[str]]:
        """The ids of the stored records that `changes` writes, and of the nodes that gain or lose an edge by it."""
        return self._set.touched(changes)

    def committed(self, changes: Changes) -> None:
        """Take a commit of `changes` as the new state. What is touched through the graph from now on is read again."""
        self._set.settle(changes)
        self._neighbours.forget()
        self.reads = Reads()
        self.statements = 0

    # Loading

    def load(self, ids: Iterable[str]) -> None:
        """Load nodes that are not here yet, in one query."""
        missing = [id for id in ids if id not in self.reads.nodes and not self._set.is_new(id)]
        if not missing:
            return
        self.statements += 1
        for record in self._view.load_nodes(missing):
            self._take(record)
        for id in missing:
            if self.reads.nodes.setdefault(id, 0) == 0 and id in self._set.nodes:
                self._set.nodes[id].__jac__.is_deleted = True

    def _node(self, id: str) -> Node | None:
        node = self._set.nodes.get(id)
        if not isinstance(node, Root):
            self.load([id])
            node = self._set.nodes.get(id)
        return None if node is None or node.__jac__.is_deleted else node

    def _edge_by_id(self, id: str) -> Edge | None:
        if id not in self._set.edges and id not in self.reads.edges:
            self.statements += 1
            records = self._view.load_edges([id])
            self.reads.edges[id] = records[0].version if records else 0
            if records:
                self._edge_of(records[0])
        edge = self._set.edges.get(id)
        return None if edge is None or edge.__jac__.is_deleted else edge

    def _looked_from(self, node: Archetype) -> Node:
        near: Node = self.own(node)
        if near.__jac__.id not in self._listed:
            self.enter(near)
        return near

    def _load_links(self, selection: Selection) -> list[tuple[EdgeRecord, Node]]:
        self.statements += 1
        pairs, mark = self._view.load_neighbourhood(selection)
        self.reads.neighbourhoods[selection] = mark
        return [(edge, self._take(far)) for edge, far in pairs]

    def _take(self, record: NodeRecord) -> Any:
        """The node of a record: the one that is here already, or a new one."""
        node = self._set.nodes.get(record.id)
        if node is None:
            node = self._made(record)
        elif isinstance(node, Root):
            if not node.__jac__.version:
                self._fill(node, record)
        elif node.__jac__.version != record.version and not node.__jac__.is_deleted:
            if record.id in self.reads.nodes or self._set.is_changed(node):
                raise Lost([record.id])
            self._fill(node, record)
        self.reads.nodes.setdefault(record.id, record.version)
        return node

    def _made(self, record: NodeRecord) -> Any:
        if record.kind == "":
            root = self.root(record.id)
            self._fill(root, record)
            return root
        family, base, kind = kept_as(record.kind)
        cls = self._registry.find(family, kind) or base
        node = loaded(cls, Anchor(kind, record.id)) if family == "node" else bare(cls)
        anchor = node.__jac__
        anchor.id, anchor.kind, anchor.graph, anchor.owner = record.id, kind, self, record.owner
        anchor.is_guarded = level_without_grants(self.caller, record.owner) is None
        self._set.nodes[record.id] = node
        self._fill(node, record)
        return node

    def _fill(self, node: Node, record: NodeRecord) -> None:
        anchor = node.__jac__
        anchor.version, anchor.stored_grants = record.version, record.access
        anchor.grants = decode_grants(record.access)
        codec_of(type(node)).decode(node, record.data, self._resolve)
        remember(node, record.data)

    def _load_root(self, root: Node) -> None:
        """Make sure that a root's handle has its grants. Raises NoAccess where there is no such root."""
        anchor = root.__jac__
        if anchor.version or anchor.id in self.reads.nodes:
            if not anchor.version:
                raise NoAccess(reference_of(root))
            self.reads.nodes.setdefault(anchor.id, anchor.version)
            return
        self.statements += 1
        records = self._view.load_nodes([anchor.id])
        self.reads.nodes[anchor.id] = records[0].version if records else 0
        if not records or records[0].kind != "":
            raise NoAccess(reference_of(root))
        self._fill(root, records[0])

    def _edge_of(self, record: EdgeRecord) -> Edge:
        if record.id in self._set.edges:
            return self._set.edges[record.id]
        cls = self._edge_class(record.kind)
        anchor = AnchorOfEdge(record.kind, record.id)
        edge: Edge = loaded(cls, anchor)
        anchor.graph = self
        anchor.version, anchor.source, anchor.target = record.version, record.source, record.target
        anchor.is_guarded = True
        codec_of(cls).decode(edge, record.data, self._resolve)
        remember(edge, record.data)
        self._set.edges[record.id] = edge
        self.reads.edges.setdefault(record.id, record.version)
        return edge

    def _edge_class(self, kind: str) -> type[Edge]:
        return (self._registry.find("edge", kind) if kind else None) or GenericEdge

    def _by_reference(self, reference: str) -> Archetype | None:
        kind, name, id = parse_reference(reference)
        return self.root(id) if kind == "n" and not name else self.find(id)

    def _load_owners(self, nodes: Iterable[Node]) -> None:
        """Load the roots whose grants decide, all in one query."""
        owners = {node.__jac__.owner for node in nodes}
        foreign = [id for id in owners if level_without_grants(self.caller, id) is None]
        missing = [
            id
            for id in foreign
            if id not in self.reads.nodes
            and not (id in self._set.nodes and self._set.nodes[id].__jac__.version)
        ]
        if len(missing) > 1:
            self.statements += 1
            for record in self._view.load_nodes(missing):
                self._take(record)
