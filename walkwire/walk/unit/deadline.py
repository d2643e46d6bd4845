"""Deadline: the time limit of a walk. After it the caller gets TimedOut, and the walk commits nothing more.

A thread cannot be stopped from outside: a late walk ends at its next visit, or when it commits.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from functools import partial
from typing import Any, ParamSpec, TypeVar

from walkwire.errors import PublicError, TimedOut

_COMMIT_SECONDS = 0.05  # between looks at a commit that was in progress at the deadline

Given = ParamSpec("Given")
Result = TypeVar("Result")

_log = logging.getLogger("walkwire.walk")


class Deadline:
    """The deadline of one walk, over all of its attempts. May be used in any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_over = False
        self._is_committing = False  # or at the end, having committed

    async def wait_for(self, walk: asyncio.Future[Result], seconds: float, *, may_cancel: bool) -> Result:
        """Return the result of a walk. Raises TimedOut after so many seconds; with `may_cancel` the walk is then cancelled."""
        loop = asyncio.get_running_loop()
        over = loop.create_future()  # `asyncio.wait` does the same for twice the price
        wake = partial(_wake, over)
        walk.add_done_callback(wake)
        timer = loop.call_later(seconds, wake, None)
        try:
            await over
            while not walk.done() and not self.end():
                await asyncio.wait((walk,), timeout=_COMMIT_SECONDS)
        except asyncio.CancelledError:
            walk.cancel()
            raise
        finally:
            timer.cancel()
        if walk.done():
            return walk.result()
        walk.add_done_callback(_log_error)
        if may_cancel:
            walk.cancel()
        raise TimedOut

    def end(self) -> bool:
        """Let no further commit begin. False if one is in progress, or has ended the walk: then the walk has not failed."""
        with self._lock:
            self._is_over = True
            return not self._is_committing

    def check(self) -> None:
        """Raise TimedOut after the deadline."""
        if self._is_over:
            raise TimedOut

    def begin_commit(self) -> None:
        """Raise TimedOut after the deadline. A commit that began before it is completed, and its walk does not time out."""
        with self._lock:
            self.check()
            self._is_committing = True

    def resume(self) -> None:
        """Go on after a commit in the middle of a walk, or after one that failed."""
        with self._lock:
            self._is_committing = False

    def guard(self, commit: Callable[Given, Result]) -> Callable[Given, Result]:
        """Wrap `commit` so that it raises TimedOut after the deadline. One that began before the deadline is completed.

        After a commit the walk is taken to be at its end, until `resume`: its caller must not be told of a timeout while the
        result is on its way.
        """

        def guarded(*arguments: Given.args, **named: Given.kwargs) -> Result:
            self.begin_commit()
            try:
                return commit(*arguments, **named)
            except BaseException:
                self.resume()
                raise

        return guarded


def _wake(over: asyncio.Future[None], _: object) -> None:
    if not over.done():
        over.set_result(None)


def _log_error(walk: asyncio.Future[Any]) -> None:
    """Log the error of a late walk, which no caller waits for. Public errors are expected here, and not logged."""
    error = None if walk.cancelled() else walk.exception()
    if error is not None and not isinstance(error, PublicError):
        _log.error("A walk that had run out of its time failed", exc_info=error)
