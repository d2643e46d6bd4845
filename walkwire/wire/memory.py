"""Memory: a bound on what all connections together hold that is unfinished or unsent. Beyond it the largest holders are closed.

Nothing is counted for each connection. Whatever adds to a buffer subtracts the size from what may still come in before everything
has to be measured; only then all connections are asked what they hold.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from itertools import chain
from typing import Protocol

from walkwire.wire.heartbeat import Heartbeat

SWEEP_SECONDS = 5.0  # between two sweeps, for what adds a little to many buffers and is not counted
KEPT = 0.75  # part of the bound that is left after the largest holders were closed
LEAST = 1 / 16  # part of the bound that may be added between two measurements, even if it is nearly reached


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
        self._is_measuring = False
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Start to sweep at intervals, by the running loop's clock."""
        self._timer = asyncio.get_running_loop().call_later(SWEEP_SECONDS, self._sweep)

    def stop(self) -> None:
        """Stop sweeping."""
        if self._timer is not None:
            self._timer.cancel()

    def grow(self, size: int) -> None:
        """Count bytes that were added to a buffer. Closes the largest holders if all of them hold more than the bound."""
        self._left -= size
        if self._left < 0 and not self._is_measuring:
            self.measure()

    def measure(self) -> None:
        """Measure what is held, and close the largest holders if it is more than the bound."""
        self._is_measuring = True
        try:
            self._note(self._sum(self.requests) + sum(map(self._sum, self._heartbeat.slots())))
            if self.size > self._bound:
                self._relieve()
        finally:
            self._is_measuring = False
        self._left = max(self._bound - self.size, int(self._bound * LEAST))

    def _relieve(self) -> None:
        holders = chain(self.requests, *self._heartbeat.slots())
        sizes = [(holder.held(), holder) for holder in holders]
        sizes.sort(key=lambda pair: pair[0], reverse=True)
        for size, holder in sizes:
            if self.size <= self._bound * KEPT:
                return
            holder.give_up()
            self.size -= size

    def _sweep(self) -> None:
        """Begin to add up what is held, one slot of the heartbeat in each turn of the event loop."""
        self.start()
        self._sweep_slot(self._sum(self.requests), self._heartbeat.slots())

    def _sweep_slot(self, size: int, slots: Sequence[Collection[Holder]]) -> None:
        if slots:
            size += self._sum(slots[-1])
            asyncio.get_running_loop().call_soon(self._sweep_slot, size, slots[:-1])
        elif size > self._bound:  # about: sockets may have changed their slots meanwhile
            self.measure()
        else:
            self._note(size)

    def _note(self, size: int) -> None:
        self.size = size
        self._peak = max(self._peak, size)
        if self._peak - size > self._bound * FREED:
            self._peak = size
            self.on_freed()

    def _sum(self, holders: Collection[Holder]) -> int:
        return sum([holder.held() for holder in holders])
