"""Working set: the nodes and edges that one run of a walk holds, and its changes to them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from operator import is_

from walkwire.store import Changes, EdgeRecord, NodeRecord, TaskRecord, kinds_written
from walkwire.walk.access import encode_grants
from walkwire.walk.archetype import AnchorState, Archetype
from walkwire.walk.archetypes.edge import Edge
from walkwire.walk.archetypes.root import Root
from walkwire.walk.archetypes.watched import own_fields
from walkwire.walk.graph.codec import codec_of
from walkwire.walk.graph.kind import kept_kind
from walkwire.walk.graph.stale import is_touched, make_stale

_PLAIN = frozenset({str, int, float, bool, type(None), bytes})


class WorkingSet:
    """What one run holds and has changed.

    - nodes: by id; objects and walkers that are stored by themselves among them
    - edges: by id
    - new_edges: edges without a record, by the ids of both ends
    - cut, deleted: the ids of edges and nodes that the next commit removes
    - tasks: the tasks that the next commit creates
    """

    def __init__(self, caller: str) -> None:
        self._caller = caller
        self.nodes: dict[str, Archetype] = {}
        self.edges: dict[str, Edge] = {}
        self.new_edges: dict[str, list[Edge]] = defaultdict(list)
        self.cut: set[str] = set()
        self.deleted: set[str] = set()
        self.tasks: list[TaskRecord] = []

    def is_new(self, id: str) -> bool:
        """Return whether the run made this node and has not committed it. Roots are never new."""
        node = self.nodes.get(id)
        return node is not None and node.__jac__.version == 0 and not isinstance(node, Root)

    def add_edge(self, edge: Edge) -> None:
        """Add an edge that the run made."""
        anchor = edge.__jac__
        self.edges[anchor.id] = edge
        for end in {anchor.source, anchor.target}:
            self.new_edges[end].append(edge)

    def remove_edge(self, edge: Edge) -> None:
        """Remove an edge: a new one at once, a stored one at the commit."""
        anchor = edge.__jac__
        anchor.is_deleted = True
        if anchor.version:
            self.cut.add(anchor.id)
            return
        for end in {anchor.source, anchor.target}:
            if edge in self.new_edges[end]:
                self.new_edges[end].remove(edge)
        self.edges.pop(anchor.id, None)

    def remove_node(self, node: Archetype) -> None:
        """Remove a node with its new edges. Its stored edges go at the commit."""
        anchor = node.__jac__
        for edge in list(self.new_edges.get(anchor.id, ())):
            self.remove_edge(edge)
        anchor.is_deleted = True
        if anchor.version:
            self.deleted.add(anchor.id)

    def is_kept(self, anchor: AnchorState) -> bool:
        """Return whether a commit now would store this new archetype. True for a root."""
        nodes = self._to_store()
        if anchor.letter == "e":
            return any(edge.__jac__ is anchor for edge in self._edges_between(nodes))
        return anchor.id in nodes or (anchor.letter == "n" and not anchor.kind)

    def is_dirty(self) -> bool:
        """Return whether a commit now would write something."""
        if self.cut or self.deleted or self.tasks:
            return True
        if any(edges and not self.is_new(id) for id, edges in self.new_edges.items()):
            return True
        return any(self.is_changed(one) for one in self._stored()) or bool(self._to_store())

    def changes(self, may_change: Callable[[Archetype], None]) -> Changes:
        """Return what a commit has to write. `may_change` raises NoAccess for a change without the right to it.

        Raises RecordError for a value that cannot be stored.
        """
        if self._is_untouched():
            return Changes()
        changes = Changes(
            deleted_nodes=sorted(self.deleted), deleted_edges=sorted(self.cut), new_tasks=self.tasks
        )
        new_nodes = self._to_store()
        for node in new_nodes.values():
            node.__jac__.owner = node.__jac__.owner or self._caller
            changes.new_nodes.append(_node_record(node))
        for edge in self._edges_between(new_nodes):
            changes.new_edges.append(self._edge_record(edge))
        for one in self._stored():
            if not self.is_changed(one):
                continue
            may_change(one)
            if isinstance(one, Edge):
                changes.changed_edges.append(self._edge_record(one))
            else:
                changes.changed_nodes.append(_node_record(one))
        return changes

    def touched(self, changes: Changes) -> tuple[set[str], set[str], set[str]]:
        """Return what `changes` writes: the ids of stored records, the ids of nodes that gain or lose edges, and the kinds that
        gain or lose records."""
        records = {node.id for node in changes.changed_nodes} | {edge.id for edge in changes.changed_edges}
        records.update(changes.deleted_nodes)
        cut = (self.edges[id].__jac__ for id in changes.deleted_edges)
        ends = {end for edge in changes.new_edges for end in (edge.source, edge.target)}
        ends.update(end for anchor in cut for end in (anchor.source, anchor.target))
        return records, ends.union(changes.deleted_nodes), self._kinds_touched(changes)

    def changed_rights(self, changes: Changes) -> list[NodeRecord | str]:
        """Return the nodes on which `changes` may change anybody's level: records before the commit, and ids of deleted ones.

        A class with `__jac_access__` may decide by any field.
        """
        found: list[NodeRecord | str] = list(changes.deleted_nodes)
        for record in changes.changed_nodes:
            node = self.nodes[record.id]
            if record.access != node.__jac__.stored_grants or hasattr(type(node), "__jac_access__"):
                found.append(record)
        return found

    def _kinds_touched(self, changes: Changes) -> set[str]:
        nodes = {node.kind for node in changes.new_nodes}
        nodes.update(kept_kind(self.nodes[id]) for id in changes.deleted_nodes)
        edges = {edge.kind for edge in changes.new_edges}
        edges.update(self.edges[id].__jac__.kind for id in changes.deleted_edges)
        return kinds_written(nodes, edges)

    def settle(self, changes: Changes) -> None:
        """Take committed changes as the stored state."""
        for record in (*changes.new_nodes, *changes.changed_nodes):
            node = self.nodes[record.id]
            node.__jac__.version += 1
            node.__jac__.stored_grants = record.access
            remember(node, record.data)
        for edge_record in (*changes.new_edges, *changes.changed_edges):
            edge = self.edges[edge_record.id]
            edge.__jac__.version += 1
            remember(edge, edge_record.data)
        for id in changes.deleted_nodes:
            self.nodes.pop(id, None)
        for edges in self.new_edges.values():
            edges[:] = [edge for edge in edges if not edge.__jac__.version]
        self.cut.clear()
        self.deleted.clear()
        self.tasks = []

    def is_changed(self, archetype: Archetype) -> bool:
        """Return whether fields or grants differ from the stored ones.

        Fields are compared by identity first. They are encoded only if one of them was assigned, or can change in place.
        """
        anchor = archetype.__jac__
        if anchor.is_stale:
            return is_touched(archetype)
        if anchor.grants is not None and encode_grants(anchor.grants) != anchor.stored_grants:
            return True
        if anchor.deferred is None:
            now, then = vars(archetype), anchor.values
            is_same = now.keys() == then.keys() and all(map(is_, now.values(), then.values()))
            if is_same and _PLAIN.issuperset(map(type, now.values())):
                return False
        codec = codec_of(type(archetype))
        data = codec.encode(archetype)
        return data != anchor.stored and data != codec.rewritten(archetype)

    def make_stale(self) -> None:
        """Have every stored archetype read again before its next use. Roots have no fields; their grants are forgotten."""
        for one in self._stored():
            anchor = one.__jac__
            if isinstance(one, Root):
                anchor.version, anchor.grants, anchor.stored_grants = 0, None, None
            elif not anchor.is_stale:
                make_stale(one)

    def _is_untouched(self) -> bool:
        """Return whether there is nothing to look at: as for a walk that used no record, which is to pay for none."""
        if self.edges or self.new_edges or self.cut or self.deleted or self.tasks:
            return False
        return not any(node.__jac__.version or node.__jac__.is_saved for node in self.nodes.values())

    def _stored(self) -> list[Archetype]:
        everything: tuple[Archetype, ...] = (*self.nodes.values(), *self.edges.values())
        return [one for one in everything if one.__jac__.version and not one.__jac__.is_deleted]

    def _to_store(self) -> dict[str, Archetype]:
        """Return the new nodes that a commit stores: saved ones, and all that new edges join to stored nodes."""
        reached: set[str] = set()
        frontier = [id for id in self.new_edges if not self.is_new(id)]
        for id, node in self.nodes.items():
            if node.__jac__.is_saved and self.is_new(id) and not node.__jac__.is_deleted:
                reached.add(id)
                frontier.append(id)
        while frontier:
            for edge in self.new_edges.get(frontier.pop(), ()):
                for end in (edge.__jac__.source, edge.__jac__.target):
                    if end not in reached and self.is_new(end):
                        reached.add(end)
                        frontier.append(end)
        return {id: node for id, node in self.nodes.items() if id in reached} if reached else {}

    def _edges_between(self, new_nodes: dict[str, Archetype]) -> Iterator[Edge]:
        for edge in self.edges.values():
            anchor = edge.__jac__
            if anchor.version or anchor.is_deleted:
                continue
            if all(end in new_nodes or not self.is_new(end) for end in (anchor.source, anchor.target)):
                yield edge

    def _edge_record(self, edge: Edge) -> EdgeRecord:
        anchor = edge.__jac__
        return EdgeRecord(
            anchor.id,
            anchor.kind,
            anchor.source,
            self.nodes[anchor.source].__jac__.kind,
            anchor.target,
            self.nodes[anchor.target].__jac__.kind,
            anchor.version,
            _encoded(edge),
        )


def remember(archetype: Archetype, data: str) -> None:
    """Record that an archetype's fields, as they are now, are stored as `data`."""
    anchor = archetype.__jac__
    anchor.stored = data
    anchor.values = dict(vars(archetype)) if anchor.deferred is None else own_fields(archetype)


def _node_record(node: Archetype) -> NodeRecord:
    anchor = node.__jac__
    grants = encode_grants(anchor.grants)
    return NodeRecord(anchor.id, kept_kind(node), anchor.owner, anchor.version, _encoded(node), grants)


def _encoded(archetype: Archetype) -> str:
    codec = codec_of(type(archetype))
    data = codec.encode(archetype)
    codec.validate(archetype, data)
    return data
