"""Edge: a directed link from one node to another. Its ends decide who may read and change it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from walkwire.walk.archetype import Archetype, Computed, give_anchor
from walkwire.walk.archetypes.anchor import AnchorOfEdge
from walkwire.walk.archetypes.wanted import require_settable
from walkwire.walk.current import current
from walkwire.walk.registry import heads, kind_of, stored_without_name

_assign = object.__setattr__


@heads("edge")
class Edge(Archetype):
    """The base of edge classes: `class Wrote(Edge): likes: int = 0`."""

    if TYPE_CHECKING:

        @property
        def __jac__(self) -> AnchorOfEdge: ...

    def __new__(cls, *_: object, **__: object) -> Edge:
        edge = object.__new__(cls)
        give_anchor(edge, AnchorOfEdge(kind_of(cls)))
        return edge

    def __setattr__(self, name: str, value: object) -> None:
        if self.__jac__.is_guarded:
            current().graph.require_write(self)
        if name not in self.__jac_names__:
            require_settable(type(self), name)
        _assign(self, name, value)

    def __delattr__(self, name: str) -> None:
        if self.__jac__.is_guarded:
            current().graph.require_write(self)
        object.__delattr__(self, name)

    @Computed
    def source(self) -> Any:  # Any: of a class that the program knows
        """The node that the edge leaves. Raises ValueError while it joins nothing, NoAccess if the node may not be read."""
        return current().graph.ends(self)[0]

    @Computed
    def target(self) -> Any:  # Any: as `source`
        """The node that the edge enters; otherwise as `source`."""
        return current().graph.ends(self)[1]


@stored_without_name
class GenericEdge(Edge):
    """An edge without fields: `here.connect(node)` makes one."""
