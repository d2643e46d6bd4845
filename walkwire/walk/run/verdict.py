"""Verdict: what an error in a run leads to: it ends the walk, or the run does not count and the walk is retried."""

from __future__ import annotations

import asyncio
from typing import Protocol

from walkwire.errors import Busy, CommitInDoubt, Conflict, RecordError
from walkwire.store import Lost
from walkwire.walk.graph.graph import WalkGraph
from walkwire.walk.run.threads import carried, is_cancelled
from walkwire.walk.unit.locks import keys_lost
from walkwire.walk.unit.outbox import WalkOutbox


class Judged(Protocol):
    """What a verdict has to know of a run. See `Run`."""

    graph: WalkGraph
    outbox: WalkOutbox | None
    has_committed: bool
    may_retry: bool

    def check(self) -> None:
        """Raise Lost unless everything that was read is consistent."""


class Unfit(Exception):
    """Raised where the reads of a run are out of date, so that the walk has to be retried.

    - keys: the locks of what changed, to be held during the retry
    - run: the run that does not count
    - was_reading: the run had nothing to write
    """

    def __init__(self, keys: frozenset[str], run: Judged, was_reading: bool = False) -> None:
        self.keys, self.run, self.was_reading = keys, run, was_reading


def raise_verdict(error: BaseException, run: Judged) -> None:
    """Raise what counts in place of `error`. Returns if `error` itself counts. Called while `error` is handled.

    - An error counts only if what the run had read is consistent. If not, Unfit is raised.
    - Busy means that nothing was done. If something was done, or the walk may not be retried, Conflict is raised.
    - An error that a future cannot carry is wrapped into a RuntimeError.
    """
    match error:
        case CommitInDoubt():  # a retry might do it twice
            return
        case Lost():
            raise _unfit(run, error) from None
        case Busy():
            if run.has_committed or not run.may_retry:
                raise Conflict(
                    "The database was too busy to end the walk, which is not done again by itself."
                ) from None
        case asyncio.CancelledError():
            if not is_cancelled():  # else the server cancelled it, because it stops
                raise carried(error) from error
        case StopIteration() | SystemExit() | KeyboardInterrupt() | GeneratorExit():
            raise carried(error) from error
        case Exception():
            try:
                run.check()
            except Lost as lost:
                raise _unfit(run, lost) from None


def _unfit(run: Judged, lost: Lost) -> Unfit:
    return Unfit(keys_lost(lost), run, _was_reading(run))


def _was_reading(run: Judged) -> bool:
    try:
        return not run.graph.is_dirty()
    except RecordError:
        return False
