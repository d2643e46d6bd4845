"""Truth: what was sent to each stream and what each client has heard of it, and whether the two agree. No clock, no network.

Every notification has a number of its own. Nobody knows the order of a stream in advance, if several servers send to it. So the
order is checked in these ways:

- Whatever was confirmed, or heard by anybody, before another notification was sent comes before it.
- What one publisher sends to a stream keeps its order. None: nobody's order.
- All clients agree: what follows a notification for one client follows it for every other, unless a client was told of a loss.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise

Key = tuple[str, str]
"""A stream: `users`, `channels` or `clients`, and whose."""

NEVER = 1 << 60


class Fault(AssertionError):
    """A promise was broken."""


@dataclass(slots=True)
class Sent:
    """A notification. `start`, `end`: when it was sent, and when it was confirmed or first heard."""

    key: Key
    publisher: object
    start: int
    end: int = NEVER


@dataclass(slots=True)
class Segment:
    """What a client has heard of a stream without being told of a loss.

    - since: when it was told where the segment begins
    - is_fresh: whether it joined as if for the first time, and may hear again what it has heard before
    - is_open: whether it goes on: the client listens, or will continue there
    - heard: the numbers, in order
    """

    client: object
    since: int
    is_fresh: bool = False
    heard: list[int] = field(default_factory=list)
    is_open: bool = True


class Truth:
    """One system. Time is counted in what happens."""

    def __init__(self) -> None:
        self.sent: dict[int, Sent] = {}
        self._numbers: dict[Key, list[int]] = {}
        self._segments: dict[Key, list[Segment]] = {}
        self._heard: dict[tuple[object, Key], set[int]] = {}
        self._time = 0

    def send(self, key: Key, publisher: object) -> int:
        """Return the number of a new notification."""
        number = len(self.sent) + 1
        self.sent[number] = Sent(key, publisher, self._tick())
        self._numbers.setdefault(key, []).append(number)
        return number

    def confirm(self, number: int) -> None:
        """A notification is in its stream."""
        sent = self.sent[number]
        sent.end = min(sent.end, self._tick())

    def begin(self, client: object, key: Key, is_fresh: bool = False) -> Segment:
        """A client was told a place of a stream, and claims nothing of before."""
        segment = Segment(client, self._tick(), is_fresh)
        if is_fresh:
            self._heard.pop((client, key), None)
        self._segments.setdefault(key, []).append(segment)
        return segment

    def hear(self, segment: Segment, key: Key, number: int) -> None:
        """A client hears a notification. Raises Fault if it is of another stream, or was heard before."""
        sent = self.sent.get(number)
        if sent is None or sent.key != key:
            raise Fault(f"{segment.client} heard {number} on {key}, which is of {sent and sent.key}")
        heard = self._heard.setdefault((segment.client, key), set())
        if number in heard:
            raise Fault(f"{segment.client} heard {number} of {key} twice: {segment.heard[-9:]}")
        heard.add(number)
        segment.heard.append(number)
        self.confirm(number)

    def missing(self) -> list[str]:
        """Return what clients that were told of no loss have still to hear: what was sent since they began, and what others have
        heard after the last that they have. That may have been sent before, and have come late.
        """
        found = []
        for key, segments in self._segments.items():
            followed = {number for segment in segments for number in segment.heard[:-1]}
            for segment in segments:
                if segment.is_open and (numbers := self._missing(key, segment, NEVER)):
                    last = segment.heard[-3:]
                    found.append(f"{segment.client} has not heard {numbers} of {key}, but {last} at last")
                elif segment.is_open and segment.heard and segment.heard[-1] in followed:
                    found.append(f"{segment.client} has not heard what follows {segment.heard[-1]} of {key}")
        return found

    def check(self) -> None:
        """Raise Fault if anything was lost or out of order. Call it when nothing is `missing` any more."""
        if missing := self.missing():
            raise Fault("; ".join(missing))
        self.check_passed()
        for key, segments in self._segments.items():
            for segment in segments:
                self._check_order(key, segment)
            self._check_agreement(key, segments)

    def check_passed(self) -> None:
        """Raise Fault if a client has heard something that certainly comes after what it did not hear."""
        for key, segments in self._segments.items():
            for segment in segments:
                if segment.heard:
                    numbers = self._missing(key, segment, self.sent[segment.heard[-1]].start)
                    if numbers:
                        raise Fault(f"{segment.client} has passed over {numbers} of {key}: {segment.heard}")

    def _missing(self, key: Key, segment: Segment, before: int) -> list[int]:
        """Return what was sent since the segment began, ended before this time, and was not heard."""
        heard = set(segment.heard)
        return [
            number
            for number in reversed(self._numbers.get(key, ()))
            if self.sent[number].start >= segment.since
            and self.sent[number].end < before
            and number not in heard
        ]

    def _check_order(self, key: Key, segment: Segment) -> None:
        latest: dict[object, int] = {}
        start = 0
        for number in segment.heard:
            sent = self.sent[number]
            if sent.end < start or latest.get(sent.publisher, 0) > number:
                raise Fault(f"{segment.client} heard {number} of {key} too late: {segment.heard}")
            if sent.publisher is not None:
                latest[sent.publisher] = number
            start = max(start, sent.start)

    def _check_agreement(self, key: Key, segments: list[Segment]) -> None:
        nexts: dict[int, int] = {}
        befores: dict[int, int] = {}
        after: dict[int, set[int]] = {}
        last: dict[object, int] = {}
        for segment in segments:
            heard = segment.heard
            for one, other in pairwise(heard):
                if nexts.setdefault(one, other) != other or befores.setdefault(other, one) != one:
                    raise Fault(
                        f"{segment.client} heard {other} after {one} of {key}; "
                        f"others {nexts[one]} after {one}, and {other} after {befores.get(other)}"
                    )
                after.setdefault(other, set()).add(one)
            if heard:
                if segment.client in last and not segment.is_fresh:
                    after.setdefault(heard[0], set()).add(last[segment.client])
                last[segment.client] = heard[-1]
        try:
            TopologicalSorter(after).prepare()
        except CycleError as error:
            raise Fault(f"Clients disagree about the order of {key}: {error.args[1]}") from None

    def _tick(self) -> int:
        self._time += 1
        return self._time
