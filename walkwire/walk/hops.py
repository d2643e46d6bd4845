"""Hops: Jac's edge references, from nodes along their edges to the nodes behind them, hop by hop; each node once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from walkwire.store import Direction
from walkwire.walk.archetype import Archetype
from walkwire.walk.context import current
from walkwire.walk.node import as_types

Test = Callable[[Any], Any] | None
Link = tuple[Any, Any, Any]  # link, node behind it, the graph


def out(
    origin: Any,
    edge: Any = None,
    edge_if: Test = None,
    node: Any = None,
    node_if: Test = None,
    among: Any = None,
) -> list[Any]:
    """`[origin -->]`: the nodes that edges lead to.

    `edge` and `node` are classes, `edge_if` and `node_if` tests of one of them, `among` the nodes that may be found.
    """
    return _nodes(origin, "out", edge, edge_if, node, node_if, among)


def into(
    origin: Any,
    edge: Any = None,
    edge_if: Test = None,
    node: Any = None,
    node_if: Test = None,
    among: Any = None,
) -> list[Any]:
    """`[origin <--]`: the nodes whose edges lead here; otherwise as `out`."""
    return _nodes(origin, "into", edge, edge_if, node, node_if, among)


def both(
    origin: Any,
    edge: Any = None,
    edge_if: Test = None,
    node: Any = None,
    node_if: Test = None,
    among: Any = None,
) -> list[Any]:
    """`[origin <-->]`: the nodes joined with these, whichever way; otherwise as `out`."""
    return _nodes(origin, "both", edge, edge_if, node, node_if, among)


def out_edges(
    origin: Any,
    edge: Any = None,
    edge_if: Test = None,
    node: Any = None,
    node_if: Test = None,
    among: Any = None,
) -> list[Any]:
    """`[edge origin -->]`: the edges instead of the nodes behind them; otherwise as `out`."""
    return _edges(_found(origin, "out", edge, edge_if, node, node_if, among))


def into_edges(
    origin: Any,
    edge: Any = None,
    edge_if: Test = None,
    node: Any = None,
    node_if: Test = None,
    among: Any = None,
) -> list[Any]:
    """`[edge origin <--]`"""
    return _edges(_found(origin, "into", edge, edge_if, node, node_if, among))


def both_edges(
    origin: Any,
    edge: Any = None,
    edge_if: Test = None,
    node: Any = None,
    node_if: Test = None,
    among: Any = None,
) -> list[Any]:
    """`[edge origin <-->]`"""
    return _edges(_found(origin, "both", edge, edge_if, node, node_if, among))


def out_steps(
    origin: Any,
    edge: Any = None,
    edge_if: Test = None,
    node: Any = None,
    node_if: Test = None,
    among: Any = None,
) -> list[Any]:
    """`visit [edge origin -->]`: each edge, then the node behind it; otherwise as `out`."""
    return _steps(_found(origin, "out", edge, edge_if, node, node_if, among))


def into_steps(
    origin: Any,
    edge: Any = None,
    edge_if: Test = None,
    node: Any = None,
    node_if: Test = None,
    among: Any = None,
) -> list[Any]:
    """`visit [edge origin <--]`"""
    return _steps(_found(origin, "into", edge, edge_if, node, node_if, among))


def both_steps(
    origin: Any,
    edge: Any = None,
    edge_if: Test = None,
    node: Any = None,
    node_if: Test = None,
    among: Any = None,
) -> list[Any]:
    """`visit [edge origin <-->]`"""
    return _steps(_found(origin, "both", edge, edge_if, node, node_if, among))


def _steps(links: Iterable[Link]) -> list[Any]:
    found = [step for link, far, graph in links for step in (graph.edge(link), far)]
    return list({id(step): step for step in found}.values())


def _nodes(
    origin: Any, direction: Direction, edge: Any, edge_if: Test, node: Any, node_if: Test, among: Any
) -> list[Any]:
    if edge_if is None and node_if is None and among is None and isinstance(origin, Archetype):
        # Most references are of this kind, and cost what `origin.out()` does.
        links = current().graph.neighbourhood(origin, direction, as_types(edge), as_types(node))
        return list({id(far): far for _, far in links}.values())
    found = _found(origin, direction, edge, edge_if, node, node_if, among)
    return list({id(far): far for _, far, _ in found}.values())


def _edges(links: Iterable[Link]) -> list[Any]:
    found = [graph.edge(link) for link, _, graph in links]
    return list({id(edge): edge for edge in found}.values())


def _found(
    origin: Any, direction: Direction, edge: Any, edge_if: Test, node: Any, node_if: Test, among: Any
) -> Iterator[Link]:
    wanted = _wanted(among)
    for near in listed(origin):
        for found in links_of(near, direction, edge, edge_if, node):
            if (node_if is None or node_if(found[1])) and (wanted is None or wanted(found[1])):
                yield found


def links_of(near: Any, direction: Direction, edge: Any, edge_if: Test, node: Any) -> Iterator[Link]:
    """A node's links that pass, with the nodes behind them."""
    graph = current().graph
    for link, far in graph.neighbourhood(near, direction, as_types(edge), as_types(node)):
        if edge_if is None or edge_if(graph.edge(link)):
            yield link, far, graph


def _wanted(among: Any) -> Test:
    if among is None or (callable(among) and not isinstance(among, Archetype)):
        return among
    nodes = listed(among)
    return lambda node: node in nodes


def listed(nodes: Any) -> list[Any]:
    """One node as a list of one; several as they are."""
    return [nodes] if isinstance(nodes, Archetype) else nodes if isinstance(nodes, list) else list(nodes)
