"""Node: a place in the graph, with fields that are kept. Its neighbours are asked of the walk in progress."""

from __future__ import annotations

import types
from typing import Any, TypeVar

from walkwire.store import Direction
from walkwire.walk.archetype import Archetype, give_anchor
from walkwire.walk.archetypes.anchor import Anchor, AnchorOfEdge
from walkwire.walk.archetypes.edge import Edge, GenericEdge
from walkwire.walk.current import current
from walkwire.walk.registry import Registry, heads, kind_of
from walkwire.walk.view import Types

AnyNode = TypeVar("AnyNode", bound="Node")


@heads("node")
class Node(Archetype):
    """A base for node classes: `class Message(Node): text: str`."""

    def __new__(cls, *_: Any, **__: Any) -> Node:
        node = object.__new__(cls)
        give_anchor(node, Anchor(kind_of(cls)))
        return node

    def __setattr__(self, name: str, value: Any) -> None:
        if self.__jac__.is_guarded:
            current().graph.may_write(self)
        object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        if self.__jac__.is_guarded:
            current().graph.may_write(self)
        object.__delattr__(self, name)

    def out(
        self, node: Any = None, edge: Any = None, *, limit: int | None = None, **fields: Any
    ) -> list[Any]:
        """The nodes that this one's edges lead to, in the order in which these were made.

        `node` and `edge` are a class, a union or a tuple of classes; `fields` are values that the nodes must have. `limit` gives
        the first so many, or, where it is negative, the last, at the price of these, however many there are.
        """
        return _neighbours(self, "out", node, edge, limit, fields)

    def into(
        self, node: Any = None, edge: Any = None, *, limit: int | None = None, **fields: Any
    ) -> list[Any]:
        """The nodes whose edges lead to this one; otherwise as `out`."""
        return _neighbours(self, "into", node, edge, limit, fields)

    def both(
        self, node: Any = None, edge: Any = None, *, limit: int | None = None, **fields: Any
    ) -> list[Any]:
        """The nodes joined with this one, whichever way; otherwise as `out`. A node joined twice comes twice."""
        return _neighbours(self, "both", node, edge, limit, fields)

    def edges(
        self,
        edge: Any = None,
        node: Any = None,
        direction: Direction = "out",
        *,
        limit: int | None = None,
        **fields: Any,
    ) -> list[Any]:
        """This node's edges, in the order in which they were made; `fields` are values that the edges must have, `limit` as in
        `out`."""
        graph = current().graph

        def passes(link: Any, _: Any) -> bool:
            return has_fields(graph.edge(link), fields)

        links = graph.neighbourhood(
            self, direction, as_types(edge), as_types(node), limit, passes if fields else None
        )
        return [graph.edge(link) for link, _ in links]

    def connect(self, node: AnyNode, edge: Any = None) -> AnyNode:
        """Put an edge from this node to `node`, and give `node` back. Raises NoAccess without the right on both ends."""
        current().graph.connect(self, node, as_edge(edge))
        return node

    def disconnect(self, node: Node, edge: Any = None) -> bool:
        """Remove the edges from this node to `node`, of the class `edge` if given; True if there were any."""
        graph = current().graph
        found = graph.between(self, "out", as_types(edge), (node,))
        for link, _ in found:
            graph.cut(self, link)
        return bool(found)


def _neighbours(
    near: Node, direction: Direction, node: Any, edge: Any, limit: int | None, fields: dict[str, Any]
) -> list[Any]:
    def passes(_: Any, far: Any) -> bool:
        return has_fields(far, fields)

    links = current().graph.neighbourhood(
        near, direction, as_types(edge), as_types(node), limit, passes if fields else None
    )
    return [far for _, far in links]


def as_types(types: Any) -> Types:
    """A class, a union or a tuple of classes as a tuple; None stays None."""
    if types is None or isinstance(types, tuple):
        return types
    return getattr(types, "__args__", None) or (types,)


def as_edge(edge: Any) -> Edge:
    """An edge to connect by: the given one, a new one of the given class or by the given function, or (None) a bare one.

    A node that is given as an edge becomes one (`edge_class_of`).
    """
    if edge is None:
        return GenericEdge()
    given: Any = edge if isinstance(edge, Archetype) else edge()
    if isinstance(given, Node) and not isinstance(given, Edge):
        return _turned_into_edge(given)
    made: Edge = given
    return made


_edge_classes: dict[type[Node], type[Edge]] = {}


def edge_class_of(node: type[Node]) -> type[Edge]:
    """The class of the edges that a node class makes, where a program puts its nodes in the place of edges, as Jac allows.

    It is derived from the node class, and has its name, fields, methods and abilities.
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
    """The class of stored edges of this kind; GenericEdge where the program has none."""
    if kind and (found := registry.find("edge", kind)) is not None:
        return found
    node = registry.find("node", kind) if kind else None
    return GenericEdge if node is None else edge_class_of(node)


def _turned_into_edge(node: Node) -> Edge:
    """The very object, if nothing has used it as a node yet; otherwise an edge with the same values."""
    cls: Any = edge_class_of(type(node))
    if node.__jac__.graph is None:
        made: Any = node
        made.__class__ = cls
        give_anchor(made, AnchorOfEdge(kind_of(cls)))
    else:
        made = cls.__new__(cls)
        vars(made).update(vars(node))
    edge: Edge = made
    return edge


def has_fields(archetype: Archetype, fields: dict[str, Any]) -> bool:
    """Whether an archetype has all of these values."""
    return all(getattr(archetype, name, _MISSING) == value for name, value in fields.items())


_MISSING = object()
