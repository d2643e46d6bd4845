"""Runner: walks the walks for later, each when it is due. It lives on the sockets' event loop, as the runtime does.

A task is begun once. Its end is written by the commit of its walk, so what it did and that it did it are kept together or not at
all. One whose server dies is not begun again, for nobody knows what it did outside of the graph: it ends as ERROR.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

from walkwire.errors import Busy, Internal, PublicError
from walkwire.store import TaskEnd, TaskRecord, TaskStore, TaskTaken

LIFE_SECONDS = 15.0  # so long a server counts as alive that says nothing
ABANDONED = "The server stopped while the walk was under way."
_TURN_SECONDS = 0.2
_LONG_AGO = 0.0

Result = TypeVar("Result")
Walk = Callable[[TaskRecord, str], Coroutine[Any, Any, Any]]

_log = logging.getLogger("walkwire.walk")


class Runner:
    """Begins up to `at_once` tasks, each by `walk(task, server)`, which raises what the walk raised. One that failed and that
    `is_forgotten` is not kept.

    `wake` is to be called when there may be a new task. Every third of `life` seconds it tells the store that it is alive, and
    looks whether others are.
    """

    def __init__(
        self,
        store: TaskStore,
        walk: Walk,
        *,
        at_once: int,
        is_forgotten: Callable[[TaskRecord], bool] = lambda task: False,
        life: float = LIFE_SECONDS,
        clock: Callable[[], float] = time.time,
        news: asyncio.Event | None = None,
    ) -> None:
        self._store = store
        self._walk = walk
        self._at_once = at_once
        self._is_forgotten = is_forgotten
        self._life = life
        self._clock = clock
        self._server = os.urandom(12).hex()
        self._under_way: dict[asyncio.Task[None], str] = {}
        self._news = news or asyncio.Event()
        self._pool = ThreadPoolExecutor(1, "tasks")
        self._loop: asyncio.Task[None] | None = None
        self._is_finishing = False

    def start(self) -> None:
        """Take up what is pending, and what comes."""
        self._loop = asyncio.ensure_future(self._serve())

    def wake(self) -> None:
        """There may be a new task."""
        self._news.set()

    async def finish(self, seconds: float) -> None:
        """Begin no task any more, and let those under way end, for so long at most."""
        clock = asyncio.get_running_loop().time
        end = clock() + seconds
        self._is_finishing = True
        self._news.set()
        if (loop := self._loop) is not None:  # a second caller may be here at the same time
            # It ends by itself: what it is taking from the store just now is begun, and nobody else would do it; and the others
            # have to hear of what is still under way.
            await asyncio.wait((loop,), timeout=seconds)
            loop.cancel()
            await asyncio.wait((loop,))
            self._loop = None
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=max(0.0, end - clock()))

    async def stop(self, seconds: float) -> None:
        """As `finish`; what did not end is given up, as if the server had died."""
        await self.finish(seconds)
        if left := dict(self._under_way):
            for task in left:
                task.cancel()
            await asyncio.wait(left)
            await self._ask(self._store.keep_tasks, self._server, list(left.values()), _LONG_AGO)
            await self._ask(self._store.abandon_tasks, _LONG_AGO + 1, json.dumps([ABANDONED]))
        self._pool.shutdown()

    async def _serve(self) -> None:
        heard = 0.0
        while self._under_way or not self._is_finishing:
            self._news.clear()
            try:
                now = self._clock()
                if now - heard >= self._life / 3:
                    await self._tell_and_look(now)
                    heard = now
                pause = min(await self._begin_due(now), heard + self._life / 3 - now)
            except Exception:
                _log.exception("Tasks are not begun for the moment")
                pause = self._life / 3
            # Not wait_for(): in Python 3.11 it loses a cancellation that comes together with the news.
            with suppress(TimeoutError):
                async with asyncio.timeout(max(pause, 0)):
                    await self._news.wait()

    async def _tell_and_look(self, now: float) -> None:
        if self._under_way:
            ids = list(self._under_way.values())
            await self._ask(self._store.keep_tasks, self._server, ids, now + self._life)
        abandoned = await self._ask(self._store.abandon_tasks, now, json.dumps([ABANDONED]))
        if abandoned:
            _log.warning("%d tasks were under way when their server stopped; they ended as ERROR", abandoned)

    async def _begin_due(self, now: float) -> float:
        """Begin what is due, and give the seconds until something more may be."""
        free = self._at_once - len(self._under_way)
        due = await self._ask(self._store.next_task)
        if due is None or not free or self._is_finishing:
            return self._life  # the end of one under way wakes
        if due > now:
            return due - now
        begun = await self._ask(self._store.begin_tasks, self._server, now, now + self._life, free)
        for record in begun:
            task = asyncio.ensure_future(self._run(record))
            self._under_way[task] = record.id
            task.add_done_callback(self._done)
        return 0 if begun else _TURN_SECONDS  # another server may be taking it

    def _done(self, task: asyncio.Task[None]) -> None:
        self._under_way.pop(task, None)
        self._news.set()

    async def _run(self, task: TaskRecord) -> None:
        reference = f"w:{task.walker}:{task.id}"
        try:
            await self._patiently(task)
        except TaskTaken:
            _log.warning("%s was taken for abandoned; what it did to the graph is not kept", reference)
        except PublicError as error:
            await self._fail(task, error.message)
        except Exception as error:
            told = Internal()
            _log.error("%s: %s", told.message, reference, exc_info=error)
            await self._fail(task, told.message)

    async def _patiently(self, task: TaskRecord) -> None:
        while True:
            try:
                await self._walk(task, self._server)
                return
            except Busy:
                await asyncio.sleep(_TURN_SECONDS)

    async def _fail(self, task: TaskRecord, message: str) -> None:
        try:
            if self._is_forgotten(task):
                await self._ask(self._store.forget_task, task.id)
            else:
                end = TaskEnd(task.id, self._server, "ERROR", error=json.dumps([message]))
                await self._ask(self._store.end_task, end)
        except Exception:  # nobody waits for this; it will be taken for abandoned
            _log.exception("That w:%s:%s failed could not be kept: %s", task.walker, task.id, message)

    async def _ask(self, question: Callable[..., Result], *arguments: Any) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._pool, question, *arguments)
