"""Verdict: what an error in a run comes to: the walk's own end, or a run that does not count and is done again."""

from __future__ import annotations

import asyncio

from walkwire.errors import Busy, CommitInDoubt, Conflict, RecordError
from walkwire.store import Lost
from walkwire.walk.run.threads import carried, is_cancelled
from walkwire.walk.unit.locks import keys_lost
from walkwire.walk.unit.unit import Unit


class Unfit(Exception):
    """A run whose reads do not hold any more. `was_reading`: it had nothing to write."""

    def __init__(self, keys: frozenset[str], was_reading: bool = False, has_committed: bool = False) -> None:
        self.keys, self.was_reading, self.has_committed = keys, was_reading, has_committed


class Verdict:
    """Whatever a run raises counts only if what it read was so; if not, the run is void.

    Busy says that nothing was done, so that it can be asked again; where something was, it is a Conflict.
    """

    __slots__ = ("_may_rerun", "_unit")

    def __init__(self, unit: Unit, may_rerun: bool) -> None:
        self._unit = unit
        self._may_rerun = may_rerun

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        """Raise what counts in the place of `error`, unless `error` itself does."""
        unit = self._unit
        match error:
            case None | CommitInDoubt():  # to run it again might do it twice
                return
            case Lost():
                raise _unfit(unit, error) from None
            case Busy():
                if unit.has_committed or not self._may_rerun:
                    raise Conflict(
                        "The database was too busy to end the walk, which is not done again by itself."
                    ) from None
            case asyncio.CancelledError():
                if not is_cancelled():  # else by the server, which stops
                    raise carried(error) from error
            case StopIteration() | SystemExit() | KeyboardInterrupt() | GeneratorExit():
                raise carried(error) from error
            case Exception():
                try:
                    unit.check()
                except Lost as lost:
                    raise _unfit(unit, lost) from None


def _unfit(unit: Unit, lost: Lost) -> Unfit:
    return Unfit(keys_lost(lost), _was_reading(unit), unit.has_committed)


def _was_reading(unit: Unit) -> bool:
    try:
        return not unit.graph.is_dirty()
    except RecordError:
        return False
