"""Verdict: what the end of a run leads to: an answer, a wait for locks, an error of the walk, or a retry because the run does
not count.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Any, Protocol

from walkwire.errors import Busy, CommitInDoubt, Conflict, RecordError
from walkwire.store import KeyTaken, Lost
from walkwire.walk.current import CurrentRun, enter_run, leave_run
from walkwire.walk.graph.graph import WalkGraph
from walkwire.walk.run.threads import carried, is_cancelled
from walkwire.walk.unit.locks import keys_lost
from walkwire.walk.unit.needed import Keys, locks_of_reads, split
from walkwire.walk.unit.outbox import WalkOutbox


class Judged(CurrentRun, Protocol):
    """What a verdict has to know of a run. See `Run`."""

    graph: WalkGraph
    outbox: WalkOutbox | None
    has_committed: bool
    may_retry: bool

    def check(self) -> None:
        """Raise Lost unless everything that was read is consistent."""

    def let_go(self) -> None:
        """Let go of the graph."""


class Blocked:
    """The outcome of a run that ended, but whose commit has to wait for locks that other walks hold.

    - run: the run
    - resume: tries the commit again, in a worker thread, once the locks are acquired. Returns the next outcome of the run
    - hold: the locks to hold
    - kinds: locks of kinds; it is enough that no other walk holds them
    - is_void: the run read records that the other walks are about to change, so a retry is better than waiting
    """

    __slots__ = ("hold", "is_void", "kinds", "resume", "run")

    def __init__(self, run: Judged, keys: Keys, held: Keys, resume: Callable[[], Any]) -> None:
        self.run = run
        self.hold, self.kinds = split(run.graph, keys, held)
        self.is_void = not run.has_committed and not held.isdisjoint(locks_of_reads(run.graph))
        self.resume = resume


class Unfit(Exception):
    """Raised where the reads of a run are out of date, so that the walk has to be retried.

    - keys: the locks of what changed, to be held during the retry
    - run: the run that does not count
    - was_reading: the run had nothing to write
    """

    def __init__(self, keys: frozenset[str], run: Judged, was_reading: bool = False) -> None:
        self.keys, self.run, self.was_reading = keys, run, was_reading


class Judgement:
    """`with Judgement(run):` the run is the current one. What counts in place of an error is raised, and the run is over."""

    __slots__ = ("_run", "_token")

    def __init__(self, run: Judged) -> None:
        self._run = run

    def __enter__(self) -> None:
        self._token = enter_run(self._run)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is not None:
                _raise_verdict(error, self._run)
        finally:
            if error is not None:
                self._run.let_go()
            leave_run(self._token)


def _raise_verdict(error: BaseException, run: Judged) -> None:
    """Raise what counts in place of `error`. Returns if `error` itself counts. Called while `error` is handled.

    - An error counts only if what the run had read is consistent. If not, Unfit is raised.
    - Busy means that nothing was done. If something was done, or the walk may not be retried, Conflict is raised.
    - An error that a future cannot carry is wrapped into a RuntimeError.
    """
    match error:
        case CommitInDoubt() | KeyTaken():  # a retry might do it twice; another call has done it
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
