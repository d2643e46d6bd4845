"""Traverse: a part of the graph as a list, by rounds from a node or an edge: the answer of Jac Cloud's `/util/traverse`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from walkwire.errors import NoAccess, TooLarge
from walkwire.ids import parse_reference
from walkwire.walk.archetype import Archetype, reference_of
from walkwire.walk.archetypes.edge import Edge
from walkwire.walk.archetypes.node import Graph, Node
from walkwire.walk.archetypes.root import Root
from walkwire.walk.current import current
from walkwire.walk.walker.ability import on_entry
from walkwire.walk.walker.report import encode
from walkwire.walk.walker.walker import Walker

LIMIT = 10_000  # nodes and edges in one answer
LISTED = 10 * LIMIT  # references to edges in one answer: a node lists those too that are not wanted

# The nodes or the edges at one distance from the start, each as a row of the answer.
Row = dict[str, object]
Round = dict[str, list[Row]]


class traverse(Walker):
    """Report the nodes and edges around a node or an edge.

    - source: the reference of the start; None: the caller's root
    - detailed: add the fields of each node and edge
    - depth: the number of rounds, each from nodes to their edges or from edges to their nodes; negative: no limit
    - node_types, edge_types: follow only these classes, by name; None: all
    - in_steps: report each round by itself
    - most: bytes of fields, with `detailed`

    Raises NoAccess for a start that is absent or may not be read, TooLarge for more than LIMIT of them or `most` bytes.
    """

    source: str | None = None
    detailed: bool = False
    depth: int = 1
    node_types: list[str] | None = None
    edge_types: list[str] | None = None
    in_steps: bool = False
    most: int = 16 * 1024 * 1024

    @on_entry
    def look(self, here: Root) -> None:
        """Report all rounds together, or, with `in_steps`, as a list."""
        self._listed = self._bytes = 0
        steps = list(self._steps(self._first()))
        if self.in_steps:
            self.report(steps, custom=True)
            return
        edges = [edge for step in steps for edge in step.get("edges", ())]
        nodes = [node for step in steps for node in step.get("nodes", ())]
        self.report({"edges": edges, "nodes": nodes}, custom=True)

    def _first(self) -> Archetype:
        graph: Graph = current().graph
        if not self.source:
            return graph.root()
        found = graph.find(parse_reference(self.source).id)
        if not isinstance(found, Node | Edge):
            raise NoAccess(self.source)
        return found

    def _steps(self, first: Archetype) -> Iterator[Round]:
        seen = {id(first)}
        current_step: list[Archetype] = [first]
        depth = self.depth
        while current_step:
            following: list[Archetype] = []
            shown = []
            for one in current_step:
                row, neighbours = self._row(one)
                shown.append(row)
                self._listed += len(neighbours)
                if self._listed > LISTED or len(seen) > LIMIT:
                    raise _too_many()
                for neighbour in neighbours:
                    if id(neighbour) not in seen and self._is_wanted(neighbour):
                        seen.add(id(neighbour))
                        following.append(neighbour)
            yield {"edges" if isinstance(current_step[0], Edge) else "nodes": shown}
            if len(seen) > LIMIT:
                raise _too_many()
            if depth == 0:
                return
            current_step, depth = following, depth - 1

    def _row(self, one: Archetype) -> tuple[Row, Sequence[Archetype]]:
        graph: Graph = current().graph
        row: Row = {"id": reference_of(one)}
        if isinstance(one, Edge):
            neighbours: Sequence[Archetype] = graph.ends(one)
            row["source"], row["target"] = map(reference_of, neighbours)
        else:
            links = graph.neighbourhood(one, "both", None, None, LIMIT - 1)  # of LIMIT all would be loaded
            if len(links) == LIMIT - 1:
                raise _too_many()
            neighbours = [graph.edge(link) for link, _ in links]
            row["edges"] = list(map(reference_of, neighbours))
        if self.detailed:
            fields = encode(one)
            self._bytes += len(fields)
            if self._bytes > self.most:
                raise TooLarge(f"More than {self.most} bytes of fields: choose a smaller depth", 400)
            row["archetype"] = json.loads(fields)["context"]
        return row, neighbours

    def _is_wanted(self, one: Archetype) -> bool:
        types = self.edge_types if isinstance(one, Edge) else self.node_types
        return not types or one.__jac__.kind in types


def _too_many() -> TooLarge:
    return TooLarge(f"More than {LIMIT} nodes and edges: choose a smaller depth", 400)
