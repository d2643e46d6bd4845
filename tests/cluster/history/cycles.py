"""Cycles: a graph of what must have come before what, and the cycles in it, by Adya's names. Knows nothing of keys and values.

An edge from one transaction to another is of one of four kinds:

- `WW`: the second wrote the version after that of the first;
- `WR`: the second read what the first wrote;
- `RW`: the second wrote the version after the one that the first read;
- `RT`: the first was answered before the second was asked for, or one walk committed both in this order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Container, Iterator, Sequence
from typing import NamedTuple

WW, WR, RW, RT = 1, 2, 4, 8
NAMES = {WW: "ww", WR: "wr", RW: "rw", RT: "rt"}

_ALL = WW | WR | RW | RT
_TRIES = 200  # first edges of each kind of cycle that are tried in one component
_VISITS = 1_000_000  # nodes that are visited for it at most, or about so many
_SHOWN = 3  # cycles of each kind that are told of one component

# Name of the cycle, kind of one edge in it, kinds of all others. The first name that fits says what is wrong.
_KINDS = (
    ("G0", WW, WW),
    ("G1c", WR, WW | WR),
    ("G-single", RW, WW | WR),
    ("G2", RW, WW | WR | RW),
    ("G0-realtime", WW, WW | RT),
    ("G1c-realtime", WR, WW | WR | RT),
    ("G-single-realtime", RW, WW | WR | RT),
    ("G2-realtime", RW, _ALL),
)


class Edge(NamedTuple):
    """To node `to`; `why` is for whoever explains the edge."""

    to: int
    kind: int
    why: object = None


class Cycle(NamedTuple):
    """`edges[i]` leads from `nodes[i]` to the next node, the last one back to the first."""

    name: str
    nodes: tuple[int, ...]
    edges: tuple[Edge, ...]


class Graph:
    """Nodes are numbers from 0; `out[u]` are the edges that leave u."""

    def __init__(self, size: int) -> None:
        self.out: list[list[Edge]] = [[] for _ in range(size)]

    def add(self, source: int, target: int, kind: int, why: object = None) -> None:
        """Put an edge between two nodes; one from a node to itself says nothing."""
        if source != target:
            self.out[source].append(Edge(target, kind, why))

    def add_real_time(self, invoked: Sequence[float], completed: Sequence[float | None]) -> None:
        """Let each of the first nodes that completed (not None) precede all that were invoked later, by O(n) edges.

        A chain of barriers stands for time. Each completion leads to the barrier after it, each barrier to the next one. The last
        barrier before an invocation leads to the node that is invoked.
        """
        events = sorted(
            [(time, 0, node) for node, time in enumerate(invoked)]
            + [(time, 1, node) for node, time in enumerate(completed) if time is not None]
        )
        barrier = -1
        is_open = False  # whether the last barrier has not preceded anything yet
        for _, is_completion, node in events:
            if not is_completion:
                if barrier >= 0:
                    self.add(barrier, node, RT)
                    is_open = False
                continue
            if not is_open:
                self.out.append([])
                if barrier >= 0:
                    self.add(barrier, len(self.out) - 1, RT)
                barrier, is_open = len(self.out) - 1, True
            self.add(node, barrier, RT)

    def cycles(self) -> Iterator[Cycle]:
        """Yield the worst cycles of each strongly connected component, named by the strongest property that they deny.

        Cycles that need real time are looked for only in components that have none without it.
        """
        for component in components(self.out):
            plain = list(components(self.out, set(component), _ALL & ~RT))
            for inside in plain or [component]:
                yield from self._of_component(set(inside), bool(plain))

    def _of_component(self, inside: set[int], is_plain: bool) -> Iterator[Cycle]:
        edges = self._by_kind(inside)
        for name, first, rest in _KINDS:
            if is_plain == bool(rest & RT):
                continue
            found = sorted(
                self._of_kind(name, first, rest, inside, edges), key=lambda cycle: len(cycle.nodes)
            )
            distinct: dict[frozenset[int], Cycle] = {}
            for cycle in found:
                distinct.setdefault(frozenset(cycle.nodes), cycle)
            yield from list(distinct.values())[:_SHOWN]

    def _by_kind(self, inside: set[int]) -> dict[int, list[tuple[int, Edge]]]:
        edges: dict[int, list[tuple[int, Edge]]] = {kind: [] for kind in NAMES}
        for node in inside:
            for edge in self.out[node]:
                if edge.to in inside:
                    edges[edge.kind].append((node, edge))
        return edges

    def _of_kind(
        self, name: str, first: int, rest: int, inside: set[int], edges: dict[int, list[tuple[int, Edge]]]
    ) -> Iterator[Cycle]:
        # Most components have no cycle without RW, and few edges are in one.
        around = [inside] if first == RW else map(set, components(self.out, inside, first | rest))
        tries, count = min(_TRIES, 5 + _VISITS // len(inside)), 0
        for part in around:
            for node, edge in edges[first]:
                if node not in part or edge.to not in part:
                    continue
                count += 1
                if count > tries:
                    return
                back = self._path(edge.to, node, rest, part)
                if back is None:
                    continue
                steps = [(node, edge), *back]
                if rest & RW and sum(one.kind == RW for _, one in steps) < 2:
                    continue
                yield Cycle(name, tuple(at for at, _ in steps), tuple(one for _, one in steps))

    def _path(
        self, start: int, end: int, kinds: int, inside: Container[int]
    ) -> list[tuple[int, Edge]] | None:
        """A shortest path by edges of these kinds: each node with the edge that leaves it."""
        came: dict[int, tuple[int, Edge]] = {}
        waiting = deque([start])
        while waiting:
            node = waiting.popleft()
            for edge in self.out[node]:
                if not edge.kind & kinds or edge.to in came or edge.to == start or edge.to not in inside:
                    continue
                came[edge.to] = node, edge
                if edge.to == end:
                    path = []
                    while end != start:
                        path.append(came[end])
                        end = came[end][0]
                    return path[::-1]
                waiting.append(edge.to)
        return None


def components(
    out: Sequence[Sequence[Edge]], inside: set[int] | None = None, kinds: int = _ALL
) -> Iterator[list[int]]:
    """The strongly connected components of more than one node (Tarjan, without recursion)."""
    index: dict[int, int] = {}
    low: dict[int, int] = {}
    on_stack: set[int] = set()
    stack: list[int] = []
    for root in inside if inside is not None else range(len(out)):
        if root in index:
            continue
        index[root] = low[root] = len(index)
        stack.append(root)
        on_stack.add(root)
        work = [(root, iter(out[root]))]
        while work:
            node, edges = work[-1]
            for edge in edges:
                to = edge.to
                if not edge.kind & kinds or (inside is not None and to not in inside):
                    continue
                if to not in index:
                    index[to] = low[to] = len(index)
                    stack.append(to)
                    on_stack.add(to)
                    work.append((to, iter(out[to])))
                    break
                if to in on_stack:
                    low[node] = min(low[node], index[to])
            else:
                work.pop()
                if work:
                    parent = work[-1][0]
                    low[parent] = min(low[parent], low[node])
                if low[node] == index[node]:
                    component = []
                    while True:
                        one = stack.pop()
                        on_stack.discard(one)
                        component.append(one)
                        if one == node:
                            break
                    if len(component) > 1:
                        yield component
