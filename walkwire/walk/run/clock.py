"""Clock: when the time of a timetable comes, orders its walker's walk. It lives on the sockets' event loop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from walkwire.walk.walker.timetable import Timetable

Order = Callable[[type, Timetable, datetime], Coroutine[Any, Any, None]]

_log = logging.getLogger("walkwire.walk")


def _now() -> datetime:
    return datetime.now(UTC)


class Clock:
    """Calls `order(walker, timetable, at)` at each time of each timetable."""

    def __init__(self, order: Order, now: Callable[[], datetime] = _now) -> None:
        self._order = order
        self._now = now
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, timetables: Mapping[type, Timetable]) -> None:
        """Keep these from now on."""
        self._tasks += [asyncio.ensure_future(self._keep(*one)) for one in timetables.items()]

    async def stop(self) -> None:
        """Order nothing any more."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with suppress(asyncio.CancelledError):
                await task

    async def _keep(self, walker: type, timetable: Timetable) -> None:
        before: datetime | None = None
        while (at := timetable.next(before, self._now())) is not None:
            await asyncio.sleep(max(0.0, (at - self._now()).total_seconds()))
            try:
                await self._order(walker, timetable, at)
            except Exception:
                _log.exception("%s could not be ordered for %s", walker.__name__, at.isoformat())
            before = at
