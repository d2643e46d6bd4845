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
from functools import partial
from operator import ne
from typing import Any, NamedTuple, TypeVar

from walkwire.errors import Busy
from walkwire.ids import LOG_IDS
from walkwire.store import CommitAll
from walkwire.walk.unit.batch import Uncommitted, commit_all
from walkwire.walk.unit.fair import FairQueue

Result = TypeVar("Result")
Job = Callable[[], None]

FEW = 2  # the most threads that are awake while they use the processor all the time
FULL = 0.5  # processor seconds per second; below this, more threads get more done
LOOK_SECONDS = 0.005  # between looks at the pool while jobs wait
TOGETHER = 32  # commits of walks that have ended, in one transaction
SHORT_SECONDS = 0.003  # after a job that took longer, what waits for its commit does not wait for another job

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
    """A bounded pool of threads with a bounded queue of jobs.

    - begin: called once in each thread, before its first job
    - together: commits for jobs that return an `Uncommitted`; None: there are none

    `submit` is called on the event loop of the mailbox. Jobs are handed over in batches, at the end of each turn of that loop.

    Threads that only compute share one interpreter, and switching between them costs time. So only `FEW` are awake while the
    processor is busy: with 2 awake, walks that commit run a third faster than with 16. If jobs wait while the processor is
    not busy, more threads are woken, up to all. One more is woken for each thread that stays at the same job. The thread that
    fell asleep last is woken first, and only as many threads as there are jobs.

    A job that returns an `Uncommitted` is done once that is committed. This waits while further jobs wait, for `TOGETHER` of them
    at most. It never waits for a job that takes longer than two looks at the pool, if a thread sleeps.
    """

    def __init__(
        self,
        mailbox: Mailbox,
        threads: int,
        queue: int,
        begin: Callable[[], None] = lambda: None,
        together: CommitAll | None = None,
    ) -> None:
        self._mailbox = mailbox
        self._begin = begin
        self._together = together
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
        self._ended: list[_Ended] = []  # replaced by another list when it is committed
        self._ended_before: list[_Ended] | None = None  # at the last look, if there were any
        self._is_committing = False  # then what ends meanwhile is committed by the same thread afterwards
        self._is_stopping = False
        for number, worker in enumerate(self._workers):
            threading.Thread(target=self._work, args=[worker], name=f"walk-{number}", daemon=True).start()

    @property
    def size(self) -> int:
        """Return how many threads there are."""
        return len(self._workers)

    @property
    def awake(self) -> int:
        """Return how many threads work. A hint: they go on meanwhile."""
        return self._awake

    @property
    def waiting(self) -> int:
        """Return how many jobs wait for a thread. A hint: the threads go on meanwhile."""
        return self._waiting.size + len(self._fresh)

    def submit(
        self, function: Callable[..., Result | Uncommitted[Result]], *arguments: Any, payer: str = ""
    ) -> asyncio.Future[Result]:
        """Run `function(*arguments)` in a worker thread, and return a future of its result. Raises Busy if the queue is full.

        The jobs of all payers take turns.
        """
        if self._under_way >= self._bound:
            raise Busy
        self._under_way += 1
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()
        job = partial(self._do, future, LOG_IDS.get(), function, arguments)
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

    def at_work(self) -> tuple[dict[int, int], int, int]:
        """Return the threads that do a job, by their idents, with how many jobs each did before; the number of all threads; and
        how many jobs wait."""
        with self._lock:
            busy = {one.ident: one.done for one in self._workers if one not in self._asleep}
            return busy, len(self._workers), self._waiting.size

    def stop(self) -> None:
        """Let the threads end once the queued jobs are done."""
        self._hand_over()
        with self._lock:
            self._is_stopping = True
            self._most = len(self._workers)
            self._wake(self._waiting.size)
            while self._asleep:
                self._asleep.pop().gate.release()

    def _hand_over(self) -> None:
        """Queue the jobs of this turn of the event loop. Waking a thread for each would cost more than the job itself."""
        fresh, self._fresh = self._fresh, []
        self._put(fresh)

    def _put(self, jobs: list[tuple[str, Job]]) -> None:
        with self._lock:
            waiting = self._waiting
            for payer, job in jobs:
                if self._awake < self._most and self._asleep and not waiting.size:
                    self._give(job)
                else:
                    waiting.put(payer, job)
            if not waiting.size:
                return
            self._wake(min(self._most - self._awake, waiting.size))
            if not waiting.size or self._pace is not None:
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
        worker.ident = threading.get_ident()
        self._begin()
        while worker.gate.acquire() and (job := worker.job) is not None:
            while job is not None:
                began = time.monotonic()
                job()
                worker.done += 1
                job = self._next(worker, time.monotonic() - began > SHORT_SECONDS)

    def _do(
        self, future: asyncio.Future[Any], ids: Any, function: Callable[..., Any], arguments: tuple[Any, ...]
    ) -> None:
        LOG_IDS.set(ids)
        try:
            result = function(*arguments)
        except BaseException as error:
            self._mailbox.post(self._fail, future, carried(error))
            del future  # it will hold the error, which holds this frame: a cycle for the garbage collector
        else:
            if isinstance(result, Uncommitted):
                with self._lock:
                    self._ended.append(_Ended(result, future, ids))
            else:
                self._mailbox.post(self._finish, future, result)

    def _next(self, worker: _Worker, was_long: bool) -> Job | None:
        with self._lock:
            is_time = was_long or not self._waiting.size or len(self._ended) >= TOGETHER
            if self._ended and is_time and not self._is_committing:
                return self._commit_job()
            if self._waiting.size and self._awake <= self._most:
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

    def _commit_job(self) -> Job:
        """Return a job that commits for all jobs that have ended. Call it with the lock."""
        ended, self._ended = self._ended, []
        self._is_committing = True
        return partial(self._commit, ended)

    def _commit(self, ended: list[_Ended]) -> None:
        assert self._together is not None
        errors = commit_all([one.result for one in ended], self._together)
        outcomes: list[tuple[Callable[..., None], asyncio.Future[Any], Any]] = []
        for (result, future, ids), failure in zip(ended, errors, strict=True):
            LOG_IDS.set(ids)
            try:
                outcomes.append((self._finish, future, result.end(failure)))
            except BaseException as error:
                outcomes.append((self._fail, future, carried(error)))
        self._is_committing = False
        self._mailbox.post(_settle, outcomes)

    def _look_later(self) -> None:
        asyncio.get_running_loop().call_later(LOOK_SECONDS, self._look)

    def _look(self) -> None:
        with self._lock:
            is_late = self._ended is self._ended_before and not self._is_committing
            if self._ended and is_late and self._asleep:
                self._give(self._commit_job())
            self._ended_before = self._ended or None
            before, self._pace = (
                self._pace,
                Pace(self._workers) if self._waiting.size or self._ended else None,
            )
            if before is None or self._pace is None:
                return
            if self._waiting.size:
                self._adapt(before, self._pace)
        self._look_later()

    def _adapt(self, before: Pace, now: Pace) -> None:
        """Change how many threads may be awake, and wake as many for the jobs that wait."""
        moved = now.moved_since(before)
        if not moved or now.computed_since(before) < FULL:
            self._most *= 2
        else:
            self._most = max(self._most - 1, FEW + max(self._awake - moved, 0))
        self._most = min(self._most, len(self._workers))
        self._wake(min(self._most - self._awake, self._waiting.size))

    def _finish(self, future: asyncio.Future[Result], result: Result) -> None:
        self._under_way -= 1
        if not future.done():
            future.set_result(result)

    def _fail(self, future: asyncio.Future[Any], error: BaseException) -> None:
        self._under_way -= 1
        if not future.done():
            future.set_exception(error)


def _settle(outcomes: list[tuple[Callable[..., None], asyncio.Future[Any], Any]]) -> None:
    for settle, future, value in outcomes:
        settle(future, value)


class _Ended(NamedTuple):
    """A job that is to be committed, the future of its result, and the ids for its lines in the log."""

    result: Uncommitted[Any]
    future: asyncio.Future[Any]
    ids: Any


class _Worker:
    """A thread of the pool.

    - gate: locked while the thread sleeps
    - job: the job to do first when it wakes; None: none
    - done: how many jobs it has done
    - ident: of the thread, as `threading` has it
    """

    def __init__(self) -> None:
        self.gate = threading.Lock()
        self.gate.acquire()
        self.job: Job | None = None
        self.done = 0
        self.ident = 0


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
