"""Store: the store in one SQLite file. Reads are short autocommits; one writer commits (`stores/sqlite/writer`).

A transaction that reads first and writes later fails at once with "database is locked" if another wrote in between, whatever the
time-out. One that begins as a writer waits for the lock. With `synchronous=NORMAL` and the write-ahead log, an acknowledged
commit survives the death of the process, but not a power failure; with `FULL` it survives that too.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from sqlite3 import SQLITE_BUSY, OperationalError
from sqlite3 import Error as SqliteError
from typing import Any, TypeVar, cast

from sqlalchemy import Connection, Engine, create_engine, event, make_url, update
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.pool import QueuePool

from walkwire.errors import StartError
from walkwire.store import (
    ArchivedRecord,
    Changes,
    EdgeRecord,
    KeyedCall,
    Neighbourhood,
    NodeRecord,
    Reads,
    Selection,
    SharedLocks,
    Store,
    StoreLoad,
    StreamPlace,
    TokenState,
    UnitOfWork,
    View,
)
from walkwire.stores.sql import archive, lookups, revision
from walkwire.stores.sql.store import SqlStore
from walkwire.stores.sqlite.commit import check_reads, write_changes
from walkwire.stores.sqlite.file import DatabaseFile, create
from walkwire.stores.sqlite.statements import AT_ONCE, driver_of
from walkwire.stores.sqlite.streams import newest_places
from walkwire.stores.sqlite.view import SqliteView
from walkwire.stores.sqlite.writer import Writer

Result = TypeVar("Result")

# Of a new file. A commit writes each page that it changes, about nine for a node and an edge, into the log: with 4,096 bytes it
# takes nearly twice as long. Reads take as long, those of fields of 20 KB a fifth longer.
_PAGE_BYTES = 2048
_LOG_PAGES = 4000  # in the log before they are moved into the file: busy pages are in it many times, and are moved once
_BUSY_MILLISECONDS = 5000  # how long to wait for the write lock of another process
_AGAIN_SECONDS = 0.005
_SYNCHRONOUS = ("NORMAL", "FULL", "EXTRA")


def open_sqlite(url: str, is_durable: bool = False) -> Store:
    """Open or create the file that `url` names. Raises StartError with a sentence for the operator."""
    path, synchronous = read_url(url, is_durable)
    try:
        return SqliteStore(path, synchronous)
    except (DBAPIError, SqliteError) as error:
        cause = getattr(error, "orig", error)
        raise StartError(f"Cannot open the database {path}: {cause}") from None


def read_url(url: str, is_durable: bool) -> tuple[str, str]:
    """Return the path of the file, and `synchronous`. Raises StartError.

    `synchronous` is what the URL says; else FULL if `is_durable`, and NORMAL if not.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise StartError(f"Not a database URL: {url!r}") from None
    if not parsed.database or parsed.database == ":memory:":
        raise StartError("SQLite needs a file: give sqlite:///file.db")
    query = dict(parsed.query)
    synchronous = str(query.pop("synchronous", "FULL" if is_durable else "NORMAL")).upper()
    if query or synchronous not in _SYNCHRONOUS:
        raise StartError(
            f"SQLite takes ?synchronous= with one of {', '.join(_SYNCHRONOUS)}, and nothing else"
        )
    if not Path(parsed.database).resolve().parent.is_dir():
        raise StartError(f"Cannot open the database {parsed.database}: its folder does not exist")
    return parsed.database, synchronous


class SqliteStore(SqlStore):
    """The store in one SQLite file, for any number of threads. Processes wait for its one write lock."""

    shared_locks: SharedLocks | None = None

    def __init__(self, path: str, synchronous: str = "NORMAL") -> None:
        self._file = create(path)
        self._engine = _engine(self._file, synchronous)
        self._views: deque[SqliteView] = deque()
        try:
            self._renew(path)
            self._writer = Writer(self._engine.connect(), self._file)
        except BaseException:
            self._file.close()
            self._engine.dispose()
            raise
        self._file.note_log()
        self._file.probe_with(partial(self._writer.write, _touch))

    @property
    def trouble(self) -> str | None:
        """Return why nothing can be stored at the moment; None: it can. See `Store.trouble`."""
        return self._file.trouble

    @property
    def load(self) -> StoreLoad:
        """Return the state of the pool and the writer; see `Store.load`."""
        pool = cast(QueuePool, self._engine.pool)
        idle = len(self._views)
        return StoreLoad(max(0, pool.checkedout() - idle), pool.checkedin() + idle, self._writer.waiting)

    def expect(self, owner: str, selection: Selection | None) -> None:
        """Do nothing: each read is made when it is asked for."""

    def load_nodes(self, ids: Sequence[str]) -> list[NodeRecord]:
        """One statement for each 512 ids, all in one snapshot; see `View.load_nodes`."""
        return self._ask(SqliteView.load_nodes, ids, several=len(ids) > AT_ONCE)

    def load_edges(self, ids: Sequence[str]) -> list[EdgeRecord]:
        """One statement for each 512 ids, all in one snapshot; see `View.load_edges`."""
        return self._ask(SqliteView.load_edges, ids, several=len(ids) > AT_ONCE)

    def load_neighbourhood(self, selection: Selection) -> Neighbourhood:
        """One statement; several in one snapshot if the selection has a limit; see `View.load_neighbourhood`."""
        return self._ask(SqliteView.load_neighbourhood, selection, several=selection.limit is not None)

    def latest(self) -> View:
        """Return the store itself."""
        return self

    @contextmanager
    def snapshot(self) -> Iterator[View]:
        """Yield a view in one read transaction; see `GraphStore.snapshot`."""
        with self._snapshot() as view:
            yield view

    def check(self, reads: Reads) -> None:
        """Check in one read transaction; see `GraphStore.check`."""
        with self._snapshot() as view:
            check_reads(view.driver, reads)
            lookups.check(view.connection, reads)

    def commit(
        self, reads: Reads, changes: Changes, then: Callable[[], None], mine: Collection[str] = ()
    ) -> None:
        """Check and write under the file's write lock, perhaps together with other commits; see `GraphStore.commit`.

        `mine` is ignored: there are no shared locks.
        """
        self._writer.write(partial(_write, reads, changes), then)

    def commit_all(self, units: Sequence[UnitOfWork]) -> list[BaseException | None]:
        """Commit all units in one transaction; see `GraphStore.commit_all`."""
        return self._writer.write_all([(partial(_write, one.reads, one.changes), one.then) for one in units])

    def restore(self, records: Iterable[ArchivedRecord]) -> int:
        """One transaction of the writer; see `ArchiveStore.restore`."""
        return self._writer.write(lambda connection: archive.write(connection, records))

    def close(self) -> None:
        """Close all connections, after the batch that is being written."""
        self._file.close()
        self._writer.close()
        while self._views:
            self._views.pop().close()
        self._engine.dispose()

    def token_states(self, root_ids: Sequence[str]) -> dict[str, TokenState]:
        """One statement for each 512 roots; see `SessionStore.token_states`."""
        return self._ask(SqliteView.token_states, root_ids)

    def stream_tails(self, topics: Sequence[str]) -> dict[str, StreamPlace]:
        """One statement for each 512 topics; see `StreamStore.stream_tails`."""
        return self._ask(lambda view: newest_places(view.driver, topics))

    def take_key(self, root_id: str, key: str, now: float) -> KeyedCall | None:
        """One statement, which takes nothing; see `KeyedCallStore.take_key`."""
        return self._ask(SqliteView.keyed_call, root_id, key, now)

    def free_keys(self, keys: Sequence[tuple[str, str]]) -> None:
        """Do nothing; see `KeyedCallStore.free_keys`."""

    def _ask(self, question: Callable[..., Result], *of: Any, several: bool = False) -> Result:
        """Return the result of `question` on a view. `several`: it runs several statements, which need a common snapshot."""
        if several:
            with self._snapshot() as view:
                return question(view, *of)
        view = self._borrow_view()
        try:
            return question(view, *of)
        except (SqliteError, DBAPIError) as error:
            self._file.refuse(error)
            raise
        finally:
            self._views.append(view)

    @contextmanager
    def _snapshot(self) -> Iterator[SqliteView]:
        """Yield a view whose statements all see the database as it is at the first of them."""
        view = self._borrow_view()
        view.driver.execute("BEGIN")
        try:
            yield view
        except (SqliteError, DBAPIError) as error:
            self._file.refuse(error)
            raise
        finally:
            view.driver.rollback()
            self._views.append(view)

    def _borrow_view(self) -> SqliteView:
        """Take the view that was used last, whose page cache is the warmest, or open another."""
        try:
            return self._views.pop()
        except IndexError:
            pass
        try:
            return SqliteView(self._engine.connect().execution_options(isolation_level="AUTOCOMMIT"))
        except (SqliteError, DBAPIError) as error:
            self._file.refuse(error)
            raise

    @contextmanager
    def _moment(self) -> Iterator[Connection]:
        with self._snapshot() as view:
            yield view.connection

    def _run_read(self, work: Callable[[Connection], Result]) -> Result:
        return self._ask(lambda view: work(view.connection))

    def _run_write(self, work: Callable[[Connection], Result]) -> Result:
        return self._writer.write(work)

    def _renew(self, path: str) -> None:
        with self._engine.connect() as connection:
            if revision.is_newest(connection, path):
                return
        with _alone(self._engine) as connection:
            revision.renew(connection, path)


@contextmanager
def _alone(engine: Engine) -> Iterator[Connection]:
    """Yield a connection in a write transaction that may replace tables. Foreign keys are checked once, at its end."""
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
        try:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield connection
            if connection.exec_driver_sql("PRAGMA foreign_key_check").first() is not None:
                raise StartError(
                    "Cannot migrate: something would refer to what is not there. Nothing was changed"
                )
            connection.commit()
        finally:
            connection.rollback()
            connection.exec_driver_sql("PRAGMA foreign_keys=ON")


def _write(reads: Reads, changes: Changes, connection: Connection) -> None:
    check_reads(driver_of(connection), reads)
    if lookups.is_any(reads):
        lookups.check(connection, reads)
    write_changes(connection, changes)


def _touch(connection: Connection) -> None:
    """Write what is there already, to see whether anything can be written."""
    table = revision.versions
    connection.execute(update(table).values(version_num=table.c.version_num))


def _engine(file: DatabaseFile, synchronous: str) -> Engine:
    connect = partial(
        file.connect, check_same_thread=False, isolation_level=None, timeout=_BUSY_MILLISECONDS / 1000
    )
    engine = create_engine(
        "sqlite://",
        creator=connect,
        poolclass=QueuePool,
        pool_size=32,
        max_overflow=-1,
        pool_reset_on_return=None,  # outside BEGIN … COMMIT the driver autocommits: there is nothing to roll back
        hide_parameters=True,  # errors go into the log, and values may be secrets
    )

    @event.listens_for(engine, "connect")
    def set_up(connection: Any, _: object) -> None:
        connection.execute(f"PRAGMA page_size={_PAGE_BYTES}")
        _use_write_ahead_log(connection)
        for pragma in (f"synchronous={synchronous}", "foreign_keys=ON", f"wal_autocheckpoint={_LOG_PAGES}"):
            connection.execute(f"PRAGMA {pragma}")

    return engine


def _use_write_ahead_log(connection: Any) -> None:
    """Switch to the write-ahead log. SQLite fails here without waiting while another process creates the file: retry."""
    until = time.monotonic() + _BUSY_MILLISECONDS / 1000
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except OperationalError as error:
            if error.sqlite_errorcode != SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(_AGAIN_SECONDS)
