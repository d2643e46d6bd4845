"""Memory: a bound on what all connections together hold that is unfinished or unsent. Beyond it the largest holders are closed.

Nothing is counted for each connection. Whatever adds to a buffer subtracts the size from what may still come in before everything
has to be measured; only then all connections are asked what they hold. A sweep asks a few of them in each turn of the event loop.
It begins before that is due, so that it is nearly never necessary to ask all at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Protocol

from walkwire.wire.heartbeat import Heartbeat

SWEEP_SECONDS = 5.0  # between two sweeps, for what adds a little to many buffers and is not counted
SWEPT = 100  # connections that a sweep asks in one turn of the event loop
KEPT = 0.75  # part of the bound that is left after the largest holders were closed
LEAST = 1 / 16  # part of the bound that may be added between two measurements, even if it is nearly reached
EARLY = 1 / 2  # part of what may be added that is left when a sweep begins
FREED = 1 / 8  # part of the bound that must have been freed to be worth telling


def ignore_freed() -> None:
    """Do nothing: the `on_freed` of a server whose memory nobody returns."""


class Holder(Protocol):
    """A connection that holds memory."""

    def held(self) -> int:
        """Return the number of bytes that are unfinished or unsent."""

    def give_up(self) -> None:
        """Close the connection and free what it holds. Must not raise."""


class MemoryBound:
    """What all connections of a server hold.

    - bound: bytes
    - requests: the connections that speak HTTP; the WebSockets are those that the heartbeat watches
    - size: the bytes that were held when they were measured last
    - on_freed: called when much less is held than before
    """

    def __init__(self, bound: int, heartbeat: Heartbeat) -> None:
        self.requests: set[Holder] = set()
        self.size = 0
        self.on_freed: Callable[[], object] = ignore_freed
        self._peak = 0  # the most that was held since `on_freed` was called
        self._bound = bound
        self._heartbeat = heartbeat
        self._left = bound  # bytes that may be added before the next measurement
        self._swept_at = bound * EARLY  # of them, when a sweep begins
        self._is_measuring = False
        self._is_sweeping = False
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Start to sweep at intervals, by the running loop's clock."""
        self._timer = asyncio.get_running_loop().call_later(SWEEP_SECONDS, self._sweep_at_times)

    def stop(self) -> None:
        """Stop sweeping."""
        if self._timer is not None:
            self._timer.cancel()

    def grow(self, size: int) -> None:
        """Count bytes that were added to a buffer. Closes the largest holders if all of them hold more than the bound."""
        self._left -= size
        if self._left < self._swept_at and not self._is_measuring:
            if self._left < 0:
                self.measure()
            else:
                self._sweep()

    def measure(self) -> None:
        """Measure what is held, and close the largest holders if it is more than the bound."""
        self._is_measuring = True
        try:
            self._note(_sum(self._holders()))
            if self.size > self._bound:
                self._relieve()
        finally:
            self._is_measuring = False
        self._allow(0)

    def _allow(self, added: int) -> None:
        """Decide how much may come in after a measurement, during which so many bytes were added."""
        self._left = max(self._bound - self.size, int(self._bound * LEAST)) - added
        self._swept_at = self._left * EARLY

    def _holders(self) -> Iterator[Holder]:
        return chain(self.requests, *self._heartbeat.slots())

    def _relieve(self) -> None:
        sizes = [(holder.held(), holder) for holder in self._holders()]
        sizes.sort(key=lambda pair: pair[0], reverse=True)
        for size, holder in sizes:
            if self.size <= self._bound * KEPT:
                return
            holder.give_up()
            self.size -= size

    def _sweep_at_times(self) -> None:
        self.start()
        self._sweep()

    def _sweep(self) -> None:
        """Begin to add up what is held, unless that is under way."""
        if not self._is_sweeping:
            self._is_sweeping = True
            self._sweep_on(0, list(self._holders()), self._left)

    def _sweep_on(self, size: int, rest: list[Holder], left: int) -> None:
        """Ask some, and the `rest` in later turns. `size` is what the others hold; `left` what might be added at first."""
        asked, rest = rest[:SWEPT], rest[SWEPT:]
        size += _sum(asked)
        if rest:
            asyncio.get_running_loop().call_soon(self._sweep_on, size, rest, left)
            return
        self._is_sweeping = False
        if size > self._bound:  # about: some have changed meanwhile
            self.measure()
        else:
            self._note(size)
            self._allow(max(0, left - self._left))

    def _note(self, size: int) -> None:
        self.size = size
        self._peak = max(self._peak, size)
        if self._peak - size > self._bound * FREED:
            self._peak = size
            self.on_freed()


def _sum(holders: Iterable[Holder]) -> int:
    return sum([holder.held() for holder in holders])
