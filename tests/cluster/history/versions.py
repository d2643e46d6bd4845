"""Versions: in which order lists and registers changed, and what follows from it for those who read and wrote them (after Elle).

Of a list each read shows the whole order of its versions; of a register each read shows a version and the one before.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from tests.cluster.history.cycles import RW, WR, WW, Graph
from tests.cluster.history.finding import Finding, Seen
from tests.cluster.history.model import NONE, Append, Get, Read, Transaction, Write


class _Key:
    """All that is known of one list or register. Transactions are named by their place in the history."""

    def __init__(self) -> None:
        self.writers: dict[int, int] = {}  # value → transaction
        self.intermediate: set[int] = set()  # values that their own writers replaced, or wrote behind
        self.reads: list[
            tuple[int, tuple[int, ...]]
        ] = []  # lists, as they were before the reader's own appends
        self.gets: list[tuple[int, int, int]] = []
        self.replaced: dict[int, set[int]] = defaultdict(set)  # value → the values that replaced it
        self.before: dict[int, int] = {}  # value → the value that it replaced
        self.seen: set[int] = set()


class Versions:
    """The lists and registers of a history. `edges` fills the graph; what is wrong without any cycle is yielded."""

    def __init__(self, transactions: list[Transaction], seen: Seen) -> None:
        self._all = transactions
        self._seen = seen
        self._keys: dict[str, _Key] = defaultdict(_Key)
        self._internal: list[Finding] = []
        for place, transaction in enumerate(transactions):
            self._take(place, transaction)

    def edges(self, graph: Graph) -> Iterator[Finding]:
        """Put in what follows, and yield what is wrong by itself."""
        yield from self._internal
        for name, key in self._keys.items():
            if key.gets or key.replaced:
                yield from self._register(name, key, graph)
            elif key.reads or key.writers:
                yield from self._list(name, key, graph)

    # Reading the history

    def _take(self, place: int, transaction: Transaction) -> None:
        if not any(isinstance(step, Append | Read | Write | Get) for step in transaction.steps):
            return
        state: dict[str, tuple[int, ...]] = {}  # a list as the transaction has to see it
        mine: dict[str, list[int]] = defaultdict(list)
        current: dict[str, int] = {}  # a register as the transaction has to see it
        for step in transaction.steps:
            if not isinstance(step, Append | Read | Write | Get):
                continue
            key = self._keys[step.key]
            if isinstance(step, Append | Write):
                assert step.value not in key.writers, f"{step} twice: the workload must not do that"
                key.writers[step.value] = place
                if mine[step.key] and step.value not in transaction.perhaps:
                    key.intermediate.add(mine[step.key][-1])
                if isinstance(step, Write):
                    before = current.get(step.key)
                    if before is not None and transaction.outcome == "ok":
                        key.replaced[before].add(step.value)
                        key.before[step.value] = before
                    current[step.key] = step.value
                mine[step.key].append(step.value)
            elif isinstance(step, Read):
                self._read(place, step, key, state, mine[step.key])
            else:
                self._get(place, step, key, current, mine[step.key])

    def _read(
        self, place: int, step: Read, key: _Key, state: dict[str, tuple[int, ...]], mine: list[int]
    ) -> None:
        own = len(mine)
        known = state.get(step.key)
        before = step.values[: len(step.values) - own]
        if list(step.values[len(before) :]) != mine or (known is not None and before != known):
            self._wrong(place, f"{step.key} should be {known} and {mine} to itself, and was {step.values}")
            return
        if known is None:
            state[step.key] = before
            key.reads.append((place, before))

    def _get(self, place: int, step: Get, key: _Key, current: dict[str, int], mine: list[int]) -> None:
        known = current.get(step.key)
        if known is not None and step.value != known:
            self._wrong(place, f"{step.key} should be {known} to itself, and was {step.value}")
            return
        current[step.key] = step.value
        if not mine:
            key.gets.append((place, step.value, step.previous))
            if step.value != NONE:
                key.replaced[step.previous].add(step.value)
                key.before[step.value] = step.previous

    def _wrong(self, place: int, what: str) -> None:
        self._internal.append(Finding("internal", what, (self._all[place].id,)))

    # What follows

    def _list(self, name: str, key: _Key, graph: Graph) -> Iterator[Finding]:
        longest = max((values for _, values in key.reads), key=len, default=())
        if len(set(longest)) < len(longest):
            yield Finding("duplicate", f"{name} holds a value twice: {longest}", ())
        yield from self._written(name, key, longest)
        forks: list[tuple[int, tuple[int, ...]]] = []
        after: dict[int, list[int]] = defaultdict(list)  # length → who read just so many
        for place, values in key.reads:
            if longest[: len(values)] == values:
                after[len(values)].append(place)
            else:
                forks.append((place, values))
        for place, values in forks[:3]:
            what = f"{name} was {values} and was {longest}: neither became the other"
            yield Finding("incompatible-order", what, (self._all[place].id,))
        order = [key.writers.get(value) for value in longest]
        for i, writer in enumerate(order):
            if writer is None:
                continue
            if i and (earlier := order[i - 1]) is not None:
                graph.add(earlier, writer, WW, (name, longest[i - 1], longest[i]))
            for reader in after[i]:
                graph.add(reader, writer, RW, (name, longest[i - 1] if i else None, longest[i]))
            for reader in after[i + 1]:
                graph.add(writer, reader, WR, (name, longest[i]))
                yield from self._half(name, key, longest[i], writer, reader)
        yield from self._unseen(name, key, longest, order, after, graph)
        yield from self._both_wrote(name, key, after)

    def _unseen(
        self,
        name: str,
        key: _Key,
        longest: tuple[int, ...],
        order: list[int | None],
        after: dict[int, list[int]],
        graph: Graph,
    ) -> Iterator[Finding]:
        """Acknowledged appends that no read shows come after all that was read, or are lost."""
        shown = set(longest)
        for value, writer in key.writers.items():
            acknowledged = self._all[writer]
            if value in shown or acknowledged.outcome != "ok":
                continue
            late = [place for place, _ in key.reads if self._all[place].invoked > acknowledged.completed]
            if late:
                reader = self._all[late[-1]]
                what = f"{value} was acknowledged in {name}, and {len(late)} later reads have it not"
                yield Finding("lost-write", what, (acknowledged.id, reader.id), acknowledged.completed)
                continue
            for reader_place in after[len(longest)]:
                graph.add(reader_place, writer, RW, (name, longest[-1] if longest else None, value))
            if order and order[-1] is not None:
                graph.add(order[-1], writer, WW, (name, longest[-1], value))

    def _both_wrote(self, name: str, key: _Key, after: dict[int, list[int]]) -> Iterator[Finding]:
        writers = {place for place in key.writers.values() if self._all[place].outcome == "ok"}
        for length, readers in after.items():
            both = [self._all[place].id for place in readers if place in writers]
            if len(both) > 1:
                what = f"{len(both)} transactions read {name} with {length} values, and all appended to it"
                yield Finding("lost-update", what, tuple(both))

    def _register(self, name: str, key: _Key, graph: Graph) -> Iterator[Finding]:
        observed = {value for _, *both in key.gets for value in both if value != NONE}
        yield from self._written(name, key, tuple(observed))
        for value, later in key.replaced.items():
            if len(later) > 1:
                ids = tuple(self._all[key.writers[one]].id for one in later if one in key.writers)
                yield Finding("lost-update", f"{sorted(later)} all replaced {value} in {name}", ids)
            for one in later:
                if (writer := key.writers.get(one)) is None:
                    continue
                if (earlier := key.writers.get(value)) is not None:
                    graph.add(earlier, writer, WW, (name, value, one))
        for place, value, _ in key.gets:
            if (writer := key.writers.get(value)) is not None:
                graph.add(writer, place, WR, (name, value))
                yield from self._half(name, key, value, writer, place)
            for one in key.replaced.get(value, ()):
                if (writer := key.writers.get(one)) is not None:
                    graph.add(place, writer, RW, (name, value, one))
        if all(
            value in key.before for value in observed
        ):  # else something unknown may have come after any of them
            yield from self._lost(name, key, observed)

    def _lost(self, name: str, key: _Key, observed: set[int]) -> Iterator[Finding]:
        for value, writer in key.writers.items():
            one = self._all[writer]
            if (
                one.outcome != "ok"
                or value in observed
                or key.replaced.get(value)
                or value in key.intermediate
            ):
                continue
            late = [place for place, *_ in key.gets if self._all[place].invoked > one.completed]
            if late:
                what = f"{value} was acknowledged in {name}, and {len(late)} later reads do not know it"
                yield Finding("lost-write", what, (one.id, self._all[late[-1]].id), one.completed)

    def _written(self, name: str, key: _Key, values: tuple[int, ...]) -> Iterator[Finding]:
        """What was read must have been written, by somebody who was not refused."""
        for value in values:
            writer = key.writers.get(value)
            if writer is None:
                yield Finding("garbage", f"{name} held {value}, which nobody wrote", ())
            else:
                self._seen.happened(writer)
                if self._all[writer].outcome == "fail":
                    yield self._seen.refused(writer, f"{value} in {name}")

    def _half(self, name: str, key: _Key, value: int, writer: int, reader: int) -> Iterator[Finding]:
        if value in key.intermediate and writer != reader:
            what = f"{name} ended in {value}, which its writer did not leave there"
            yield Finding("G1b", what, (self._all[writer].id, self._all[reader].id))
