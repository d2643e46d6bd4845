"""Hops: Jac's edge references, from nodes along their edges to the nodes behind them, hop by hop; each node once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Literal

from walkwire.store import Direction, EdgeRecord
from walkwire.walk.archetype import Archetype
from walkwire.walk.archetypes.node import as_types
from walkwire.walk.current import current

Test = Callable[[Any], Any] | None
Gives = Literal["nodes", "edges", "steps"]

GROWTH = 4  # as many links again are looked at where several lead to the same node


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
    return _once(found)


def hop_to_end(
    limit: int,
    origin: Any,
    direction: Direction = "out",
    gives: Literal["nodes", "edges"] = "nodes",
    *,
    edge: Any = None,
    node: Any = None,
    of: Any = None,
) -> list[Any]:
    """`[origin -->]` of which the program takes the first `limit` only, or the last where it is negative: these are there, and of
    the others what could not be spared. `of` is a class of which they must be, as in ``[-->](`?of)``."""
    graph = current().graph
    if not isinstance(origin, Archetype):
        test = None if of is None else lambda far: isinstance(far, as_types(of) or ())
        return hop(origin, direction, gives, edge=edge, node=node, node_if=test)
    edges, nodes = as_types(edge), as_types(node if of is None else of)
    passes = None if of is None else lambda _, far: isinstance(far, nodes or ())
    asked = limit
    while True:
        links = graph.neighbourhood(origin, direction, edges, nodes, asked, passes)
        if gives == "edges":
            return [graph.edge(link) for link, _ in links]
        found = _once(far for _, far in links)
        if len(links) < abs(asked):
            return found
        if limit < 0:
            found = _met_first(found, links, graph.between(origin, direction, edges, found))
        if len(found) >= abs(limit):
            return found
        asked *= GROWTH


def _met_first(nodes: list[Any], last: Iterable[Any], everything: Iterable[Any]) -> list[Any]:
    """Of these nodes those to which no link leads before the last ones: the others have their place further to the front."""
    first: dict[int, str] = {}
    for link, far in everything:
        first.setdefault(id(far), _id(link))
    ids = {_id(link) for link, _ in last}
    return [node for node in nodes if first.get(id(node)) in ids]


def _id(link: Any) -> str:
    return link.id if isinstance(link, EdgeRecord) else link.__jac__.id


def _once(found: Iterable[Any]) -> list[Any]:
    return list({id(one): one for one in found}.values())


def _test_of(among: Any) -> Test:
    if among is None or (callable(among) and not isinstance(among, Archetype)):
        return among
    nodes = listed(among)
    return lambda node: node in nodes


def listed(nodes: Any) -> list[Any]:
    """One node as a list of one; several as they are."""
    return [nodes] if isinstance(nodes, Archetype) else nodes if isinstance(nodes, list) else list(nodes)
