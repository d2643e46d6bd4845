"""Batch: walks that have ended, and whose commits are made in one transaction.

A transaction costs more than what one walk writes. So a worker thread whose walk has ended takes the next walk first, if one
waits, and commits for all that have ended when none waits any more (`walk/run/threads`). A walk alone is committed at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from walkwire.store import CommitAll, UnitOfWork

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Uncommitted(Generic[Result]):
    """A walk that has ended, and whose commit is still to be made.

    - unit: what is to be committed
    - end: called with the error of the commit, or None; returns the answer, or raises what counts in place of the error
    """

    unit: UnitOfWork
    end: Callable[[BaseException | None], Result]


def commit_all(walks: Sequence[Uncommitted[Any]], together: CommitAll) -> list[BaseException | None]:
    """Make the commits of all these walks. Return for each what its commit raised, or None."""
    try:
        return together([walk.unit for walk in walks])
    except BaseException as error:  # whatever it is: each of the walks has a caller that waits
        return [error] * len(walks)
