"""Tally: counts deliveries and their delays, and messages that were lost, duplicated or reordered."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

_FINE = 8  # bits of a delay that are kept: 0.8 %


class Delays:
    """A histogram of delays in seconds, with a resolution of 0.8 %. Its size does not depend on the number of delays."""

    def __init__(self) -> None:
        self.count = 0
        self.largest = 0.0
        self._buckets: Counter[int] = Counter()

    def add(self, seconds: float, times: int = 1) -> None:
        """Record a delay, `times` times."""
        self.count += times
        self.largest = max(self.largest, seconds)
        micros = max(0, int(seconds * 1e6))
        shift = max(0, micros.bit_length() - _FINE)
        self._buckets[(micros >> shift) << shift] += times

    def quantile(self, part: float) -> float:
        """Return the quantile `part` (0 to 1) in seconds; 0 if nothing was recorded."""
        left = part * self.count
        for micros in sorted(self._buckets):
            left -= self._buckets[micros]
            if left <= 0:
                return min(micros / 1e6, self.largest)
        return self.largest


class Received:
    """The numbers of the messages that one connection received, from 0: which are missing, duplicated or reordered."""

    __slots__ = ("_missing", "duplicated", "next", "reordered")

    def __init__(self) -> None:
        self.next = 0
        self.duplicated = 0
        self.reordered = 0
        self._missing: set[int] = set()

    def hear(self, number: int) -> bool:
        """Record a message. Return whether it is new."""
        if number == self.next:
            self.next = number + 1
            return True
        if number > self.next:
            self._missing.update(range(self.next, number))
            self.next = number + 1
            return True
        if number in self._missing:
            self._missing.remove(number)
            self.reordered += 1
            return True
        self.duplicated += 1
        return False

    def lost(self, count: int) -> int:
        """Return how many of the first `count` messages did not arrive."""
        return len(self._missing) + max(0, count - self.next)


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a run.

    Delays are milliseconds from the time at which a message was due to its arrival. `busy` is the part of a core that the tool
    itself used: near 1, the delays are those of the tool.
    """

    connections: int
    channels: int
    sent: int
    due: int
    delivered: int
    per_second: float
    p50: float
    p99: float
    p999: float
    max: float
    lost: int
    duplicated: int
    reordered: int
    closed: int
    errors: tuple[str, ...]
    busy: float

    @property
    def is_complete(self) -> bool:
        """Return whether each message reached each member exactly once."""
        return not (self.lost or self.duplicated or self.closed or self.errors)

    def as_json(self) -> dict[str, Any]:
        """Return the result as a dictionary for JSON."""
        return asdict(self)
