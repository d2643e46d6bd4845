"""Threads: the worker threads that run plain abilities, and the mailbox through which they call the sockets' event loop."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from operator import ne
from typing import Any, TypeVar

from walkwire.errors import Busy
from walkwire.ids import LOG_IDS
from walkwire.walk.unit.fair import FairQueue

Result = TypeVar("Result")
Job = Callable[[], None]

FEW = 2  # the most threads that are awake while they use the processor all the time
FULL = 0.5  # processor seconds per second; below this, more threads get more done
LOOK_SECONDS = 0.005  # between looks at the pool while jobs wait

_log = logging.getLogger(__name__)


def carried(error: BaseException) -> BaseException:
    """Return an error that a future can carry to its waiter: the error itself, or a RuntimeError in its place.

    A walk that calls `exit()` or lets a StopIteration escape fails by that, and stops neither the event loop nor the server.
    """
    if isinstance(
        error, StopIteration | SystemExit | KeyboardInterrupt | GeneratorExit | asyncio.CancelledError
    ):
        wrapped = RuntimeError(f"The program let a {type(error).__name__} go: {error}")
        wrapped.__cause__ = error
        return wrapped
    return error


def is_cancelled() -> bool:
    """Whether this code runs in a task that was cancelled."""
    try:
        task = asyncio.current_task()
    except RuntimeError:  # no event loop here: a worker thread
        return False
    return task is not None and task.cancelling() > 0


class Mailbox:
    """Makes calls from any thread on one event loop, in the order of posting. Calls posted together share one wake-up."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._calls: deque[tuple[Callable[..., Any], tuple[Any, ...]]] = deque()
        self._is_woken = False

    def post(self, function: Callable[..., Any], *arguments: Any) -> None:
        """Call `function(*arguments)` on the event loop. May be called in any thread."""
        self._calls.append((function, arguments))
        if not self._is_woken:
            self._is_woken = True
            with suppress(RuntimeError):  # the loop is closed: the call has no receiver
                self._loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        self._is_woken = False
        for _ in range(len(self._calls)):
            function, arguments = self._calls.popleft()
            try:
                function(*arguments)
            except Exception:  # the other calls must still be made
                _log.exception("A call from a walk failed")
        if self._calls and not self._is_woken:
            self._is_woken = True
            self._loop.call_soon(self._deliver)


class Threads:
    """A bounded pool of threads with a bounded queue of jobs. `begin` is called once in each thread, before its first job.

    `submit` is called on the event loop of the mailbox. Jobs are handed over in batches, at the end of each turn of that loop.

    Threads that only compute share one interpreter, and switching between them costs time. So only `FEW` are awake while the
    processor is busy: with 2 awake, walks that commit run a third faster than with 16. If jobs wait while the processor is
    not busy, more threads are woken, up to all. One more is woken for each thread that stays at the same job. The thread that
    fell asleep last is woken first, and only as many threads as there are jobs.
    """

    def __init__(
        self, mailbox: Mailbox, threads: int, queue: int, begin: Callable[[], None] = lambda: None
    ) -> None:
        self._mailbox = mailbox
        self._begin = begin
        self._bound = threads + queue
        self._under_way = 0
        self._fresh: list[tuple[str, Job]] = []  # submitted in this turn of the event loop
        self._waiting: FairQueue[Job] = FairQueue()
        self._lock = threading.Lock()  # guards all that follows
        self._workers = [_Worker() for _ in range(threads)]
        self._asleep = self._workers.copy()
        self._awake = 0
        self._most = min(FEW, threads)  # how many may be awake
        self._pace: Pace | None = None  # when a job had to wait, at the last look
        self._is_stopping = False
        for number, worker in enumerate(self._workers):
            threading.Thread(target=self._work, args=[worker], name=f"walk-{number}", daemon=True).start()

    def submit(
        self, function: Callable[..., Result], *arguments: Any, payer: str = ""
    ) -> asyncio.Future[Result]:
        """Run `function(*arguments)` in a worker thread, and return a future of its result. Raises Busy if the queue is full.

        The jobs of all payers take turns.
        """
        if self._under_way >= self._bound:
            raise Busy
        self._under_way += 1
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()
        ids = LOG_IDS.get()

        def job() -> None:
            LOG_IDS.set(ids)
            try:
                result = function(*arguments)
            except BaseException as error:
                self._mailbox.post(self._fail, future, carried(error))
            else:
                self._mailbox.post(self._finish, future, result)

        self._fresh.append((payer, job))
        if len(self._fresh) == 1:
            loop.call_soon(self._hand_over)
        return future

    def from_a_loop(
        self,
        function: Callable[..., Result],
        *arguments: Any,
        offer: Callable[[Job], bool] | None = None,
    ) -> asyncio.Future[Result]:
        """Run a function in a worker thread, in the caller's context. Returns a future of its result on the running event loop.

        It is part of a walk that was admitted already, so the queue's bound does not apply. `offer` gives the job to a thread
        that waits for this walk, and returns whether that thread begins it at once. If not, the first free thread runs it.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()
        context = contextvars.copy_context()
        begun = threading.Lock()

        def job() -> None:
            if not begun.acquire(blocking=False):
                return
            try:
                result = context.run(function, *arguments)
            except BaseException as error:
                resolve(future.set_exception, carried(error))
            else:
                resolve(future.set_result, result)

        def resolve(end: Callable[[Any], None], value: Any) -> None:
            with suppress(RuntimeError):  # the loop is closed: nothing waits for the result
                loop.call_soon_threadsafe(lambda: None if future.done() else end(value))

        if offer is None or not offer(job):
            self._put([("", job)])
        return future

    def stop(self) -> None:
        """Let the threads end once the queued jobs are done."""
        self._hand_over()
        with self._lock:
            self._is_stopping = True
            self._most = len(self._workers)
            self._wake(len(self._waiting))
            while self._asleep:
                self._asleep.pop().gate.release()

    def _hand_over(self) -> None:
        """Queue the jobs of this turn of the event loop. Waking a thread for each would cost more than the job itself."""
        fresh, self._fresh = self._fresh, []
        self._put(fresh)

    def _put(self, jobs: list[tuple[str, Job]]) -> None:
        with self._lock:
            for payer, job in jobs:
                if self._awake < self._most and self._asleep and not self._waiting:
                    self._give(job)
                else:
                    self._waiting.put(payer, job)
            self._wake(min(self._most - self._awake, len(self._waiting)))
            if not self._waiting or self._pace is not None:
                return
            self._pace = Pace(self._workers)
        self._mailbox.post(self._look_later)

    def _wake(self, number: int) -> None:
        for _ in range(min(number, len(self._asleep))):
            self._give(self._waiting.take())

    def _give(self, job: Job) -> None:
        worker = self._asleep.pop()
        worker.job = job
        self._awake += 1
        worker.gate.release()

    def _work(self, worker: _Worker) -> None:
        self._begin()
        while worker.gate.acquire() and (job := worker.job) is not None:
            while job is not None:
                job()
                worker.done += 1
                job = self._next(worker)

    def _next(self, worker: _Worker) -> Job | None:
        with self._lock:
            if self._waiting and self._awake <= self._most:
                return self._waiting.take()
            worker.job = (
                None  # from now on it is set by the thread that wakes this one, and read only after that
            )
            self._awake -= 1
            if self._is_stopping:
                worker.gate.release()
            else:
                self._asleep.append(worker)
            return None

    def _look_later(self) -> None:
        asyncio.get_running_loop().call_later(LOOK_SECONDS, self._look)

    def _look(self) -> None:
        with self._lock:
            before, self._pace = self._pace, Pace(self._workers) if self._waiting else None
            if before is None or self._pace is None:
                return
            moved = self._pace.moved_since(before)
            if not moved or self._pace.computed_since(before) < FULL:
                self._most *= 2
            else:
                self._most = max(self._most - 1, FEW + max(self._awake - moved, 0))
            self._most = min(self._most, len(self._workers))
            self._wake(min(self._most - self._awake, len(self._waiting)))
        self._look_later()

    def _finish(self, future: asyncio.Future[Result], result: Result) -> None:
        self._under_way -= 1
        if not future.done():
            future.set_result(result)

    def _fail(self, future: asyncio.Future[Any], error: BaseException) -> None:
        self._under_way -= 1
        if not future.done():
            future.set_exception(error)


class _Worker:
    """A thread of the pool.

    - gate: locked while the thread sleeps
    - job: the job to do first when it wakes; None: none
    - done: how many jobs it has done
    """

    def __init__(self) -> None:
        self.gate = threading.Lock()
        self.gate.acquire()
        self.job: Job | None = None
        self.done = 0


class Pace:
    """The progress of a pool at one moment: the jobs that each thread had done, and the processor time of the process."""

    def __init__(self, workers: list[_Worker]) -> None:
        self._done = tuple(worker.done for worker in workers)
        self._computed = time.process_time()
        self._at = time.monotonic()

    def moved_since(self, before: Pace) -> int:
        """Return how many threads have done a job since then."""
        return sum(map(ne, self._done, before._done))

    def computed_since(self, before: Pace) -> float:
        """Return the processor time since then, in seconds per second."""
        return (self._computed - before._computed) / max(self._at - before._at, 1e-6)
