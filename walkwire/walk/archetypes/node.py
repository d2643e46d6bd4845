"""Node: a place in the graph, with stored fields. The walk in progress finds its neighbours."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, cast, overload

from walkwire.errors import RecordError
from walkwire.store import Direction
from walkwire.walk.archetype import Archetype, give_anchor
from walkwire.walk.archetypes.anchor import Anchor, AnchorOfEdge
from walkwire.walk.archetypes.edge import Edge, GenericEdge
from walkwire.walk.archetypes.wanted import (
    Classes,
    edge_types,
    node_types,
    require_fields,
    require_settable,
    require_target,
)
from walkwire.walk.current import current
from walkwire.walk.mistake import report_unreadable
from walkwire.walk.registry import Registry, heads, kind_of
from walkwire.walk.view import Link, TypedView

# Any, where a list of neighbours is returned: a program knows their classes better than an annotation could say.
AnyNode = TypeVar("AnyNode", bound="Node")
AnyEdge = TypeVar("AnyEdge", bound=Edge)
_assign = object.__setattr__

# What a program gives to connect by: an edge, a class, a function that returns an edge; None: a bare edge.
EdgeGiven = Archetype | type[Archetype] | Callable[[], Archetype] | None


@heads("node")
class Node(Archetype):
    """The base of node classes: `class Message(Node): text: str`."""

    if TYPE_CHECKING:

        @property
        def __jac__(self) -> Anchor: ...

    def __new__(cls, *_: object, **__: object) -> Node:
        node = object.__new__(cls)
        give_anchor(node, Anchor(kind_of(cls)))
        return node

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

    @overload
    def out(
        self, node: type[AnyNode], edge: Classes = None, *, limit: int | None = None, **fields: object
    ) -> list[AnyNode]: ...
    @overload
    def out(
        self, node: Classes = None, edge: Classes = None, *, limit: int | None = None, **fields: object
    ) -> list[Any]: ...
    def out(
        self, node: Classes = None, edge: Classes = None, *, limit: int | None = None, **fields: object
    ) -> list[Any]:
        """Return the nodes that this node's edges lead to, in the order in which the edges were made.

        - node, edge: only these classes: a class, a union or a tuple of classes
        - limit: the first `limit` nodes; the last, if negative. The cost then depends on the limit, not on the number of nodes
        - fields: only nodes whose fields have these values
        """
        return _neighbours(self, "out", node, edge, limit, fields)

    @overload
    def into(
        self, node: type[AnyNode], edge: Classes = None, *, limit: int | None = None, **fields: object
    ) -> list[AnyNode]: ...
    @overload
    def into(
        self, node: Classes = None, edge: Classes = None, *, limit: int | None = None, **fields: object
    ) -> list[Any]: ...
    def into(
        self, node: Classes = None, edge: Classes = None, *, limit: int | None = None, **fields: object
    ) -> list[Any]:
        """Return the nodes whose edges lead to this node; otherwise as `out`."""
        return _neighbours(self, "into", node, edge, limit, fields)

    @overload
    def both(
        self, node: type[AnyNode], edge: Classes = None, *, limit: int | None = None, **fields: object
    ) -> list[AnyNode]: ...
    @overload
    def both(
        self, node: Classes = None, edge: Classes = None, *, limit: int | None = None, **fields: object
    ) -> list[Any]: ...
    def both(
        self, node: Classes = None, edge: Classes = None, *, limit: int | None = None, **fields: object
    ) -> list[Any]:
        """Return the nodes joined with this node, in either direction; otherwise as `out`. Two edges return a node twice."""
        return _neighbours(self, "both", node, edge, limit, fields)

    @overload
    def edges(
        self,
        edge: type[AnyEdge],
        node: Classes = None,
        direction: Direction = "out",
        *,
        limit: int | None = None,
        **fields: object,
    ) -> list[AnyEdge]: ...
    @overload
    def edges(
        self,
        edge: Classes = None,
        node: Classes = None,
        direction: Direction = "out",
        *,
        limit: int | None = None,
        **fields: object,
    ) -> list[Any]: ...
    def edges(
        self,
        edge: Classes = None,
        node: Classes = None,
        direction: Direction = "out",
        *,
        limit: int | None = None,
        **fields: object,
    ) -> list[Any]:
        """Return this node's edges, in the order in which they were made. `fields` are values of the edges; see `out`."""
        graph: Graph = current().graph

        def passes(link: Link, _: Node) -> bool:
            edge = readable(graph, link)
            return edge is not None and has_fields(edge, fields)

        edges, nodes = edge_types(edge), node_types(node)
        if fields:
            require_fields("edge", edges, fields)
        links = graph.neighbourhood(self, direction, edges, nodes, limit, passes if fields else None)
        return [found for link, _ in links if (found := readable(graph, link)) is not None]

    def connect(self, node: AnyNode, edge: EdgeGiven = None) -> AnyNode:
        """Put an edge from this node to `node`, and return `node`. Raises NoAccess without CONNECT on both."""
        try:
            current().graph.connect(self, node, as_edge(edge))
        except (AttributeError, TypeError):
            require_target(node, edge)
            raise
        return node

    def disconnect(self, node: Node, edge: Classes = None) -> bool:
        """Remove the edges from this node to `node`, only those of the class `edge` if given. Return whether there were any.

        Raises NoAccess without CONNECT on both.
        """
        graph = current().graph
        found = graph.between(self, "out", edge_types(edge), (node,))
        for link, _ in found:
            graph.cut(self, link)
        return bool(found)


# The graph as one walk sees it, with its types: `graph: Graph = current().graph`.
Graph = TypedView[Node, Edge]


def readable(graph: Graph, link: Link) -> Edge | None:
    """Return the edge of a link; None, and a line in the log, if its record does not fit its class."""
    try:
        return graph.edge(link)
    except RecordError as error:
        report_unreadable(error)
        return None


def _neighbours(
    near: Node,
    direction: Direction,
    node: Classes,
    edge: Classes,
    limit: int | None,
    fields: dict[str, object],
) -> list[Node]:
    def passes(_: Link, far: Node) -> bool:
        return has_fields(far, fields)

    graph: Graph = current().graph
    edges, nodes = edge_types(edge), node_types(node)
    if fields:
        require_fields("node", nodes, fields)
    links = graph.neighbourhood(near, direction, edges, nodes, limit, passes if fields else None)
    return [far for _, far in links]


def as_edge(edge: EdgeGiven) -> Edge:
    """Return an edge to connect by: the given one, a new one of the given class or function, or (None) a bare one.

    A node that is given as an edge becomes one (`edge_class_of`).
    """
    if edge is None:
        return GenericEdge()
    given = edge if isinstance(edge, Archetype) else edge()
    if isinstance(given, Node) and not isinstance(given, Edge):
        return _turned_into_edge(given)
    return cast("Edge", given)  # `connect` raises TypeError for anything else


_edge_classes: dict[type[Node], type[Edge]] = {}


def edge_class_of(node: type[Node]) -> type[Edge]:
    """Return the edge class for a node class that a program uses as an edge, which Jac allows.

    It is derived from the node class and has its name, fields, methods and abilities.
    """
    made = _edge_classes.get(node)
    if made is None:
        own = {
            "__module__": node.__module__,
            "__doc__": node.__doc__,
            "__new__": Edge.__new__,
            "__init__": node.__init__,
            "__repr__": node.__repr__,
        }
        made = types.new_class(
            node.__name__, (node, Edge), {"enrols": False}, lambda names: names.update(own)
        )
        _edge_classes[node] = made
    return made


def stored_edge_class(registry: Registry, kind: str) -> type[Edge]:
    """Return the class of stored edges of this kind; GenericEdge if the program has none."""
    if kind and (found := registry.find("edge", kind)) is not None:
        return found
    node = registry.find("node", kind) if kind else None
    return GenericEdge if node is None else edge_class_of(node)


def _turned_into_edge(node: Node) -> Edge:
    """Return the object itself if nothing has used it as a node yet, otherwise an edge with the same values."""
    cls = edge_class_of(type(node))
    if node.__jac__.graph is None:
        node.__class__ = cls  # type: ignore[assignment] # derived from both
        give_anchor(node, AnchorOfEdge(kind_of(cls)))
        return cast("Edge", node)
    edge = cls.__new__(cls)
    vars(edge).update(vars(node))
    return edge


def has_fields(archetype: Archetype, fields: dict[str, object]) -> bool:
    """Return whether an archetype has all of these values."""
    return all(getattr(archetype, name, _MISSING) == value for name, value in fields.items())


_MISSING = object()
