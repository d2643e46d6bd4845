"""Ticker: calls a function again and again, while there is something to do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol


class Ticking(Protocol):
    """What a `Ticker` does; tests have one that they move by hand."""

    def start(self, tick: Callable[[], None]) -> None:
        """Call `tick` from now on, unless it is called already."""

    def stop(self) -> None:
        """Call it no longer."""


class Ticker:
    """Calls a function every so many seconds, on the running event loop. Ticks that a blocked loop has missed are left out."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._timer: asyncio.TimerHandle | None = None

    def start(self, tick: Callable[[], None]) -> None:
        """Call `tick` from now on, unless it is called already."""
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._seconds, self._tick, tick)

    def stop(self) -> None:
        """Call it no longer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tick(self, tick: Callable[[], None]) -> None:
        self._timer = None
        self.start(tick)
        tick()
