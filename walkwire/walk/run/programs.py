"""Programs: the event loop, in a thread of its own, that runs async abilities."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from functools import partial
from typing import Any, TypeVar

from walkwire.walk.run.off_loop import make_task
from walkwire.walk.run.threads import Mailbox, carried
from walkwire.walk.run.waiting import Job, WaitingThread

Result = TypeVar("Result")

CALLS = 8  # calls of the store at once

_waiting: ContextVar[WaitingThread | None] = ContextVar("waiting", default=None)

_log = logging.getLogger(__name__)


class ProgramLoop:
    """The event loop for async abilities, started when the first one runs. An ability that blocks delays only other abilities.

    Calls of the store and of locks do not block it: see `off_loop`. `mailbox` leads to the event loop on which `run` is called.
    """

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox
        self._starting = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._inbox: Mailbox | None = None
        self._thread: threading.Thread | None = None
        self._is_stopping = False
        self._calls = ThreadPoolExecutor(CALLS, "programs-store")

    async def run(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        """Run a coroutine on this loop, in the caller's context, and wait on the mailbox's loop for its result.

        As `asyncio.run_coroutine_threadsafe` does, but coroutines that begin or end together share one wake-up of the other loop.
        """
        self._running()
        assert self._inbox is not None
        call = _Call(asyncio.get_running_loop().create_future(), coroutine, contextvars.copy_context())
        self._inbox.post(self._begin, call)
        try:
            result: Result = await call.future
        except asyncio.CancelledError:
            self._inbox.post(call.cancel)
            raise
        return result

    def run_from_thread(
        self, coroutine: Coroutine[Any, Any, Result], check: Callable[[], None] | None = None
    ) -> Result:
        """Run a coroutine on this loop, and wait in this thread for its result. Raises RuntimeError in the loop's own thread.

        Meanwhile the thread runs the plain abilities that the coroutine needs: if they waited for another thread of the pool,
        and all of them waited like this one, none would ever go on. `check` is called now and then; what it raises cancels the
        coroutine.
        """
        loop = self._running()
        if threading.current_thread() is self._thread:
            coroutine.close()
            raise RuntimeError(
                "An async ability was met by spawn() inside an async ability: await aspawn() instead"
            )
        waiting = WaitingThread()
        token = _waiting.set(waiting)  # the coroutine runs in a copy of this context
        try:
            future = asyncio.run_coroutine_threadsafe(coroutine, loop)
        finally:
            _waiting.reset(token)
        return waiting.work_until(future, check)

    def begin_call(self, function: Callable[..., Result], *arguments: Any) -> asyncio.Future[Result]:
        """Begin a call that blocks, on behalf of a coroutine of this loop. Returns a future of its result.

        Its threads run nothing else: a walk that waits for a lock, or that computes, never keeps them.
        """
        context = contextvars.copy_context()
        return asyncio.get_running_loop().run_in_executor(self._calls, context.run, function, *arguments)

    @property
    def running(self) -> tuple[asyncio.AbstractEventLoop, int] | None:
        """Return the loop and the ident of its thread; None before the first async ability runs."""
        if self._loop is None or self._thread is None or self._thread.ident is None:
            return None
        return self._loop, self._thread.ident

    def stop(self) -> None:
        """Stop the loop, and cancel what still runs on it."""
        if self._loop is not None and self._thread is not None:
            self._is_stopping = True
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(timeout=1)
        self._calls.shutdown(wait=False)

    def _begin(self, call: _Call) -> None:
        call.task = asyncio.get_running_loop().create_task(call.coroutine, context=call.context)
        call.task.add_done_callback(partial(self._mailbox.post, call.end))

    def _running(self) -> asyncio.AbstractEventLoop:
        with self._starting:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._inbox = Mailbox(self._loop)
                self._loop.set_task_factory(make_task)
                self._thread = threading.Thread(target=self._serve, name="programs", daemon=True)
                self._thread.start()
            return self._loop

    def _serve(self) -> None:
        assert self._loop is not None
        asyncio.set_event_loop(self._loop)
        try:
            while not self._is_stopping:
                try:
                    self._loop.run_forever()
                except (SystemExit, KeyboardInterrupt):  # raised by a task that the program itself created
                    _log.exception("A program tried to end the process; its other walks go on")
            remaining = asyncio.all_tasks(self._loop)
            for task in remaining:
                task.cancel()
            self._loop.run_until_complete(asyncio.gather(*remaining, return_exceptions=True))
        finally:
            self._loop.close()


class _Call:
    """A coroutine that is run for another event loop.

    - future: of its result, on the other loop
    - task: on this one; None before it begins
    """

    __slots__ = ("context", "coroutine", "future", "task")

    def __init__(
        self, future: asyncio.Future[Any], coroutine: Coroutine[Any, Any, Any], context: contextvars.Context
    ) -> None:
        self.future = future
        self.coroutine = coroutine
        self.context = context
        self.task: asyncio.Task[Any] | None = None

    def cancel(self) -> None:
        """Cancel the task. Called on its loop after it has begun."""
        if self.task is not None:
            self.task.cancel()

    def end(self, task: asyncio.Task[Any]) -> None:
        """Pass the outcome on. Called on the loop of the future."""
        if self.future.done():  # nobody waits any more
            if not task.cancelled():
                task.exception()  # else asyncio reports that nobody has looked at it
        elif task.cancelled():
            self.future.cancel()
        elif (error := task.exception()) is not None:
            self.future.set_exception(carried(error))
        else:
            self.future.set_result(task.result())


def offer_to_waiting(job: Job) -> bool:
    """Give a job to the thread that waits for this coroutine, if there is one. Return whether that thread begins it at once."""
    waiting = _waiting.get()
    return waiting is not None and waiting.offer(job)
