"""Writer: the one connection that writes to a SQLite file. Writes that arrive while it is busy are committed together.

The first thread to get the lock commits for all that wait: one BEGIN IMMEDIATE, one COMMIT. Each write sees the ones before it,
so the result is the same as if they had been committed one after another. A write that raises Lost before it has written anything
fails alone. If another one raises, all are rolled back and executed again, each in a savepoint of its own, so that the others
succeed. So `work` may be executed twice, and must have no other effects.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from walkwire.errors import Busy, PublicError
from walkwire.store import Lost
from walkwire.stores.sqlite.file import DatabaseFile

_TOGETHER = 64  # writes in one commit at most, which bounds the wait of the first

Result = TypeVar("Result")


class _Job:
    __slots__ = ("error", "is_done", "result", "then", "work")

    def __init__(self, work: Callable[[Connection], Any], then: Callable[[], None] | None) -> None:
        self.work = work
        self.then = then
        self.result: Any = None
        self.error: BaseException | None = None
        self.is_done = False


class Writer:
    """Writes for all threads, one batch after another, through a connection to `file`."""

    def __init__(self, connection: Connection, file: DatabaseFile) -> None:
        self._connection = connection
        self._file = file
        # BEGIN and COMMIT go to the driver itself: through SQLAlchemy they take longer than SQLite needs.
        self._driver: Any = connection.connection.driver_connection
        self._turn = threading.Lock()
        self._jobs: deque[_Job] = deque()

    @property
    def waiting(self) -> int:
        """Return how many works wait for the batch that is being written."""
        return len(self._jobs)

    def write(self, work: Callable[[Connection], Result], then: Callable[[], None] | None = None) -> Result:
        """Execute `work` in a transaction and return its result.

        `then` is called after the commit, and before a later commit of this process calls its own. Raises what `work` raised,
        Busy if another process keeps the file locked, and Unavailable if the file cannot be written or is another one. Nothing is
        written then. Raises CommitInDoubt if the commit could not be flushed.
        """
        job = _Job(work, then)
        self._jobs.append(job)
        self._commit_until(job)
        if job.error is not None:
            raise job.error
        return cast(Result, job.result)

    def write_all(
        self, writes: Sequence[tuple[Callable[[Connection], Any], Callable[[], None] | None]]
    ) -> list[BaseException | None]:
        """Execute several works as `write` does, if possible in one transaction. Return for each what it raised, or None."""
        jobs = [_Job(work, then) for work, then in writes]
        self._jobs.extend(jobs)
        self._commit_until(jobs[-1])
        return [job.error for job in jobs]

    def close(self) -> None:
        """Close the connection, after the batch that is being written."""
        with self._turn:
            self._connection.close()

    def _commit_until(self, last: _Job) -> None:
        with self._turn:
            while not last.is_done:
                self._commit([self._jobs.popleft() for _ in range(min(len(self._jobs), _TOGETHER))])

    def _commit(self, jobs: list[_Job]) -> None:
        is_commit = False
        try:
            self._file.require()
            self._driver.execute("BEGIN IMMEDIATE")
            self._run_together(jobs)
            is_commit = True
            self._driver.execute("COMMIT")  # a prepared statement, unlike that of the driver's commit()
            self._end()
            self._file.require()
        except BaseException as error:
            shown = self._shown(error, is_commit)
            try:
                self._end()
            except Exception as failure:  # the disk failed for the rollback too: SQLite makes it when it can
                shown = self._shown(failure, False)
            for job in jobs:
                job.error = job.error or shown
        for job in jobs:
            job.is_done = True
            if job.error is None and job.then is not None:
                job.then()

    def _run_together(self, jobs: list[_Job]) -> None:
        try:
            for job in jobs:
                written = self._driver.total_changes
                try:
                    job.result = job.work(self._connection)
                except Lost as lost:
                    if self._driver.total_changes != written:
                        raise
                    job.error = lost
        except Exception:
            if len(jobs) == 1:
                raise
            for job in jobs:
                job.error = None
            self._end()
            self._driver.execute("BEGIN IMMEDIATE")
            for job in jobs:
                self._run_apart(job)

    def _run_apart(self, job: _Job) -> None:
        self._driver.execute("SAVEPOINT work")
        try:
            job.result = job.work(self._connection)
        except Exception as error:
            self._file.refuse(error)
            job.error = error
            self._driver.execute("ROLLBACK TO work")
        self._driver.execute("RELEASE work")

    def _shown(self, error: BaseException, is_commit: bool) -> BaseException:
        """Return what the caller gets for an error of the database."""
        if _is_locked(error):
            return Busy()
        try:
            self._file.refuse(error, is_commit=is_commit)
        except PublicError as refusal:
            return refusal
        return error

    def _end(self) -> None:
        """Roll back what is open, both in SQLAlchemy and in the driver."""
        if self._connection.in_transaction():
            self._connection.rollback()
        if self._driver.in_transaction:
            self._driver.rollback()


def _is_locked(error: BaseException) -> bool:
    return "locked" in str(getattr(error, "orig", error)) and (
        isinstance(error, OperationalError) or type(error).__name__ == "OperationalError"
    )
