"""Patience: gives up on a service that answers nothing at all, not on one that answers slowly or has much to answer."""

from __future__ import annotations

import asyncio
from asyncio import Future, TimerHandle
from collections.abc import Awaitable
from typing import TypeVar

TICK = 0.5  # seconds between two looks for answers

T = TypeVar("T")


class Patience:
    """Waits for answers of one service.

    - seconds: without any answer to anybody, after which everybody who waits gives up
    - longest: seconds after which one who waits gives up, although others are answered; None: never

    Time is counted in turns of the event loop and not read from a clock: a loop that was blocked has not read answers either.
    """

    def __init__(self, seconds: float, longest: float | None = None) -> None:
        self._ticks = max(1, round(seconds / TICK))
        self._most = None if longest is None else max(1, round(longest / TICK))
        self._waiting: dict[Future[None], int] = {}  # for how many ticks
        self._silent = 0
        self._timer: TimerHandle | None = None

    def heard(self) -> None:
        """Note that the service has said something."""
        self._silent = 0

    async def wait(self, answer: Awaitable[T], ended: Future[None] | None = None) -> T:
        """Return an answer. Raises TimeoutError when there was none for so long, and OSError when the connection has `ended`."""
        asked: Future[T] = asyncio.ensure_future(answer)
        loop = asyncio.get_running_loop()
        over: Future[None] = loop.create_future()
        if not self._waiting:
            self._silent = 0
        self._waiting[over] = 0
        if self._timer is None:
            self._timer = loop.call_later(TICK, self._look)
        try:
            ends = (asked, over) if ended is None else (asked, over, ended)
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            if not asked.done():
                raise TimeoutError if over.done() else OSError("the connection ended")
            self._silent = 0
            return asked.result()
        finally:
            del self._waiting[over]
            asked.cancel()

    def _look(self) -> None:
        self._timer = None
        if not self._waiting:
            return
        self._silent += 1
        is_away = self._silent > self._ticks
        if is_away:
            self._silent = 0
        for over, ticks in self._waiting.items():
            self._waiting[over] = ticks + 1
            if not over.done() and (is_away or (self._most is not None and ticks >= self._most)):
                over.set_result(None)
        self._timer = asyncio.get_running_loop().call_later(TICK, self._look)
