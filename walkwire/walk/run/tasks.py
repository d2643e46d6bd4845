"""Tasks: runs stored tasks, each when it is due. It lives on the sockets' event loop, as the runtime does.

Each task is started once. The commit of its walk also stores its outcome, so changes and outcome are stored together or not at
all. A task whose server dies is not started again, as nothing is known of its effects outside of the graph: it ends as ERROR.
"""

from __future__ import annotations

import asyncio
import json
import logging
import math
import os
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from walkwire.ending import end_tasks
from walkwire.errors import Busy, Internal, PublicError
from walkwire.ids import LOG_IDS
from walkwire.store import Asking, TaskEnd, TaskRecord, TaskStore, TaskTaken

LIFE_SECONDS = 15.0  # after which a server that does not report counts as dead
ABANDONED = "The server stopped while the walk was under way."
_RETRY_SECONDS = 0.2
_LONG_AGO = 0.0

RunTask = Callable[[TaskRecord, str], Coroutine[Any, Any, Any]]

_log = logging.getLogger("walkwire.walk")


class Runner:
    """Runs the tasks of a store.

    - walk: runs one task, given the task and the id of this server; raises what the walk raised
    - at_once: how many tasks run at the same time
    - is_forgotten: whether the outcome of a task is not stored
    - life: seconds after which a server that does not report counts as dead. Every third of it, this server reports to the
      store, and ends the tasks of dead servers.
    - clock: returns the time of the database, in seconds since the epoch; None: it is read from the store with each report, and
      counted on in between. Servers' own clocks differ: one of them would end the running tasks of another
    - news: set it when there may be a new task
    """

    def __init__(
        self,
        store: TaskStore,
        asking: Asking,
        walk: RunTask,
        *,
        at_once: int,
        is_forgotten: Callable[[TaskRecord], bool] = lambda task: False,
        life: float = LIFE_SECONDS,
        clock: Callable[[], float] | None = None,
        news: asyncio.Event | None = None,
    ) -> None:
        self._store = store
        self._ask = asking.ask
        self._walk = walk
        self._at_once = at_once
        self._is_forgotten = is_forgotten
        self._life = life
        self._clock = clock
        self._clock_read = -math.inf  # by time.monotonic()
        self._clock_ahead = 0.0  # of time.monotonic()
        self._server = os.urandom(12).hex()
        self._under_way: dict[asyncio.Task[None], str] = {}
        self._news = news or asyncio.Event()
        self._loop: asyncio.Task[None] | None = None
        self._is_finishing = False

    @property
    def under_way(self) -> int:
        """Return how many tasks run here."""
        return len(self._under_way)

    def start(self) -> None:
        """Begin to run tasks that are pending or that are added later."""
        self._loop = asyncio.ensure_future(self._serve())

    def wake(self) -> None:
        """Look for new tasks now."""
        self._news.set()

    async def finish(self, seconds: float) -> None:
        """Start no further task, and wait for the running ones, for so many seconds at most."""
        clock = asyncio.get_running_loop().time
        end = clock() + seconds
        self._is_finishing = True
        self._news.set()
        if (loop := self._loop) is not None:  # a second caller may be here at the same time
            # The loop ends by itself: it still runs the tasks that it is just taking from the store, as no other server would,
            # and reports the running ones as alive.
            await asyncio.wait((loop,), timeout=seconds)
            await end_tasks(loop)
            self._loop = None
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=max(0.0, end - clock()))

    async def stop(self, seconds: float) -> None:
        """Finish as `finish` does, then cancel the tasks that are still running: they end as if the server had died."""
        await self.finish(seconds)
        if running := dict(self._under_way):
            for task in running:
                task.cancel()
            await asyncio.wait(running)
            await self._ask(self._store.keep_tasks, self._server, list(running.values()), _LONG_AGO)
            await self._ask(self._store.abandon_tasks, _LONG_AGO + 1, json.dumps([ABANDONED]))

    async def _serve(self) -> None:
        reported = 0.0
        while self._under_way or not self._is_finishing:
            self._news.clear()
            try:
                now = await self._now()
                if now - reported >= self._life / 3:
                    await self._report(now)
                    reported = now
                pause = min(await self._begin_due(now), reported + self._life / 3 - now)
            except Busy:  # the store logs when it is away and when it is back
                pause = self._life / 3
            except Exception:
                _log.exception("Tasks are not begun for the moment")
                pause = self._life / 3
            # Not wait_for(): in Python 3.11 it loses a cancellation that comes together with the news.
            with suppress(TimeoutError):
                async with asyncio.timeout(max(pause, 0)):
                    await self._news.wait()

    async def _now(self) -> float:
        if self._clock is not None:
            return self._clock()
        if time.monotonic() - self._clock_read >= self._life / 3:
            there = await self._ask(self._store.now)
            self._clock_read = time.monotonic()
            self._clock_ahead = there - self._clock_read
        return time.monotonic() + self._clock_ahead

    async def _report(self, now: float) -> None:
        if self._under_way:
            ids = list(self._under_way.values())
            await self._ask(self._store.keep_tasks, self._server, ids, now + self._life)
        abandoned = await self._ask(self._store.abandon_tasks, now, json.dumps([ABANDONED]))
        if abandoned:
            _log.warning("%d tasks were under way when their server stopped; they ended as ERROR", abandoned)

    async def _begin_due(self, now: float) -> float:
        """Start the tasks that are due, and return the seconds until the next look."""
        free = self._at_once - len(self._under_way)
        due = await self._ask(self._store.next_task)
        if due is None or not free or self._is_finishing:
            return self._life  # the end of a running task sets `news`
        if due > now:
            return due - now
        begun = await self._ask(self._store.begin_tasks, self._server, now, now + self._life, free)
        for record in begun:
            task = asyncio.ensure_future(self._run(record))
            self._under_way[task] = record.id
            task.add_done_callback(self._done)
        return 0 if begun else _RETRY_SECONDS  # another server may be starting it

    def _done(self, task: asyncio.Task[None]) -> None:
        self._under_way.pop(task, None)
        self._news.set()

    async def _run(self, task: TaskRecord) -> None:
        reference = f"w:{task.walker}:{task.id}"
        LOG_IDS.set({"task": reference})
        try:
            await self._run_when_free(task)
        except TaskTaken:
            _log.warning("%s was taken for abandoned; what it did to the graph is not kept", reference)
        except PublicError as error:
            await self._fail(task, error.message)
        except Exception as error:
            internal = Internal()
            _log.error("%s: %s", internal.message, reference, exc_info=error)
            await self._fail(task, internal.message)

    async def _run_when_free(self, task: TaskRecord) -> None:
        while True:
            try:
                await self._walk(task, self._server)
                return
            except Busy:
                await asyncio.sleep(_RETRY_SECONDS)

    async def _fail(self, task: TaskRecord, message: str) -> None:
        try:
            if self._is_forgotten(task):
                await self._ask(self._store.forget_task, task.id)
            else:
                end = TaskEnd(task.id, self._server, "ERROR", error=json.dumps([message]))
                await self._ask(self._store.end_task, end)
        except Exception:  # nothing waits for this; the task will count as abandoned
            _log.exception("That w:%s:%s failed could not be kept: %s", task.walker, task.id, message)
