"""Waiting: a worker thread that waits for a coroutine of its walk, and runs the plain abilities that the coroutine needs."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import TypeVar

Result = TypeVar("Result")
Job = Callable[[], None]

CHECK_SECONDS = 1.0  # between looks at the time limit of the walk


class WaitingThread:
    """The jobs of one thread that waits. `offer` may be called in any thread."""

    def __init__(self) -> None:
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._lock = threading.Lock()  # guards all that follows
        self._pending = 0
        self._is_over = False

    def offer(self, job: Job) -> bool:
        """Queue a job. Return whether the thread begins it at once; if not, another thread should be given the job as well."""
        with self._lock:
            if self._is_over:
                return False
            self._jobs.put(job)
            self._pending += 1
            return self._pending == 1

    def work_until(self, future: Future[Result], check: Callable[[], None] | None = None) -> Result:
        """Run jobs in this thread until the future is done, and return its result.

        `check` is called every `CHECK_SECONDS` without a job. If it raises, the future is cancelled, and the error is raised.
        """
        future.add_done_callback(lambda _: self._jobs.put(None))
        try:
            while (job := self._next(check)) is not None:
                job()
                with self._lock:
                    self._pending -= 1
        except BaseException:
            future.cancel()
            raise
        finally:
            with self._lock:
                self._is_over = True
        while not self._jobs.empty():  # of tasks that outlive the coroutine
            if (job := self._jobs.get()) is not None:
                job()
        return future.result()

    def _next(self, check: Callable[[], None] | None) -> Job | None:
        while True:
            try:
                return self._jobs.get(timeout=None if check is None else CHECK_SECONDS)
            except Empty:
                assert check is not None
                check()
