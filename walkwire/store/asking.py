"""Asking: the one way to call a store from an event loop, in threads, and to keep current what was read."""

from __future__ import annotations

import asyncio
import logging
import math
from asyncio import Future, Task
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from types import TracebackType
from typing import ParamSpec, TypeVar

from walkwire.ending import end_tasks
from walkwire.errors import Busy

THREADS = 8
BATCH = 500  # ids in one read
TICK = 0.5  # seconds between two searches for what is old
RETURN_SECONDS = (
    5.0  # a server is alert for so long after the broker is back: others may notice its return later
)

P = ParamSpec("P")
T = TypeVar("T")

Read = Callable[[list[str], int, float], Awaitable[None]]
"""Reads ids from a store and learns what is found, given the number of the read and when it began. Raises the store's errors."""

_log = logging.getLogger(__name__)


class Asking:
    """A bounded pool of threads for calls of a store, shared by all parts of a server that call it from the event loop.

    Walks do not use it: they call the store in threads of their own. Use it as an asynchronous context manager.
    """

    def __init__(self, threads: int = THREADS) -> None:
        self._pool = ThreadPoolExecutor(threads, "store")

    async def ask(self, question: Callable[P, T], *arguments: P.args, **options: P.kwargs) -> T:
        """Call `question` in a thread, and return what it returns. Raises what it raises.

        A cancelled caller gets no answer. The call itself goes on, unless it was still waiting for a thread.
        """
        call = partial(question, *arguments, **options)
        return await asyncio.get_running_loop().run_in_executor(self._pool, call)

    async def close(self) -> None:
        """Wait for the calls under way, cancel those that wait for a thread, and end the threads."""
        await asyncio.to_thread(self._pool.shutdown, cancel_futures=True)

    async def __aenter__(self) -> Asking:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()


class Rereading:
    """Reads what is cached by id: when it is asked for, and again when it is old. Call its methods on the event loop.

    It runs one task, only while something is cached or asked for. All callers who wait for an id share one read. A server is
    alert while the broker is away, and for `RETURN_SECONDS` after that: what others have sent may be missing.

    - read: see `Read`
    - due: returns ids that have to be read again, `BATCH` at most, and forgets what nobody needs
    - is_needed: whether anything is cached
    - away: returns why other servers cannot be reached; None: they can
    - what: what cannot be asked while the store fails, for the log
    - number: orders reads and messages: that of the last one
    - before_gap: what was read with this number or a lower one is old at any age
    - is_alert: whether messages of other servers may be missing
    """

    def __init__(
        self,
        read: Read,
        due: Callable[[], list[str]],
        is_needed: Callable[[], bool],
        away: Callable[[], str | None],
        clock: Callable[[], float],
        what: str,
    ) -> None:
        self.number = 0
        self.before_gap = 0
        self.is_alert = False
        self._read = read
        self._due = due
        self._is_needed = is_needed
        self._away = away
        self._clock = clock
        self._what = what
        self._questions: dict[str, Future[None]] = {}  # not read yet
        self._alert_until = float("-inf")
        self._news = asyncio.Event()
        self._task: Task[None] | None = None
        self._is_failing = False

    @property
    def is_running(self) -> bool:
        """Return whether something is cached or being read."""
        return self._task is not None

    def next(self) -> int:
        """Return the number of a message that has just come."""
        self.number += 1
        return self.number

    async def ask(self, ids: Iterable[str], most: float = math.inf) -> None:
        """Wait for reads of these ids that begin after this call. Raises Busy, and the store's errors.

        `most`: how many ids may wait to be read; beyond that, Busy is raised.
        """
        for question in [self._question(id, most) for id in ids]:
            await asyncio.shield(question)  # a cancelled caller does not cancel the read of others

    def wake(self) -> None:
        """Look now whether something has to be read."""
        self._news.set()
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run(), name="walkwire rereading")

    def recheck(self) -> None:
        """Read everything again. Call it when the broker is back: messages may have been missed."""
        self.before_gap = self.number
        self._alert_until = self._clock() + RETURN_SECONDS
        self.wake()

    async def stop(self) -> None:
        """Stop reading. A read that is under way ends by itself."""
        await end_tasks(self._task)
        for question in self._questions.values():
            question.cancel()

    def _question(self, id: str, most: float) -> Future[None]:
        question = self._questions.get(id)
        if question is None:
            if len(self._questions) >= most:
                raise Busy
            question = self._questions[id] = asyncio.get_running_loop().create_future()
            self.wake()
        return question

    async def _run(self) -> None:
        try:
            while self._questions or self._is_needed():
                self._news.clear()
                self._look_around()
                shown = {id: self._questions.pop(id) for id in list(self._questions)[:BATCH]}
                due = self._due()
                if (shown or due) and await self._settle(shown, due):
                    continue
                with suppress(TimeoutError):
                    async with asyncio.timeout(TICK):
                        await self._news.wait()
        finally:
            self._task = None

    def _look_around(self) -> None:
        now = self._clock()
        if self._away() is not None:
            self._alert_until = now + RETURN_SECONDS
        self.is_alert = now < self._alert_until

    async def _settle(self, shown: dict[str, Future[None]], due: list[str]) -> bool:
        """Read, and resolve the waiting futures. Returns False if that failed."""
        try:
            await self._read(list(dict.fromkeys((*shown, *due))), self.next(), self._clock())
        except asyncio.CancelledError:
            self._questions |= shown  # `stop` cancels these
            raise
        except Exception as error:
            for question in shown.values():
                question.set_exception(error)
                question.exception()  # retrieve it: nobody may wait for this future any more
            if due and not self._is_failing:
                _log.exception("%s cannot be asked at the moment", self._what)
                self._is_failing = True
            return False
        for question in shown.values():
            question.set_result(None)
        self._is_failing = False
        return True
