"""Tally: what arrived, how late, and what did not: lost, twice, out of order."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

_FINE = 8  # bits of a delay that are kept: 0.8 %


class Delays:
    """How late deliveries were, in seconds; each kept to 0.8 %, so that a million take no more room than a thousand."""

    def __init__(self) -> None:
        self.count = 0
        self.largest = 0.0
        self._buckets: Counter[int] = Counter()

    def add(self, seconds: float, times: int = 1) -> None:
        """Note a delay, of one delivery or of several."""
        self.count += times
        self.largest = max(self.largest, seconds)
        micros = max(0, int(seconds * 1e6))
        shift = max(0, micros.bit_length() - _FINE)
        self._buckets[(micros >> shift) << shift] += times

    def quantile(self, part: float) -> float:
        """The delay that `part` of all deliveries did not exceed; 0 where there were none."""
        left = part * self.count
        for micros in sorted(self._buckets):
            left -= self._buckets[micros]
            if left <= 0:
                return min(micros / 1e6, self.largest)
        return self.largest


class Order:
    """One hearer's messages, which are numbered from 0: which it has, and how they came."""

    __slots__ = ("_missing", "duplicated", "next", "reordered")

    def __init__(self) -> None:
        self.next = 0
        self.duplicated = 0
        self.reordered = 0
        self._missing: set[int] = set()

    def hear(self, number: int) -> bool:
        """Take a message. Tells whether it is new."""
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
        """How many of the first `count` did not come."""
        return len(self._missing) + max(0, count - self.next)


@dataclass(frozen=True, slots=True)
class Result:
    """What came of it. Times in milliseconds, from when a message was due to be sent to its arrival; `busy` is the part of a core
    that the tool itself took: near 1 the times are its own."""

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
        """Whether every message reached everybody, once."""
        return not (self.lost or self.duplicated or self.closed or self.errors)

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return asdict(self)
