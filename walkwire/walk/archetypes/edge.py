"""Edge: what joins two nodes. An edge has no owner and no grants of its own: its ends decide."""

from __future__ import annotations

from typing import Any

from walkwire.walk.archetype import Archetype, Computed, give_anchor
from walkwire.walk.archetypes.anchor import AnchorOfEdge
from walkwire.walk.current import current
from walkwire.walk.registry import heads, kind_of, stored_without_name


@heads("edge")
class Edge(Archetype):
    """A base for edge classes: `class Wrote(Edge): likes: int = 0`."""

    def __new__(cls, *_: Any, **__: Any) -> Edge:
        edge = object.__new__(cls)
        give_anchor(edge, AnchorOfEdge(kind_of(cls)))
        return edge

    def __setattr__(self, name: str, value: Any) -> None:
        if self.__jac__.is_guarded:
            current().graph.may_write(self)
        object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        if self.__jac__.is_guarded:
            current().graph.may_write(self)
        object.__delattr__(self, name)

    @Computed
    def source(self) -> Any:
        """The node that the edge leaves."""
        return current().graph.ends(self)[0]

    @Computed
    def target(self) -> Any:
        """The node that the edge enters."""
        return current().graph.ends(self)[1]


@stored_without_name
class GenericEdge(Edge):
    """A bare edge: what `here.connect(node)` makes."""
