"""Store: the store in a PostgreSQL database."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Generic, TypeVar

import psycopg
from sqlalchemy import URL, Connection, func, make_url, select
from sqlalchemy.exc import ArgumentError, DBAPIError

from walkwire.errors import Busy, CommitInDoubt, StartError
from walkwire.store import (
    ArchivedRecord,
    Changes,
    CommitAll,
    EdgeRecord,
    KeyedCall,
    Lost,
    Neighbourhood,
    NodeRecord,
    Reads,
    Selection,
    SharedLocks,
    Store,
    StoreLoad,
    StreamPlace,
    TokenState,
    View,
)
from walkwire.stores.postgres import functions, view
from walkwire.stores.postgres.commit import Commit, check, check_all, size_of
from walkwire.stores.postgres.driver.pool import Away, Overtaken, Pool, driver_of
from walkwire.stores.postgres.functions import CHANGED
from walkwire.stores.postgres.keyed_calls import KeyLocks, find_call
from walkwire.stores.postgres.locks import GATE, SCHEMA
from walkwire.stores.postgres.outcome import CommitTag, forget
from walkwire.stores.postgres.record_locks import RecordLocks
from walkwire.stores.postgres.shared_locks import PostgresSharedLocks
from walkwire.stores.postgres.state import refuse_old
from walkwire.stores.postgres.streams import newest_places
from walkwire.stores.postgres.together import StreamCommit, Together, is_plain
from walkwire.stores.sql import archive, lookups, revision
from walkwire.stores.sql.store import SqlStore
from walkwire.urls import masked_url

Result = TypeVar("Result")

_ATTEMPTS = 5
# The SQLSTATEs of a commit that met a node, or the version of a record, that its locks should have protected.
_UNDONE = ("23503", CHANGED)
# How many locks all connections together may hold (`max_locks_per_transaction`).
_ROOM = "SELECT current_setting('max_locks_per_transaction')::int * current_setting('max_connections')::int"
# A migration may run for any time. It does not wait longer than others for a lock: they would queue behind it.
_UNLIMITED = ("statement_timeout", "idle_in_transaction_session_timeout")
_SHARE = 16  # one commit takes at most this fraction of all locks


def open_postgres(url: str, connections: int, seconds: float) -> Store:
    """Open the database that `url` names, and create or migrate its tables. Raises StartError with a sentence for the operator.

    - `connections`: the largest number of connections.
    - `seconds`: how long to wait for a connection or a lock.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise StartError("DATABASE is not a database URL") from None
    if "@" in (parsed.host or ""):  # the rest of a password, which the driver's errors would quote
        raise StartError("DATABASE is not a database URL: in a password, @ is written %40")
    where = masked_url(url)
    try:
        return PostgresStore(parsed, connections, seconds)
    except Busy as busy:
        raise StartError(
            f"Cannot open the database {where}: {_advised(parsed, busy.__cause__ or busy)}"
        ) from None
    except DBAPIError as error:
        raise StartError(f"Cannot open the database {where}: {_advised(parsed, error.orig)}") from None


def _advised(url: URL, cause: object) -> str:
    """Return why a database cannot be opened; if the server has no such database, with the command that makes it."""
    sentence = str(cause).strip()
    if "does not exist" not in sentence or f'"{url.database}"' not in sentence:
        return sentence
    options = {"--host": url.host, "--port": url.port, "--username": url.username}
    words = [f"{option} {value}" for option, value in options.items() if value]
    return f"{sentence}\nMake it: {' '.join(['createdb', *words, str(url.database)])}"


class PostgresStore(SqlStore):
    """The store in one PostgreSQL database, for any number of threads, processes and machines."""

    def __init__(self, url: URL, connections: int, seconds: float) -> None:
        self._pool = Pool(url, connections, seconds)
        self._record_locks = RecordLocks(seconds)
        self._together = Together(self._commit_all, seconds)
        self._key_locks = KeyLocks(lambda: Pool(url, 1, seconds))
        self._seconds = seconds
        self.commit_all: CommitAll | None = None
        self.shared_locks: SharedLocks | None = PostgresSharedLocks(self._pool, max(1, connections // 2))
        try:
            with self._pool.raw() as connection:
                refuse_old(connection.info.server_version)
                ((room,),) = connection.execute(_ROOM).fetchall()
                self._bound = room // _SHARE
            self._renew(str(url.database))
            with self._pool.raw() as connection:
                forget(connection)
            self._pool.watchdog.start()
        except BaseException:
            self._pool.close()
            raise

    @property
    def trouble(self) -> str | None:
        """Return why nothing can be stored at the moment; None: it can, as far as is known. See `Store.trouble`."""
        return self._pool.absence.trouble

    @property
    def load(self) -> StoreLoad:
        """Return the state of the pool; see `Store.load`."""
        return self._pool.load

    def expect(self, owner: str, selection: Selection | None) -> None:
        """Do nothing: each read is made when it is asked for."""

    def load_nodes(self, ids: Sequence[str]) -> list[NodeRecord]:
        """One round trip; see `View.load_nodes`."""
        return self._pool.read(lambda connection: view.load_nodes(connection, ids))

    def load_edges(self, ids: Sequence[str]) -> list[EdgeRecord]:
        """One round trip; see `View.load_edges`."""
        return self._pool.read(lambda connection: view.load_edges(connection, ids))

    def load_neighbourhood(self, selection: Selection) -> Neighbourhood:
        """One round trip; see `View.load_neighbourhood`."""
        return self._pool.read(lambda connection: view.load_neighbourhood(connection, selection))

    def latest(self) -> View:
        """Return a view that notes which snapshot each of its statements saw; see `GraphStore.latest`."""
        return view.Latest(self._pool)

    def token_states(self, root_ids: Sequence[str]) -> dict[str, TokenState]:
        """One round trip; see `SessionStore.token_states`."""
        return self._pool.read(lambda connection: view.token_states_of(connection, root_ids))

    def stream_tails(self, topics: Sequence[str]) -> dict[str, StreamPlace]:
        """One round trip; see `StreamStore.stream_tails`."""
        return self._pool.read(lambda connection: newest_places(connection, topics))

    @contextmanager
    def snapshot(self) -> Iterator[View]:
        """Yield a view in one REPEATABLE READ transaction; see `GraphStore.snapshot`."""
        snapshot = view.Snapshot(self._pool)
        with self._pool.watchdog.over(snapshot):
            yield snapshot

    def check(self, reads: Reads) -> None:
        """One round trip, unless there are searches, tasks or users; see `GraphStore.check`."""
        if not lookups.is_any(reads):
            return self._pool.read(lambda connection: check(connection, reads), size_of(reads))
        try:
            self._check_all(reads)
        except Away:
            self._check_all(reads)

    def commit(
        self, reads: Reads, changes: Changes, then: Callable[[], None], mine: Collection[str] = ()
    ) -> None:
        """One round trip, unless something is deleted or was searched; see `GraphStore.commit`.

        Commits of this process that wait for the same stream share one.
        """
        commit = Commit(reads, changes, mine, self._bound)
        if not changes.entries or not is_plain(reads, changes):
            self._commit(commit, reads, changes, then)
            return
        topic = min(entry.topic for entry in changes.entries)
        waiting = StreamCommit(commit, reads, changes, then)
        try:
            if not self._together.make(topic, waiting):
                self._commit(commit, reads, changes, then)
        finally:
            self._together.done(topic, waiting)

    def _commit_all(self, members: Sequence[StreamCommit]) -> bool:
        """Commit all in one transaction, or nothing. Returns whether they were committed; see `Together`."""
        commits = [each.commit for each in members]

        def attempt(sent: _Sending[bool]) -> bool:
            with self._pool.raw(sum(each.size for each in commits)) as connection:
                sent.tag, sent.result = CommitTag(connection), True
                return Commit.make_together(connection, sent.tag, commits)

        with self._record_locks.hold(id for each in members for id in _written(each.changes)):
            try:
                is_made = self._retry_until_known(attempt)
            except Overtaken:
                return False
            for each in members if is_made else ():
                each.then()
            return is_made

    def _commit(self, commit: Commit, reads: Reads, changes: Changes, then: Callable[[], None]) -> None:
        def attempt(sent: _Sending[bool]) -> bool:
            with self._pool.raw(commit.size) as connection:
                sent.tag, sent.result = CommitTag(connection), True
                return commit.make(connection, sent.tag)

        def attempt_after_lookups(sent: _Sending[bool]) -> bool:
            with self._pool.plain() as connection:
                sent.tag, sent.result = CommitTag(driver_of(connection)), True
                return commit.make_after_lookups(connection, sent.tag)

        with self._record_locks.hold(_written(changes)):
            try:
                for _ in range(_ATTEMPTS):
                    try:
                        if self._retry_until_known(
                            attempt_after_lookups if lookups.is_any(reads) else attempt
                        ):
                            break
                    except psycopg.errors.OutOfMemory:  # the lock table is full
                        commit.take_all_locks()
                else:
                    raise _everything_lost(reads, changes)
            except Overtaken:
                raise _everything_lost(reads, changes) from None
            except psycopg.Error as error:
                if error.diag.sqlstate in _UNDONE:
                    raise _everything_lost(reads, changes) from None
                raise
            then()

    def take_key(self, root_id: str, key: str, now: float) -> KeyedCall | None:
        """One round trip, shared by calls that come together. If it fails, look without a lock; see `KeyedCallStore.take_key`."""
        try:
            return self._key_locks.take(root_id, key, now)
        except Away:
            return self._pool.read(lambda connection: find_call(connection, root_id, key, now))

    def free_keys(self, keys: Sequence[tuple[str, str]]) -> None:
        """One round trip; see `KeyedCallStore.free_keys`."""
        self._key_locks.free(keys)

    def restore(self, records: Iterable[ArchivedRecord]) -> int:
        """One transaction, in which nothing else writes; see `ArchiveStore.restore`."""
        with self._pool.transaction() as connection:
            connection.execute(select(func.pg_advisory_xact_lock(GATE)))
            connection.execute(select(*(func.set_config(limit, "0", True) for limit in _UNLIMITED)))
            written = archive.write(connection, records)
            for column in archive.NUMBERED:
                newest = select(func.coalesce(func.max(column), 0) + 1).scalar_subquery()
                sequence = func.pg_get_serial_sequence(column.table.name, column.name)
                connection.execute(select(func.setval(sequence, newest, False)))
            return written

    def close(self) -> None:
        """Close all connections and stop the watchdogs."""
        self._key_locks.close()
        self._pool.close()

    def _check_all(self, reads: Reads) -> None:
        with self._pool.snapshot() as connection:
            check_all(connection, reads)

    def _retry_until_known(self, attempt: Callable[[_Sending[Result]], Result]) -> Result:
        """Execute a transaction and return its result. If its connection breaks, find out whether it was committed; if not,
        retry.

        Raises Away if the retries fail, CommitInDoubt if the outcome cannot be found out.
        """
        broken = None
        for left in reversed(range(_ATTEMPTS)):
            sent: _Sending[Result] = _Sending()
            try:
                return attempt(sent)
            except Away:
                broken = broken or time.monotonic()
                if sent.tag is not None and sent.result is not None and self._was_committed(sent.tag):
                    return sent.result
                if not left or time.monotonic() > broken + self._seconds:
                    raise
        raise AssertionError("the last attempt returns or raises")

    def _was_committed(self, tag: CommitTag) -> bool:
        deadline = time.monotonic() + self._seconds
        while time.monotonic() < deadline:
            try:
                with self._pool.raw() as connection:
                    return tag.was_committed(connection)
            except Busy:
                continue
        raise CommitInDoubt

    @contextmanager
    def _moment(self) -> Iterator[Connection]:
        with self._pool.snapshot() as connection:
            connection.execute(select(*(func.set_config(limit, "0", True) for limit in _UNLIMITED)))
            yield connection

    def _run_read(self, work: Callable[[Connection], Result]) -> Result:
        return self._pool.read_sql(work)

    def _run_write(self, work: Callable[[Connection], Result]) -> Result:
        def attempt(sent: _Sending[tuple[Result]]) -> tuple[Result]:
            with self._pool.plain() as connection:
                raw = driver_of(connection)
                tag = CommitTag(raw)
                with raw.transaction():
                    tag.write(raw)
                    connection.execute(select(func.pg_advisory_xact_lock_shared(GATE)))
                    result = (work(connection),)
                    sent.tag, sent.result = tag, result
            return result

        return self._retry_until_known(attempt)[0]

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
            revision.renew(connection, name, functions)


class _Sending(Generic[Result]):
    """A transaction in flight: its tag, and its result if it is committed. Both are None before all of it was sent."""

    tag: CommitTag | None = None
    result: Result | None = None


def _written(changes: Changes) -> Iterator[str]:
    """Yield the ids of the records that a commit changes or deletes, and the topics that it appends to."""
    for records in (changes.changed_nodes, changes.changed_edges):
        yield from (record.id for record in records)
    yield from changes.deleted_nodes
    yield from changes.deleted_edges
    yield from (entry.topic for entry in changes.entries)


def _everything_lost(reads: Reads, changes: Changes) -> Lost:
    """Return a Lost that names everything that the walk read or would write, because the real cause is unknown."""
    ends = {end for edge in changes.new_edges for end in (edge.source, edge.target)}
    looked_at = {selection.node for selection in reads.neighbourhoods}
    return Lost({*reads.nodes, *reads.edges, *_written(changes), *ends}, looked_at | ends)
