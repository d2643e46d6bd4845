"""Picture: the graph around a node, drawn in the languages of Graphviz and Mermaid (Jac's `printgraph` and `dotgen`)."""

from __future__ import annotations

import html
import json
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from walkwire.walk.archetype import reference_of
from walkwire.walk.archetypes.edge import GenericEdge
from walkwire.walk.current import current

_RAINBOW = """
    #FFE9E9 #F0FFF0 #F5E5FF #FFFFE0 #D2FEFF #E8FFD7 #FFDEAD #FFF0F5 #F5FFFA #FFC0CB #7FFFD4 #C0C0C0 #ADD8E6 #FFFAF0 #f4f3f7
    #f5efff #b5d7fd #ffc0cb #FFC0CB #e1d4c0 #FCDFFF #F0FFFF #F0F8FF #F8F8FF #F0FFFF
"""
# From the node where the picture begins outwards; what is further away has the last.
_COLOURS = _RAINBOW.split()
_HEAD = 'digraph {\nnode [style="filled", shape="ellipse", fillcolor="invis", fontcolor="black"];\n'


class Limits(NamedTuple):
    """How far a picture goes. `depth` below 0 is without end; `only_out` follows edges the way they point; edges of the
    classes named in `without` are left out."""

    depth: int
    only_out: bool
    without: tuple[str, ...]
    breadth_first: bool
    edges: int
    nodes: int


class Arrow(NamedTuple):
    """An edge with its ends."""

    source: Any
    target: Any
    edge: Any


def printgraph(
    node: Any = None,
    depth: int = -1,
    traverse: bool = False,
    edge_type: list[str] | None = None,
    bfs: bool = True,
    edge_limit: int = 512,
    node_limit: int = 512,
    file: str | None = None,
    format: str = "dot",
) -> str:
    """The graph around `node` (the root without one) as text: "dot", "mermaid" or "json". With `file` it is written there too."""
    limits = Limits(depth, traverse, tuple(edge_type or ()), bfs, edge_limit, node_limit)
    drawn = Drawing(node if node is not None else current().graph.root(), limits)
    draw = {"dot": drawn.dot, "mermaid": drawn.mermaid, "json": drawn.json}
    text = draw[format.lower()]()
    if file:
        Path(file).write_text(text, encoding="utf-8")
    return text


def dotgen(
    node: Any = None,
    depth: int | None = None,
    traverse: bool | None = None,
    edge_type: list[str] | None = None,
    bfs: bool | None = None,
    edge_limit: int | None = None,
    node_limit: int | None = None,
    dot_file: str | None = None,
) -> str:
    """`printgraph` by its name in 0.7."""
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
    """The nodes that were found, in their order, with their distances from the first, and the edges between them."""

    def __init__(self, start: Any, limits: Limits) -> None:
        self._limits = limits
        self._nodes: dict[int, Any] = {}
        self._far: dict[int, int] = {id(start): 0}
        self._arrows: list[Arrow] = []
        self._explore(start)
        self._place = {key: number for number, key in enumerate(self._nodes)}

    def dot(self) -> str:
        lines = [
            f'{self._number(arrow.source)} -> {self._number(arrow.target)}  [label="{_label(arrow.edge)}"];\n'
            for arrow in self._arrows
        ]
        for key, node in self._nodes.items():
            colour = _COLOURS[min(self._far[key], len(_COLOURS) - 1)]
            lines.append(f'{self._place[key]} [label="{html.escape(repr(node))}"fillcolor="{colour}"];\n')
        return _HEAD + "".join(lines) + "}"

    def mermaid(self) -> str:
        lines = ["flowchart LR\n"]
        for arrow in self._arrows:
            label = _label(arrow.edge)
            between = f'|"{label}"| ' if label else ""
            lines.append(f"{self._number(arrow.source)} -->{between}{self._number(arrow.target)}\n")
        lines += [f'{self._place[key]}["{html.escape(repr(node))}"]\n' for key, node in self._nodes.items()]
        return "".join(lines)

    def json(self) -> str:
        nodes = [{"id": reference_of(node), "label": repr(node)} for node in self._nodes.values()]
        edges = []
        for arrow in self._arrows:
            edge = {"from": reference_of(arrow.source), "to": reference_of(arrow.target)}
            edges.append(edge | ({"label": repr(arrow.edge)} if _label(arrow.edge) else {}))
        return json.dumps({"version": "1.0", "nodes": nodes, "edges": edges})

    def _number(self, node: Any) -> int:
        return self._place[id(node)]

    def _explore(self, start: Any) -> None:
        waiting: deque[tuple[Any, int]] = deque([(start, 0)])
        looking: list[Iterator[tuple[Any, int]]] = []
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
            # Breadth first looks at all edges of a node before it goes on; depth first goes on behind each of them.
            if self._limits.breadth_first and looking:
                waiting.extend(looking.pop())

    def _around(self, node: Any, depth: int) -> Iterator[tuple[Any, int]]:
        graph, limits = current().graph, self._limits
        for link, far in graph.neighbourhood(node, "out" if limits.only_out else "both", None, None):
            edge = graph.edge(link)
            if far is node or type(edge).__name__ in limits.without:
                continue
            source, _ = graph.ends(edge)
            arrow = Arrow(node, far, edge) if source is node else Arrow(far, node, edge)
            self._far[id(far)] = min(self._far.get(id(far), depth + 1), self._far[id(node)] + 1)
            nearest = min(self._far[id(node)], self._far[id(far)])
            within = limits.depth < 0 or nearest + 1 <= limits.depth
            room = len(self._nodes) < limits.nodes and len(self._arrows) < limits.edges
            if within and room and all(arrow.edge is not known.edge for known in self._arrows):
                self._arrows.append(arrow)
                yield far, depth + 1


def _label(edge: Any) -> str:
    return "" if isinstance(edge, GenericEdge) else html.escape(repr(edge))
