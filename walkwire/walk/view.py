"""View: the graph as one walk sees it. Protocols for what nodes, walkers and the dialect ask of it, one for each purpose.

`walk/graph/graph` implements them. They lie below the classes Node and Edge, so they name these by type variables:
`walk/archetypes/node` has `Graph`, in which the types are filled in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol, TypeVar

from walkwire.store import Direction, Search, TaskRecord, UserKey, UserRecord
from walkwire.walk.access import Grants
from walkwire.walk.archetype import AnchorState, AnyArchetype, Archetype
from walkwire.walk.archetype import Types as Types

N_co = TypeVar("N_co", covariant=True)
E_co = TypeVar("E_co", covariant=True)

# An edge of this walk, or the record of one that was not used yet. Opaque outside the graph: only `edge` and `cut` take it.
Link = Any  # Any: the two classes have nothing in common that a protocol could name
# A caller's test of a link and the node at its far end. Any: the node, of a class that the caller asked for.
Passes = Callable[[Link, Any], bool]


class Traversal(Protocol[N_co, E_co]):
    """From nodes to their neighbours."""

    def root(self, root_id: str | None = None) -> N_co:
        """Return a root (None: the caller's own), without a query. Whether it exists is checked when its grants matter."""

    def find(self, id: str) -> Archetype | None:
        """Return the archetype with this id; None if it is absent or may not be read."""

    def neighbourhood(
        self,
        node: Archetype,
        direction: Direction,
        edges: Types,
        nodes: Types,
        limit: int | None = None,
        passes: Passes | None = None,
    ) -> Sequence[tuple[Link, N_co]]:
        """Return the links of a node, each with the node at its far end, in the order in which they were made.

        Links that may not be read, or for which `passes(link, far)` is false, are left out.

        - edges, nodes: the classes to return; None: all
        - limit: the first `limit` links; the last, if negative. The cost then depends on the limit, not on the number of links

        Raises NoAccess if the node itself may not be read.
        """

    def between(
        self, node: Archetype, direction: Direction, edges: Types, targets: Iterable[Archetype]
    ) -> Sequence[tuple[Link, N_co]]:
        """As `neighbourhood`, but only links with these nodes. The cost depends on their number."""

    def edge(self, link: Link) -> E_co:
        """Return the edge of a link."""

    def ends(self, edge: Archetype) -> tuple[N_co, N_co]:
        """Return the nodes that an edge leaves and enters. Raises ValueError for an edge that joins nothing, NoAccess."""


class Mutation(Protocol):
    """Changes, which the next commit writes. Each raises NoAccess without the right to make it."""

    def connect(self, source: Archetype, target: Archetype, edge: Archetype) -> None:
        """Put a new edge between two nodes. Requires CONNECT on both.

        Raises TypeError for anything but nodes and an edge, ValueError for an edge that joins two nodes already or for a
        deleted node.
        """

    def cut(self, node: Archetype, link: Link) -> None:
        """Remove a link of `node`. Requires CONNECT on both ends."""

    def delete(self, archetype: Archetype) -> None:
        """Remove a node with its edges (requires WRITE), or an edge (requires CONNECT on both ends).

        Raises ValueError for a root.
        """

    def save(self, archetype: Archetype) -> None:
        """Store a new archetype even if nothing stored is joined to it."""

    def add_task(self, walker: Archetype, node: str | None, asked: float | None, due: float) -> None:
        """Create a task: store a walker that runs by itself.

        - node: the reference of the node where it starts; None: the caller's root
        - asked: the time that the program asked for; None: as soon as possible
        - due: the earliest time at which it runs. Times are seconds since 1970
        """

    def own(self, archetype: AnyArchetype) -> AnyArchetype:
        """Return this walk's copy of an archetype, which may come from another walk. Raises NoAccess if it is gone."""

    def is_gone(self, archetype: Archetype) -> bool:
        """Return whether an archetype was deleted, by this walk or by another one before the current unit of work."""

    def renew(self, archetype: Archetype) -> None:
        """Read a stale archetype again. Raises NoAccess if it is gone or may not be read any more."""

    def is_dirty(self) -> bool:
        """Return whether a commit would write something now."""


class Searches(Protocol[N_co, E_co]):
    """Look-ups past the edges. New archetypes are found once they are committed."""

    def roots(self) -> Sequence[N_co]:
        """Return the roots of all users. A root that may not be read still leads to what its owner shares."""

    def search_nodes(self, search: Search) -> Sequence[Archetype]:
        """Return the stored nodes, objects and walkers that match and may be read."""

    def search_edges(self, search: Search) -> Sequence[E_co]:
        """Return the stored edges that match and may be read."""

    def task(self, id: str) -> TaskRecord | None:
        """Return the state of a task; None if there is none with this id."""

    def user(self, key: UserKey) -> UserRecord | None:
        """Return the user whom this key finds, without password and token generation; None if there is none."""


class Permissions(Protocol):
    """What the caller may do, and what others may do by the caller's grants. `caller` is the id of the root that walks."""

    caller: str

    def enter(self, archetype: Archetype) -> None:
        """Raise NoAccess unless the caller may read a node or an edge, or if a root does not exist."""

    def level(self, archetype: Archetype) -> int:
        """Return the caller's level on a node, an object or an edge."""

    def grant(self, node: Archetype, root_id: str | None, level: int | None) -> None:
        """Grant a level on a node to a root, or to everybody (None). `level` None revokes. Requires WRITE, or raises NoAccess."""

    def grants(self, node: Archetype) -> Grants | None:
        """Return the grants on a node; None if there are none."""

    def require_write(self, archetype: Archetype) -> None:
        """Raise NoAccess unless the caller may change the fields of a node or an edge. Clears `is_guarded`."""

    def is_kept(self, anchor: AnchorState) -> bool:
        """Return whether a commit now would store this new archetype."""


class TypedView(Traversal[N_co, E_co], Mutation, Searches[N_co, E_co], Permissions, Protocol[N_co, E_co]):
    """All of it."""


# Any: Node and Edge. Code above them names the types by an annotation: `graph: Graph = current().graph`.
class GraphView(TypedView[Any, Any], Protocol):
    """All of it, as the run in progress has it."""
