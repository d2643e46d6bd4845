"""Allowance: the time that a walk may take. When it is over the caller is told so, and the walk commits nothing any more.

A thread cannot be stopped from outside: a late walk ends at the next place that it enters, or when it wants to commit.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from walkwire.errors import PublicError, TimedOut

_COMMIT_SECONDS = 0.05  # until a commit that was being made when the time was over is looked at again

Given = ParamSpec("Given")
Result = TypeVar("Result")

_log = logging.getLogger("walkwire.walk")


class Deadline:
    """One walk's, over all of its runs. May be asked from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_over = False
        self._is_committing = False

    async def wait_for(self, walk: asyncio.Future[Result], seconds: float, *, may_cancel: bool) -> Result:
        """What the walk gives, if it comes in time. Raises TimedOut, after which a walk that `may_cancel` is cancelled."""
        try:
            await asyncio.wait((walk,), timeout=seconds)
            while not walk.done() and not self.end():
                await asyncio.wait((walk,), timeout=_COMMIT_SECONDS)
        except asyncio.CancelledError:
            walk.cancel()
            raise
        if walk.done():
            return walk.result()
        walk.add_done_callback(_see_off)
        if may_cancel:
            walk.cancel()
        raise TimedOut

    def end(self) -> bool:
        """The time is over. False while a commit is being made: it may still succeed, so nobody can be told that it did not."""
        with self._lock:
            self._is_over = True
            return not self._is_committing

    def check(self) -> None:
        """Raise TimedOut if it is over."""
        if self._is_over:
            raise TimedOut

    def guard(self, commit: Callable[Given, Result]) -> Callable[Given, Result]:
        """A commit that raises TimedOut when the time is over, and otherwise is not told of its end before it is made."""

        def guarded(*arguments: Given.args, **named: Given.kwargs) -> Result:
            with self._lock:
                self.check()
                self._is_committing = True
            try:
                return commit(*arguments, **named)
            finally:
                with self._lock:
                    self._is_committing = False

        return guarded


def _see_off(walk: asyncio.Future[Any]) -> None:
    """Of a walk that came too late nobody hears any more."""
    error = None if walk.cancelled() else walk.exception()
    if error is not None and not isinstance(error, PublicError):
        _log.error("A walk that had run out of its time failed", exc_info=error)
