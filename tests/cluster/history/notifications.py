"""Notifications: what listeners heard, compared with what was committed.

- A listener without a gap hears each notification of an acknowledged transaction, and of no other transaction.
- On another server than the walk's this holds only while no fault touches a server or the broker.
- The order of the versions of one record at one listener is counted, and is not a finding.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate

from tests.cluster.history.finding import Finding, Seen
from tests.cluster.history.model import Announced, Append, Heard, History, Listening, Read, Write

_AROUND = 8.0  # seconds before and after a fault in which other servers may miss something


@dataclass(slots=True)
class Told:
    """Figures: notifications heard and expected, and those that came after a later version of the same record."""

    heard: int = 0
    expected: int = 0
    late: int = 0
    pairs: int = 0
    example: str = ""


class Notifications:
    """The notifications of a history. To be asked after the versions were put in order, when it is known what was done."""

    def __init__(self, history: History, seen: Seen) -> None:
        self._history = history
        self._seen = seen
        self.told = Told(heard=len(history.heard))
        faults = sorted(history.faults, key=lambda fault: fault.start)
        self._starts = [fault.start for fault in faults]
        self._ends = list(accumulate((max(fault.end, fault.back or 0) for fault in faults), max))

    def findings(self) -> Iterator[Finding]:
        """All that is wrong; the figures are in `told`."""
        yield from self._of_what_is_not()
        yield from self._twice()
        yield from self._torn()
        yield from self._missed()
        self._count_late()

    def _of_what_is_not(self) -> Iterator[Finding]:
        transactions = self._history.transactions
        writers = {
            (step.key, step.value): place
            for place, one in enumerate(transactions)
            for step in one.steps
            if isinstance(step, Append | Write)
        }
        looked: dict[str, float] = defaultdict(float)  # when each list was last read
        for one in transactions:
            for step in one.steps:
                if isinstance(step, Read):
                    looked[step.key] = max(looked[step.key], one.invoked)
        told: set[int] = set()
        for heard in self._history.heard:
            if heard.pair is not None:
                continue
            place = writers.get((heard.key, heard.value))
            if place is None:
                yield Finding("garbage", f"{heard.key} was told to be {heard.value}, which nobody wrote", ())
            elif not self._seen.done[place] and place not in told:
                one = transactions[place]
                if one.outcome == "fail" or looked[heard.key] > max(heard.at, one.completed):
                    told.add(place)
                    what = f"version {heard.version} of {heard.key} was told, and is not there ({one.code})"
                    yield Finding("told-not-committed", what, (one.id,), heard.at)

    def _twice(self) -> Iterator[Finding]:
        known: set[tuple[int, str, int]] = set()
        for heard in self._history.heard:
            if heard.pair is not None:
                continue
            fact = heard.listener, heard.key, heard.value
            if fact in known:
                what = f"listener {heard.listener} heard version {heard.version} of {heard.key} twice"
                yield Finding("told-twice", what, (), heard.at)
            known.add(fact)

    def _torn(self) -> Iterator[Finding]:
        for heard in self._history.heard:
            if heard.pair is None:
                continue
            self.told.pairs += 1
            if heard.pair[0] != heard.pair[1]:
                what = f"{heard.key} was told at once to be {heard.pair}, two numbers that are always equal"
                yield Finding("torn-notification", what, (), heard.at)

    def _missed(self) -> Iterator[Finding]:
        history = self._history
        by_id = {one.id: one for one in history.transactions}
        heard: dict[int, set[tuple[str, int]]] = defaultdict(set)
        for one in history.heard:
            heard[one.listener].add((one.key, one.value))
        times: dict[str, list[Listening]] = defaultdict(list)
        for span in history.listening:
            times[span.channel].append(span)
        for announced in history.announced:
            asked = by_id[announced.transaction]
            if asked.outcome != "ok":
                continue
            for span in times[announced.channel]:
                if not span.since < asked.invoked <= asked.completed < span.until:
                    continue
                if span.server != announced.server and self._is_disturbed(asked.invoked, asked.completed):
                    continue
                self.told.expected += 1
                if (announced.key, announced.value) not in heard[span.listener]:
                    yield self._not_told(announced, span, asked.completed)

    def _not_told(self, announced: Announced, span: Listening, at: float) -> Finding:
        where = "the same server" if span.server == announced.server else "another server"
        what = f"a listener on {where} did not hear version {announced.version} of {announced.key}"
        return Finding("not-told", what, (announced.transaction,), at)

    def _is_disturbed(self, since: float, until: float) -> bool:
        """Whether any fault is near. The ends are running maxima."""
        near = bisect_left(self._starts, until + _AROUND)
        return near > 0 and since < self._ends[near - 1] + _AROUND

    def _count_late(self) -> None:
        newest: dict[tuple[int, str], Heard] = {}
        for heard in self._history.heard:
            if heard.pair is not None:
                continue
            fact = heard.listener, heard.key
            before = newest.get(fact)
            if before is None or heard.version >= before.version:
                newest[fact] = heard
            else:
                self.told.late += 1
                self.told.example = self.told.example or (
                    f"listener {heard.listener} heard version {heard.version} of {heard.key} after version {before.version}"
                )
