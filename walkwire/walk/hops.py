"""Hops: Jac's edge references, from nodes along their edges to the nodes behind them, hop by hop; each node once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from walkwire.store import Direction
from walkwire.walk.archetype import Archetype
from walkwire.walk.context import current
from walkwire.walk.node import as_types

Test = Callable[[Any], Any] | None
Gives = Literal["nodes", "edges", "steps"]


def hop(
    origin: Any,
    direction: Direction = "out",
    gives: Gives = "nodes",
    *,
    edge: Any = None,
    edge_if: Test = None,
    node: Any = None,
    node_if: Test = None,
    among: Any = None,
) -> list[Any]:
    """`[origin -->]`, `[edge origin <--]`, or, for `visit [edge origin <-->]`, each edge and then the node behind it.

    `edge` and `node` are classes, `edge_if` and `node_if` tests of one of them, `among` the nodes that may be found.
    """
    graph = current().graph
    edges, nodes, may_be_found = as_types(edge), as_types(node), _test_of(among)
    found: list[Any] = []
    for near in listed(origin):
        for link, far in graph.neighbourhood(near, direction, edges, nodes):
            if edge_if is not None and not edge_if(graph.edge(link)):
                continue
            if (node_if is None or node_if(far)) and (may_be_found is None or may_be_found(far)):
                if gives != "nodes":
                    found.append(graph.edge(link))
                if gives != "edges":
                    found.append(far)
    return list({id(one): one for one in found}.values())


def _test_of(among: Any) -> Test:
    if among is None or (callable(among) and not isinstance(among, Archetype)):
        return among
    nodes = listed(among)
    return lambda node: node in nodes


def listed(nodes: Any) -> list[Any]:
    """One node as a list of one; several as they are."""
    return [nodes] if isinstance(nodes, Archetype) else nodes if isinstance(nodes, list) else list(nodes)
