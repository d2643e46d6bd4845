"""Printgraph: the graph around a node as text for Graphviz or Mermaid, or as JSON (Jac's `printgraph` and `dotgen`)."""

from __future__ import annotations

import html
import json
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from walkwire.walk.archetype import reference_of
from walkwire.walk.archetypes.edge import Edge, GenericEdge
from walkwire.walk.archetypes.node import Graph, Node
from walkwire.walk.current import current

_RAINBOW = """
    #FFE9E9 #F0FFF0 #F5E5FF #FFFFE0 #D2FEFF #E8FFD7 #FFDEAD #FFF0F5 #F5FFFA #FFC0CB #7FFFD4 #C0C0C0 #ADD8E6 #FFFAF0 #f4f3f7
    #f5efff #b5d7fd #ffc0cb #FFC0CB #e1d4c0 #FCDFFF #F0FFFF #F0F8FF #F8F8FF #F0FFFF
"""
# By distance from the first node; nodes further away have the last colour.
_COLOURS = _RAINBOW.split()
_HEAD = 'digraph {\nnode [style="filled", shape="ellipse", fillcolor="invis", fontcolor="black"];\n'


class Extent(NamedTuple):
    """How much of the graph is drawn.

    - depth: the largest distance from the first node, in edges; negative: no limit
    - only_out: follow edges in their direction only
    - without: names of classes of edges to leave out
    - breadth_first: the order in which nodes are found
    - edges, nodes: the largest numbers of these
    """

    depth: int
    only_out: bool
    without: tuple[str, ...]
    breadth_first: bool
    edges: int
    nodes: int


class Arrow(NamedTuple):
    """An edge with its ends."""

    source: Node
    target: Node
    edge: Edge


def printgraph(
    node: Node | None = None,
    depth: int = -1,
    traverse: bool = False,
    edge_type: list[str] | None = None,
    bfs: bool = True,
    edge_limit: int = 512,
    node_limit: int = 512,
    file: str | None = None,
    format: str = "dot",
) -> str:
    """Return the graph around a node (None: the caller's root) as text, and write it to `file` if given.

    `format` is "dot", "mermaid" or "json"; any other raises KeyError. See `Extent` for the rest; `traverse` is `only_out`.
    """
    extent = Extent(depth, traverse, tuple(edge_type or ()), bfs, edge_limit, node_limit)
    drawn = Drawing(node if node is not None else current().graph.root(), extent)
    draw = {"dot": drawn.dot, "mermaid": drawn.mermaid, "json": drawn.json}
    text = draw[format.lower()]()
    if file:
        Path(file).write_text(text, encoding="utf-8")
    return text


def dotgen(
    node: Node | None = None,
    depth: int | None = None,
    traverse: bool | None = None,
    edge_type: list[str] | None = None,
    bfs: bool | None = None,
    edge_limit: int | None = None,
    node_limit: int | None = None,
    dot_file: str | None = None,
) -> str:
    """Return the graph around a node for Graphviz: the name and the parameters of `printgraph` in 0.7."""
    return printgraph(
        node,
        -1 if depth is None else depth,
        bool(traverse),
        edge_type,
        bfs is not False,
        edge_limit or 512,
        node_limit or 512,
        dot_file,
    )


class Drawing:
    """The nodes around `start` in the order in which they are found, with their distances from it, and the edges between them."""

    def __init__(self, start: Node, extent: Extent) -> None:
        self._extent = extent
        self._nodes: dict[int, Node] = {}
        self._far: dict[int, int] = {id(start): 0}
        self._arrows: list[Arrow] = []
        self._explore(start)
        self._place = {key: number for number, key in enumerate(self._nodes)}

    def dot(self) -> str:
        """Return the drawing in Graphviz's language."""
        lines = [
            f'{self._number(arrow.source)} -> {self._number(arrow.target)}  [label="{_label(arrow.edge)}"];\n'
            for arrow in self._arrows
        ]
        for key, node in self._nodes.items():
            colour = _COLOURS[min(self._far[key], len(_COLOURS) - 1)]
            lines.append(f'{self._place[key]} [label="{html.escape(repr(node))}"fillcolor="{colour}"];\n')
        return _HEAD + "".join(lines) + "}"

    def mermaid(self) -> str:
        """Return the drawing in Mermaid's language."""
        lines = ["flowchart LR\n"]
        for arrow in self._arrows:
            label = _label(arrow.edge)
            between = f'|"{label}"| ' if label else ""
            lines.append(f"{self._number(arrow.source)} -->{between}{self._number(arrow.target)}\n")
        lines += [f'{self._place[key]}["{html.escape(repr(node))}"]\n' for key, node in self._nodes.items()]
        return "".join(lines)

    def json(self) -> str:
        """Return nodes and edges as JSON, with their references."""
        nodes = [{"id": reference_of(node), "label": repr(node)} for node in self._nodes.values()]
        edges = []
        for arrow in self._arrows:
            edge = {"from": reference_of(arrow.source), "to": reference_of(arrow.target)}
            edges.append(edge | ({"label": repr(arrow.edge)} if _label(arrow.edge) else {}))
        return json.dumps({"version": "1.0", "nodes": nodes, "edges": edges})

    def _number(self, node: Node) -> int:
        return self._place[id(node)]

    def _explore(self, start: Node) -> None:
        waiting: deque[tuple[Node, int]] = deque([(start, 0)])
        looking: list[Iterator[tuple[Node, int]]] = []
        while waiting or looking:
            if waiting:
                node, depth = waiting.popleft()
                if id(node) not in self._nodes:
                    self._nodes[id(node)] = node
                    looking.append(self._around(node, depth))
            elif found := next(looking[-1], None):
                waiting.append(found)
            else:
                looking.pop()
            # Breadth first reads all edges of a node before it goes on; depth first follows each edge at once.
            if self._extent.breadth_first and looking:
                waiting.extend(looking.pop())

    def _around(self, node: Node, depth: int) -> Iterator[tuple[Node, int]]:
        extent = self._extent
        graph: Graph = current().graph
        for link, far in graph.neighbourhood(node, "out" if extent.only_out else "both", None, None):
            edge = graph.edge(link)
            if far is node or type(edge).__name__ in extent.without:
                continue
            source, _ = graph.ends(edge)
            arrow = Arrow(node, far, edge) if source is node else Arrow(far, node, edge)
            self._far[id(far)] = min(self._far.get(id(far), depth + 1), self._far[id(node)] + 1)
            nearest = min(self._far[id(node)], self._far[id(far)])
            within = extent.depth < 0 or nearest + 1 <= extent.depth
            room = len(self._nodes) < extent.nodes and len(self._arrows) < extent.edges
            if within and room and all(arrow.edge is not known.edge for known in self._arrows):
                self._arrows.append(arrow)
                yield far, depth + 1


def _label(edge: Edge) -> str:
    return "" if isinstance(edge, GenericEdge) else html.escape(repr(edge))
