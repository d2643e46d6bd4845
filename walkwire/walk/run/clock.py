"""Clock: stores a task at each time of a walker's timetable. It runs on the sockets' event loop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from datetime import UTC, datetime
from typing import Any

from walkwire.ending import end_tasks
from walkwire.walk.walker.timetable import Timetable

Enqueue = Callable[[type, Timetable, datetime], Coroutine[Any, Any, None]]

_log = logging.getLogger("walkwire.walk")


def _now() -> datetime:
    return datetime.now(UTC)


class Clock:
    """Calls `enqueue(walker, timetable, at)` at each time of each timetable. `now` returns the time, in UTC."""

    def __init__(self, enqueue: Enqueue, now: Callable[[], datetime] = _now) -> None:
        self._enqueue = enqueue
        self._now = now
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, timetables: Mapping[type, Timetable]) -> None:
        """Begin with these timetables."""
        self._tasks += [asyncio.ensure_future(self._follow(*one)) for one in timetables.items()]

    async def stop(self) -> None:
        """Stop calling `enqueue`."""
        await end_tasks(*self._tasks)

    async def _follow(self, walker: type, timetable: Timetable) -> None:
        before: datetime | None = None
        while (at := timetable.next(before, self._now())) is not None:
            await asyncio.sleep(max(0.0, (at - self._now()).total_seconds()))
            try:
                await self._enqueue(walker, timetable, at)
            except Exception:
                _log.exception("%s could not be ordered for %s", walker.__name__, at.isoformat())
            before = at
