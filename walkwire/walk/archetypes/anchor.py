"""Anchor: an archetype's `x.__jac__`, with the attributes that programs of Jac Cloud read and write there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from walkwire.walk.archetype import AnchorState, Archetype
from walkwire.walk.archetypes.permission import Permission, graph_of
from walkwire.walk.current import current


class Anchor(AnchorState):
    """A node's anchor, and the base of the others. Its state is documented in `AnchorState`."""

    __slots__ = ()

    @property
    def ref_id(self) -> str:
        """The reference, as `jid` returns it."""
        return f"{self.letter}:{self.kind}:{self.id}"

    @property
    def name(self) -> str:
        """The name of the class; "" for a root."""
        return self.kind

    @property
    def root(self) -> str:
        """The id of the owner's root."""
        return self.owner or (self.graph.caller if self.graph is not None else "")

    @property
    def archetype(self) -> Any:  # Any: of one of the program's classes, which only the program knows
        """The archetype, as the walk that holds it sees it; None before a walk has used it."""
        return self._held()

    # Its name in 0.7.
    architype = archetype

    @property
    def edges(self) -> list[AnchorState]:
        """The anchors of a node's edges, in both directions."""
        graph, node = graph_of(self), self._held()
        if graph is None or node is None:
            return []
        return [graph.edge(link).__jac__ for link, _ in graph.neighbourhood(node, "both", None, None)]

    @property
    def access(self) -> Permission:
        """The grants on a node. Raises AttributeError for an edge."""
        return Permission(self)

    @access.setter
    def access(self, access: Mapping[str, Any] | Permission) -> None:  # Any: checked by `replace`
        Permission(self).replace(access)

    @property
    def persistent(self) -> bool:
        """Whether it is stored, or a commit now would store it."""
        if self.version or self.is_deleted:
            return not self.is_deleted
        return self.graph is not None and self.graph.is_kept(self)

    @persistent.setter
    def persistent(self, _: object) -> None:
        raise AttributeError(
            "A node is kept by save(x), or by an edge to what is kept; destroy(x) removes it"
        )

    def apply(self, _: object = None) -> None:
        """Commit all that the walk has changed so far: Jac Cloud's word for writing at once. The argument is ignored."""
        current().commit()

    def _held(self) -> Archetype | None:
        graph = graph_of(self)
        return None if graph is None else graph.find(self.id)


class AnchorOfEdge(Anchor):
    """An edge's anchor. `source` and `target` are the ids of its ends; both are "" until the edge joins two nodes."""

    __slots__ = ("source", "target")
    letter: ClassVar[str] = "e"

    def _begin(self, kind: str) -> None:
        super()._begin(kind)
        self.source = ""
        self.target = ""


class AnchorOfObject(Anchor):
    """An object's anchor."""

    __slots__ = ()
    letter: ClassVar[str] = "o"
