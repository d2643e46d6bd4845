"""Store: the store in a PostgreSQL database."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import psycopg
from sqlalchemy import URL, Connection, func, make_url, select
from sqlalchemy.exc import ArgumentError, DBAPIError

from walkwire.errors import Busy, StartError
from walkwire.store import (
    Changes,
    CommitInDoubt,
    Crowd,
    EdgeRecord,
    Lost,
    Neighbourhood,
    NodeRecord,
    Reads,
    Selection,
    Store,
    View,
)
from walkwire.stores import revision
from walkwire.stores.postgres import view
from walkwire.stores.postgres.commit import Commit, check, size_of
from walkwire.stores.postgres.crowd import PostgresCrowd
from walkwire.stores.postgres.locks import GATE, SCHEMA
from walkwire.stores.postgres.pool import Away, Overtaken, Pool
from walkwire.stores.registers import Registers
from walkwire.stores.turns import Turns

Result = TypeVar("Result")

_OLDEST = 14
_ATTEMPTS = 5
_LOOK_AGAIN_SECONDS = 0.05
# All that may be locked in a database at once, over all connections (`max_locks_per_transaction`).
_ROOM = "SELECT current_setting('max_locks_per_transaction')::int * current_setting('max_connections')::int"
# A migration may take its time; it does not wait longer than others for a lock, behind which they would wait.
_UNLIMITED = ("statement_timeout", "idle_in_transaction_session_timeout")
_SHARE = 16  # a commit takes this part of the room at most


def open_postgres(url: str, connections: int, seconds: float) -> Store:
    """Open the database that `url` names, and make its tables. Raises StartError with a sentence for the operator."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise StartError("DATABASE is not a database URL") from None
    where = parsed.set(password=None).render_as_string()
    try:
        return PostgresStore(parsed, connections, seconds)
    except Busy as busy:
        raise StartError(f"Cannot open the database {where}: {busy.__cause__ or busy}") from None
    except DBAPIError as error:
        raise StartError(f"Cannot open the database {where}: {str(error.orig).strip()}") from None


class PostgresStore(Registers):
    """The store in one PostgreSQL database, for any number of threads, processes and machines."""

    def __init__(self, url: URL, connections: int, seconds: float) -> None:
        self._pool = Pool(url, connections, seconds)
        self._turns = Turns(seconds)
        self._seconds = seconds
        self.crowd: Crowd | None = PostgresCrowd(self._pool, max(1, connections // 2))
        try:
            with self._pool.raw() as connection:
                _refuse_old(connection.info.server_version)
                ((room,),) = connection.execute(_ROOM).fetchall()
                self._bound = room // _SHARE
            self._renew(str(url.database))
            self._pool.watch.start()
        except BaseException:
            self._pool.close()
            raise

    def load_nodes(self, ids: Sequence[str]) -> list[NodeRecord]:
        return self._pool.read(lambda connection: view.load_nodes(connection, ids))

    def load_edges(self, ids: Sequence[str]) -> list[EdgeRecord]:
        return self._pool.read(lambda connection: view.load_edges(connection, ids))

    def load_neighbourhood(self, selection: Selection) -> Neighbourhood:
        return self._pool.read(lambda connection: view.load_neighbourhood(connection, selection))

    def token_generations(self, root_ids: Sequence[str]) -> dict[str, int]:
        return self._pool.read(lambda connection: view.token_generations(connection, root_ids))

    @contextmanager
    def snapshot(self) -> Iterator[View]:
        moment = view.Moment(self._pool)
        with self._pool.watch.over(moment):
            yield moment

    def check(self, reads: Reads) -> None:
        self._pool.read(lambda connection: check(connection, reads), size_of(reads))

    def commit(
        self, reads: Reads, changes: Changes, then: Callable[[], None], mine: Collection[str] = ()
    ) -> None:
        with self._turns.of(_written(changes)):
            commit = Commit(reads, changes, mine, self._bound)
            try:
                for left in reversed(range(_ATTEMPTS)):
                    if self._is_made(commit, left):
                        break
                else:
                    raise _all_of(reads, changes)
            except (Overtaken, psycopg.errors.ForeignKeyViolation, psycopg.errors.DivisionByZero):
                raise _all_of(reads, changes) from None
            then()

    def close(self) -> None:
        self._pool.close()

    def _is_made(self, commit: Commit, left: int) -> bool:
        """Try to commit; False where it is to be tried again. Raises Away where none is `left`, or the database was away long."""
        commit.number = None
        try:
            with self._pool.raw(commit.size) as connection:
                commit.begin(connection)
                return commit.end(connection)
        except Away:
            commit.broken = commit.broken or time.monotonic()
            if commit.number is not None and self._was_made(commit):
                return True
            if not left or time.monotonic() > commit.broken + self._seconds:
                raise
        except psycopg.errors.OutOfMemory:  # there is no room for so many locks
            commit.take_all_locks()
        return False

    def _was_made(self, commit: Commit) -> bool:
        """The outcome of a commit whose connection broke. Raises CommitInDoubt."""
        deadline = time.monotonic() + self._seconds
        while time.monotonic() < deadline:
            try:
                with self._pool.raw() as connection:
                    made = commit.was_made(connection)
            except Busy:
                continue
            if made is not None:
                return made
            time.sleep(_LOOK_AGAIN_SECONDS)
        raise CommitInDoubt

    def _read(self, work: Callable[[Connection], Result]) -> Result:
        try:
            with self._pool.plain() as connection:
                return work(connection)
        except Away:
            with self._pool.plain() as connection:
                return work(connection)

    def _write(self, work: Callable[[Connection], Result]) -> Result:
        with self._pool.transaction() as connection:
            connection.execute(select(func.pg_advisory_xact_lock_shared(GATE)))
            return work(connection)

    def _renew(self, name: str) -> None:
        with self._pool.plain() as connection:
            if revision.is_newest(connection, name):
                return
        with self._pool.transaction() as connection:
            try:
                connection.execute(select(func.pg_advisory_xact_lock(SCHEMA)))
            except DBAPIError as error:
                if isinstance(error.orig, psycopg.errors.LockNotAvailable):
                    raise StartError(
                        f"Another server migrates the database {name}, and was not done in {self._seconds:g} s: try again later"
                    ) from None
                raise
            connection.execute(select(*(func.set_config(limit, "0", True) for limit in _UNLIMITED)))
            revision.renew(connection, name)


def _refuse_old(version: int) -> None:
    if version // 10_000 < _OLDEST:
        raise StartError(
            f"PostgreSQL {version // 10_000} is too old: walkwire needs version {_OLDEST} or later"
        )


def _written(changes: Changes) -> Iterator[str]:
    """The ids of the records that a commit changes."""
    for records in (changes.changed_nodes, changes.changed_edges):
        yield from (record.id for record in records)
    yield from changes.deleted_nodes
    yield from changes.deleted_edges


def _all_of(reads: Reads, changes: Changes) -> Lost:
    """That something was lost, and nobody knows what: all that the walk read, or would write, may be it."""
    ends = {end for edge in changes.new_edges for end in (edge.source, edge.target)}
    looked_at = {selection.node for selection in reads.neighbourhoods}
    return Lost({*reads.nodes, *reads.edges, *_written(changes), *ends}, looked_at | ends)
