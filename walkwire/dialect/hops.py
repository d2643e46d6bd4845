"""Hops: Jac's edge references, which lead from nodes along their edges to other nodes. Each node is found once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal, TypeVar, cast

from walkwire.store import Direction, EdgeRecord
from walkwire.walk.archetype import Archetype
from walkwire.walk.archetypes.edge import Edge
from walkwire.walk.archetypes.node import Graph, Node, readable
from walkwire.walk.archetypes.wanted import Classes, edge_types, node_types
from walkwire.walk.current import current

# A program's test of a node or an edge; the truth of its result counts. Any: of a class that only the program knows.
Test = Callable[[Any], object] | None
# What stands for nodes in a program: one node, or several.
Nodes = Node | Iterable[Node]
Link = Edge | EdgeRecord
Pairs = Iterable[tuple[Link, Node]]
Found = TypeVar("Found")
Gives = Literal["nodes", "edges", "steps"]

GROWTH = 4  # the limit of a query grows by this factor while several links lead to the same node


def hop(
    origin: Nodes,
    direction: Direction = "out",
    gives: Gives = "nodes",
    *,
    edge: Classes = None,
    edge_if: Test = None,
    node: Classes = None,
    node_if: Test = None,
    among: object = None,
) -> list[Archetype]:
    """Return what an edge reference finds: `[origin -->]`, `[edge origin <--]`.

    - origin: a node, or several
    - gives: nodes; edges; or steps, each edge followed by the node behind it, as for `visit [edge origin <-->]`
    - edge, node: only these classes
    - edge_if, node_if: only edges and nodes for which these tests are true
    - among: only these nodes: one, several, or a test
    """
    graph: Graph = current().graph
    edges, nodes, may_be_found = edge_types(edge), node_types(node), _test_of(among)
    found: list[Archetype] = []
    for near in listed(origin):
        for link, far in graph.neighbourhood(near, direction, edges, nodes):
            needs_edge = edge_if is not None or gives != "nodes"
            joined = readable(graph, link) if needs_edge else None
            if needs_edge and (joined is None or (edge_if is not None and not edge_if(joined))):
                continue
            if (node_if is None or node_if(far)) and (may_be_found is None or may_be_found(far)):
                if joined is not None and gives != "nodes":
                    found.append(joined)
                if gives != "edges":
                    found.append(far)
    return _once(found)


def hop_to_end(
    limit: int,
    origin: Nodes,
    direction: Direction = "out",
    gives: Literal["nodes", "edges"] = "nodes",
    *,
    edge: Classes = None,
    node: Classes = None,
    of: Classes = None,
) -> Sequence[Archetype]:
    """Return at least the first `limit` of `[origin -->]` (the last, if negative), possibly more.

    `of` is a class that the nodes have, as in ``[-->](`?of)``. See `hop` for the rest.
    """
    graph: Graph = current().graph
    if not isinstance(origin, Archetype):
        test = None if of is None else lambda far: isinstance(far, node_types(of) or ())
        return hop(origin, direction, gives, edge=edge, node=node, node_if=test)
    edges, nodes = edge_types(edge), node_types(node if of is None else of)
    passes = None if of is None else lambda _, far: isinstance(far, nodes or ())
    asked = limit
    while True:
        links = graph.neighbourhood(origin, direction, edges, nodes, asked, passes)
        if gives == "edges":
            return [joined for link, _ in links if (joined := readable(graph, link)) is not None]
        found = _once(far for _, far in links)
        if len(links) < abs(asked):
            return found
        if limit < 0:
            found = _met_first(found, links, graph.between(origin, direction, edges, found))
        if len(found) >= abs(limit):
            return found
        asked *= GROWTH


def _met_first(nodes: list[Node], last: Pairs, everything: Pairs) -> list[Node]:
    """Return the nodes whose first link is among the last ones. The others belong further to the front of the result."""
    first: dict[int, str] = {}
    for link, far in everything:
        first.setdefault(id(far), _id(link))
    ids = {_id(link) for link, _ in last}
    return [node for node in nodes if first.get(id(node)) in ids]


def _id(link: Link) -> str:
    return link.id if isinstance(link, EdgeRecord) else link.__jac__.id


def _once(found: Iterable[Found]) -> list[Found]:
    return list({id(one): one for one in found}.values())


def _test_of(among: object) -> Test:
    if among is None or (callable(among) and not isinstance(among, Archetype)):
        return among
    nodes = listed(cast("Nodes", among))
    return lambda node: node in nodes


def listed(nodes: Nodes) -> list[Node]:
    """Return one node as a list of one, several as a list."""
    return [nodes] if isinstance(nodes, Archetype) else nodes if isinstance(nodes, list) else list(nodes)
