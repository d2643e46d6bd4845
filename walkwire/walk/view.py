"""View: what nodes, walkers and verbs may ask of the graph of a run. `walk/graph/graph` implements it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

from walkwire.store import Direction, Search, TaskRecord, UserKey, UserRecord
from walkwire.walk.archetype import Archetype

Types = tuple[type, ...] | None


class GraphView(Protocol):
    """The graph as one run sees it: stored records with the changes of the run on top."""

    def root(self, root_id: str | None = None) -> Archetype:
        """Return the root with this id, or the caller's own root."""

    def roots(self) -> Sequence[Archetype]:
        """Return all roots that are stored."""

    def find(self, id: str) -> Archetype | None:
        """Return the node, edge or object with this id. None if there is none, or if the caller may not read it."""

    def search_nodes(self, search: Search) -> Sequence[Archetype]:
        """Return the stored nodes that match a search and that the caller may read."""

    def search_edges(self, search: Search) -> Sequence[Archetype]:
        """Return the stored edges that match a search and whose ends the caller may read."""

    def task(self, id: str) -> TaskRecord | None:
        """Return the task with the id of a walker, or None."""

    def user(self, key: UserKey) -> UserRecord | None:
        """Return the user whose unique column has this value, or None."""

    def neighbourhood(
        self,
        node: Archetype,
        direction: Direction,
        edges: Types,
        nodes: Types,
        limit: int | None = None,
        passes: Callable[[Any, Any], bool] | None = None,
    ) -> Sequence[tuple[Any, Archetype]]:
        """Return the links of a node with the node at the other end of each.

        - edges, nodes: classes to restrict the result to; None: all
        - limit: the largest number of pairs to return; None: all
        - passes: called with link and node; pairs for which it returns False are left out
        """

    def between(
        self, node: Archetype, direction: Direction, edges: Types, targets: Iterable[Archetype]
    ) -> Sequence[tuple[Any, Archetype]]:
        """Return the links between a node and any of `targets`, each with the target."""

    def edge(self, link: Any) -> Archetype:
        """Return the edge of a link, loaded if needed."""

    def ends(self, edge: Archetype) -> tuple[Archetype, Archetype]:
        """Return the source and the target of an edge."""

    def connect(self, source: Archetype, target: Archetype, edge: Archetype) -> None:
        """Join two nodes by an edge. Raises NoAccess."""

    def cut(self, node: Archetype, link: Any) -> None:
        """Delete a link of a node. Raises NoAccess."""

    def delete(self, archetype: Archetype) -> None:
        """Delete a node with its edges, an edge, or an object. Raises NoAccess."""

    def save(self, archetype: Archetype) -> None:
        """Store a new node with the next commit, even if no stored node is joined to it."""

    def order(self, walker: Archetype, node: str | None, asked: float | None, due: float) -> None:
        """Store a task with the next commit: a walker that will walk from `node`. Times are seconds since the epoch."""

    def own(self, archetype: Archetype) -> Archetype:
        """Return the archetype of this run that stands for the same record as `archetype`."""

    def enter(self, archetype: Archetype) -> None:
        """Check that the caller may read a place that the walk visits. Raises NoAccess."""

    def is_gone(self, archetype: Archetype) -> bool:
        """Whether a place has been deleted."""

    def renew(self, archetype: Archetype) -> None:
        """Load the fields of a stale archetype again."""

    def level(self, archetype: Archetype) -> int:
        """Return the caller's access level for an archetype."""

    def grant(self, node: Archetype, root_id: str | None, level: int | None) -> None:
        """Set the access level of one root, or of everybody if `root_id` is None. A `level` of None removes it."""

    def grants(self, node: Archetype) -> Any:
        """Return the access levels that are set for a node."""

    def is_kept(self, anchor: Any) -> bool:
        """Whether a record is stored, or will be by the next commit."""

    def may_write(self, archetype: Archetype) -> None:
        """Require write access before the first change of an archetype. Raises NoAccess."""

    def is_dirty(self) -> bool:
        """Whether a commit would write something now."""
