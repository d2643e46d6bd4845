"""Reading: all queries of one walk. Each one is recorded for the commit, which checks that its result still holds.

Records become archetypes here. Each record becomes one archetype only. The fields of a record that grants decide about stay
sealed until the caller is known to have the right to read them: a record that the caller may not read takes no time to decode,
and fails in no way of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import NoReturn, cast

from walkwire.errors import BadReference, RecordError
from walkwire.ids import parse_reference
from walkwire.store import (
    EdgeRecord,
    Lost,
    NodeRecord,
    Reads,
    Search,
    Selection,
    TaskRecord,
    UserKey,
    UserRecord,
    View,
    kinds_searched,
    known_user,
)
from walkwire.walk.access import decode_grants, level_without_grants
from walkwire.walk.archetype import SEALED, AnchorGraph, Archetype, loaded
from walkwire.walk.archetypes.anchor import Anchor, AnchorOfEdge
from walkwire.walk.archetypes.edge import Edge
from walkwire.walk.archetypes.node import Node, stored_edge_class
from walkwire.walk.archetypes.root import Root
from walkwire.walk.archetypes.watched import own_fields, watch
from walkwire.walk.graph.codec import Resolve, bare, codec_of
from walkwire.walk.graph.kind import kept_as
from walkwire.walk.graph.stale import restore
from walkwire.walk.graph.working_set import WorkingSet, remember
from walkwire.walk.mistake import report_unreadable
from walkwire.walk.registry import Registry

_NOBODY = ""  # the id of no record


class Reading:
    """The queries of one run of a walk. What they find goes into the working set.

    - view: answers the queries
    - reads: the results so far, for the commit's check
    - statements: the number of queries so far. Each saw one snapshot; several may have seen different ones
    - lost: set once two results contradict each other
    """

    def __init__(self, view: View, registry: Registry, graph: AnchorGraph, working_set: WorkingSet) -> None:
        self.view = view
        self.reads = Reads()
        self.statements = 0
        self.lost: Lost | None = None
        self._registry = registry
        self._graph = graph
        self._set = working_set
        self._look_ups: Resolve | None = None  # made by the first record
        self._handles: dict[str, Node] = {}  # roots that are not known to exist
        self._unfit: dict[str, RecordError] = {}  # nodes that were read in spite of it

    def begin(self) -> None:
        """Begin another unit of work, which has read nothing."""
        self.reads = Reads()
        self.statements = 0
        self._unfit.clear()
        self.view.expect("", None)

    def lose(self, lost: Lost) -> NoReturn:
        """Raise Lost, and keep it: the run is void even if the program catches the error."""
        self.lost = self.lost or lost
        raise lost

    def load(self, ids: Iterable[str], *, is_lenient: bool = False) -> None:
        """Load nodes that this unit of work has not read, in one query. Marks those that are gone as deleted.

        Raises RecordError for a record that does not fit its class. If lenient, `node` does, and `fit_node` does not.
        """
        wanted = dict.fromkeys(ids)
        missing = [id for id in wanted if id not in self.reads.nodes and not self._set.is_new(id)]
        if not missing:
            return
        self.statements += 1
        for record in self.view.load_nodes(missing):
            try:
                self._adopt(record)
            except RecordError as error:
                if not is_lenient:
                    raise
                report_unreadable(error)
                self._unfit[record.id] = error.with_traceback(None)  # which would hold the graph
                self.reads.nodes[record.id] = record.version
        for id in missing:
            if self.reads.nodes.setdefault(id, 0) == 0 and id in self._set.nodes:
                self._set.nodes[id].__jac__.is_deleted = True

    def node(self, id: str) -> Archetype | None:
        """Return the node, object or walker with this id; None if it is absent. A root that is known needs no query."""
        node = self._set.nodes.get(id)
        if not isinstance(node, Root):
            self.load([id])
            node = self._set.nodes.get(id)
        if node is None and id in self._unfit:
            raise self._unfit[id].with_traceback(None)
        return None if node is None or node.__jac__.is_deleted else node

    def fit_node(self, id: str) -> Archetype | None:
        """Return what `node` returns; None, too, for a record that does not fit its class."""
        return None if id in self._unfit else self.node(id)

    def fit_edge(self, link: Edge | EdgeRecord) -> Edge | None:
        """Return the edge of a link, as `edge_of`; None, and a line in the log, for a record that does not fit its class."""
        try:
            return link if isinstance(link, Edge) else self.edge_of(link)
        except RecordError as error:
            report_unreadable(error)
            return None

    def root(self, root_id: str) -> Node:
        """Return a root, without a query and without a check that it exists. For another node's id it is a root that does not."""
        node = self._set.nodes.get(root_id)
        if isinstance(node, Root):
            return node
        root = self._handles.get(root_id)
        if root is None:
            anchor = Anchor("", root_id)
            anchor.owner, anchor.graph = root_id, self._graph
            root = loaded(Root, anchor)
            known = self._set.nodes if root_id == self._graph.caller else self._handles
            known[root_id] = root
        return root

    def load_root(self, root: Node) -> bool:
        """Load the grants of a root, unless this unit of work has. Return whether there is such a root."""
        anchor = root.__jac__
        if anchor.version:
            self.reads.nodes.setdefault(anchor.id, anchor.version)
        else:
            self.load([anchor.id])
        return anchor.version > 0

    def load_roots(self, ids: Iterable[str]) -> None:
        """Load the grants of roots in one query, if several are missing. A single one is loaded when its grants matter."""
        missing = [
            id
            for id in ids
            if id not in self.reads.nodes
            and not (id in self._set.nodes and self._set.nodes[id].__jac__.version)
        ]
        if len(missing) > 1:
            self.statements += 1
            for record in self.view.load_nodes(missing):
                self._adopt(record)

    def edges_by_id(self, ids: Iterable[str]) -> dict[str, Edge | EdgeRecord]:
        """Return the edges with these ids: those that the walk holds, and records of others, which no rights allow yet.

        One query for all of which this unit of work knows nothing.
        """
        wanted = dict.fromkeys(ids)
        missing = [id for id in wanted if id not in self.reads.edges and not self._is_new_edge(id)]
        found: dict[str, Edge | EdgeRecord] = {}
        if missing:
            self.statements += 1
            for record in self.view.load_edges(missing):
                known = record.id in self._set.edges
                found[record.id] = self.edge_of(record) if known else record
                self.reads.edges[record.id] = record.version
        for id in wanted:
            held = self._set.edges.get(id)
            if id in missing and self.reads.edges.setdefault(id, 0) == 0 and held is not None:
                held.__jac__.is_deleted = True
            elif held is not None and not held.__jac__.is_deleted:
                found[id] = held
        return found

    def fill_up(self, statements: int) -> None:
        """Ask for nothing, until this unit of work has taken so many statements."""
        while self.statements < statements:
            self.statements += 1
            self.view.load_nodes([_NOBODY])

    def links(self, selection: Selection) -> list[tuple[EdgeRecord, Node]]:
        """Return the stored links of a selection, each with the node at its far end. Always asks the view."""
        self.statements += 1
        pairs, mark = self.view.load_neighbourhood(selection)
        self.reads.neighbourhoods[selection] = mark
        return cast("list[tuple[EdgeRecord, Node]]", [(edge, self._adopt_if_fit(far)) for edge, far in pairs])

    def search_nodes(self, search: Search) -> list[Archetype]:
        """Return the stored nodes that match, with roots, objects and walkers. Raises Lost if the result has changed."""
        self.statements += 1
        records = self.view.search_nodes(search)
        ids = frozenset(record.id for record in records)
        if self.reads.node_searches.setdefault(search, ids) != ids:
            self.lose(Lost(kinds=kinds_searched([search], ())))
        return [self._adopt_if_fit(record) for record in records]

    def search_edges(self, search: Search) -> list[EdgeRecord]:
        """Return the records of stored edges that match. Raises Lost if the result has changed."""
        self.statements += 1
        records = self.view.search_edges(search)
        ids = frozenset(record.id for record in records)
        if self.reads.edge_searches.setdefault(search, ids) != ids:
            self.lose(Lost(kinds=kinds_searched((), [search])))
        return records

    def task(self, id: str) -> TaskRecord | None:
        """Return the state of a task; None if there is none. Raises Lost if it has changed."""
        self.statements += 1
        task = self.view.load_task(id)
        state = None if task is None else task.state
        if self.reads.tasks.setdefault(id, state) != state:
            self.lose(Lost([id]))
        return task

    def user(self, key: UserKey) -> UserRecord | None:
        """Return the user whom this key finds, without password and token generation. Raises Lost if the user has changed."""
        self.statements += 1
        user = known_user(self.view.load_user(key))
        if self.reads.users.setdefault(key, user) != user:
            self.lose(Lost([key[1] if user is None else user.id]))
        return user

    def edge_of(self, record: EdgeRecord) -> Edge:
        """Return the edge of a record: the one that the walk holds, or a new one. No query."""
        known = self._set.edges.get(record.id)
        if known is not None:
            if self._is_outdated(known, record, self.reads.edges):
                self._fill_edge(known, record)
            self.reads.edges.setdefault(record.id, record.version)
            return known
        cls = stored_edge_class(self._registry, record.kind)
        anchor = AnchorOfEdge(record.kind, record.id)
        edge = loaded(cls, anchor)
        anchor.graph = self._graph
        anchor.source, anchor.target = record.source, record.target
        anchor.is_guarded = True
        self._fill_edge(edge, record)
        self._set.edges[record.id] = edge
        self.reads.edges.setdefault(record.id, record.version)
        return edge

    def _adopt_if_fit(self, record: NodeRecord) -> Archetype:
        """Return the node of a record. If it does not fit its class: one that counts as deleted, which nobody sees."""
        if record.id in self._set.nodes:
            return self._adopt(record)
        try:
            return self._adopt(record)
        except RecordError as error:
            report_unreadable(error)
            node = loaded(Node, Anchor(record.kind, record.id))
            node.__jac__.is_deleted = True
            return node

    def _adopt(self, record: NodeRecord) -> Archetype:
        """Return the node of a record: the one that the walk holds, or a new one."""
        node = self._set.nodes.get(record.id)
        if node is None:
            node = self._made(record)
        elif isinstance(node, Root):
            if not node.__jac__.version:
                self._fill(node, record)
        elif self._is_outdated(node, record, self.reads.nodes):
            self._fill(node, record)
        self.reads.nodes.setdefault(record.id, record.version)
        return node

    def _is_outdated(
        self, archetype: Archetype, record: NodeRecord | EdgeRecord, seen: Mapping[str, int]
    ) -> bool:
        """Return whether the fields have to be read from this record. Restores a stale archetype first. Raises Lost."""
        anchor = archetype.__jac__
        is_other = anchor.version != record.version and not anchor.is_deleted
        if is_other and (record.id in seen or self._set.is_changed(archetype)):
            self.lose(Lost([record.id]))
        if anchor.is_stale:
            restore(archetype)
            if isinstance(record, NodeRecord):
                anchor.is_guarded = level_without_grants(self._graph.caller, record.owner) is None
        return is_other

    def _is_new_edge(self, id: str) -> bool:
        edge = self._set.edges.get(id)
        return edge is not None and edge.__jac__.version == 0

    def _made(self, record: NodeRecord) -> Archetype:
        if record.kind == "":
            root = self._set.nodes[record.id] = self.root(record.id)
            self._handles.pop(record.id, None)
            self._fill(root, record)
            return root
        family, base, kind = kept_as(record.kind)
        cls = self._registry.find(family, kind) or base
        node: Archetype = loaded(cls, Anchor(kind, record.id)) if family == "node" else bare(cls)
        anchor = node.__jac__
        anchor.id, anchor.kind, anchor.graph, anchor.owner = record.id, kind, self._graph, record.owner
        anchor.is_guarded = level_without_grants(self._graph.caller, record.owner) is None
        self._set.nodes[record.id] = node
        try:
            self._fill(node, record)
        except RecordError:
            del self._set.nodes[record.id]
            raise
        return node

    def unseal(self, node: Archetype) -> None:
        """Decode the fields of a sealed node. Raises RecordError."""
        anchor = node.__jac__
        data = cast("str", anchor.stored)
        codec_of(type(node)).decode(node, data, self._resolve())
        remember(node, data)

    def as_stored(self, node: Archetype) -> Archetype:
        """Return a copy of a stored node as it was before this walk changed it."""
        twin: Archetype = bare(type(node))
        anchor, held = twin.__jac__, node.__jac__
        anchor.id, anchor.kind, anchor.owner, anchor.graph = held.id, held.kind, held.owner, held.graph
        anchor.version, anchor.grants = held.version, held.grants
        codec_of(type(node)).decode(twin, held.stored or "{}", self._resolve())
        return twin

    def _fill(self, node: Archetype, record: NodeRecord) -> None:
        anchor = node.__jac__
        anchor.version, anchor.stored_grants = record.version, record.access
        anchor.grants = decode_grants(record.access)
        if anchor.is_guarded:
            self._seal(node, record.data)
            return
        codec_of(type(node)).decode(node, record.data, self._resolve())
        remember(node, record.data)

    def _seal(self, node: Archetype, data: str) -> None:
        """Hold the fields back: neither the program nor a report gets at them before `unseal`."""
        anchor, names = node.__jac__, codec_of(type(node)).names
        watch(type(node), names)
        if anchor.values or anchor.deferred is not None:
            own = own_fields(node)
            for name in names:
                own.pop(name, None)
            object.__setattr__(node, "__dict__", own)
            anchor.deferred = None
        anchor.stored, anchor.values = data, SEALED

    def _fill_edge(self, edge: Edge, record: EdgeRecord) -> None:
        edge.__jac__.version = record.version
        codec_of(type(edge)).decode(edge, record.data, self._resolve())
        remember(edge, record.data)

    def _resolve(self) -> Resolve:
        """Return the look-ups for names inside records."""
        if self._look_ups is None:
            self._look_ups = Resolve(partial(_referred, self._graph), partial(self._registry.find, "obj"))
        return self._look_ups


def _referred(graph: AnchorGraph, references: list[str]) -> list[Archetype | None]:
    """Return what references name; None for one that is absent, that the caller may not read, or that is no reference.

    It holds the graph, not its parts: these are let go when the walk ends.
    """
    found: dict[str, Archetype | None] = {}
    ids: dict[str, str] = {}
    for reference in references:
        try:
            kind, name, id = parse_reference(reference)
        except BadReference:
            found[reference] = None
        else:
            if kind == "n" and not name:
                found[reference] = graph.root(id)
            else:
                ids[reference] = id
    found.update(zip(ids, graph.find_all(list(ids.values())), strict=True))
    return [found[reference] for reference in references]
