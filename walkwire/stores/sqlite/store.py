"""SQLite: reads in short autocommits, and one writer (`stores/sqlite/writer`), whose commits are each one BEGIN IMMEDIATE.

A transaction that reads first and writes later fails at once with "database is locked" when another wrote in between, whatever
the time-out; one that begins as a writer waits its turn. `synchronous=NORMAL` with the write-ahead log: what was acknowledged
survives the death of the process, not the loss of power; a URL with `?synchronous=FULL` survives that too.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from sqlite3 import SQLITE_BUSY, OperationalError
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.pool import QueuePool

from walkwire.errors import StartError
from walkwire.store import (
    Changes,
    Crowd,
    EdgeRecord,
    Neighbourhood,
    NodeRecord,
    Reads,
    Selection,
    Store,
    View,
)
from walkwire.stores.sql import lookups, revision
from walkwire.stores.sql.store import SqlStore
from walkwire.stores.sqlite.commit import check_reads, write_changes
from walkwire.stores.sqlite.statements import AT_ONCE, driver_of
from walkwire.stores.sqlite.view import SqliteView
from walkwire.stores.sqlite.writer import Writer

Result = TypeVar("Result")

_BUSY_MILLISECONDS = 5000  # how long to wait for another process that writes to the same file
_AGAIN_SECONDS = 0.005
_SYNCHRONOUS = ("NORMAL", "FULL", "EXTRA")


def open_sqlite(url: str) -> Store:
    """Open or make the file that `url` names. Raises StartError with a sentence for the operator."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise StartError(f"Not a database URL: {url!r}") from None
    if not parsed.database or parsed.database == ":memory:":
        raise StartError("SQLite needs a file: give sqlite:///file.db")
    query = dict(parsed.query)
    synchronous = str(query.pop("synchronous", "NORMAL")).upper()
    if query or synchronous not in _SYNCHRONOUS:
        raise StartError(
            f"SQLite takes ?synchronous= with one of {', '.join(_SYNCHRONOUS)}, and nothing else"
        )
    if not Path(parsed.database).resolve().parent.is_dir():
        raise StartError(f"Cannot open the database {parsed.database}: its folder does not exist")
    try:
        return SqliteStore(parsed.database, synchronous)
    except DBAPIError as error:
        raise StartError(f"Cannot open the database {parsed.database}: {error.orig}") from None


class SqliteStore(SqlStore):
    """The store in one SQLite file, for any number of threads and, at a price, processes."""

    crowd: Crowd | None = None

    def __init__(self, path: str, synchronous: str = "NORMAL") -> None:
        self._engine = _engine(path, synchronous)
        self._views: deque[SqliteView] = deque()
        try:
            self._renew(path)
            self._writer = Writer(self._engine.connect())
        except BaseException:
            self._engine.dispose()
            raise

    def load_nodes(self, ids: Sequence[str]) -> list[NodeRecord]:
        return self._ask(SqliteView.load_nodes, ids, several=len(ids) > AT_ONCE)

    def load_edges(self, ids: Sequence[str]) -> list[EdgeRecord]:
        return self._ask(SqliteView.load_edges, ids, several=len(ids) > AT_ONCE)

    def load_neighbourhood(self, selection: Selection) -> Neighbourhood:
        return self._ask(SqliteView.load_neighbourhood, selection, several=selection.limit is not None)

    def latest(self) -> View:
        return self

    @contextmanager
    def snapshot(self) -> Iterator[View]:
        with self._snapshot() as view:
            yield view

    def check(self, reads: Reads) -> None:
        with self._snapshot() as view:
            check_reads(view.driver, reads)
            lookups.check(view.connection, reads)

    def commit(
        self, reads: Reads, changes: Changes, then: Callable[[], None], mine: Collection[str] = ()
    ) -> None:
        def work(connection: Connection) -> None:
            check_reads(driver_of(connection), reads)
            lookups.check(connection, reads)
            write_changes(connection, changes)

        self._writer.write(work, then)

    def close(self) -> None:
        self._writer.close()
        while self._views:
            self._views.pop().close()
        self._engine.dispose()

    def token_generations(self, root_ids: Sequence[str]) -> dict[str, int]:
        return self._ask(SqliteView.token_generations, root_ids)

    def _ask(self, question: Callable[..., Result], *of: Any, several: bool = False) -> Result:
        """`several`: it takes more than one statement, and these have to see the same."""
        if several:
            with self._snapshot() as view:
                return question(view, *of)
        view = self._borrow_view()
        try:
            return question(view, *of)
        finally:
            self._views.append(view)

    @contextmanager
    def _snapshot(self) -> Iterator[SqliteView]:
        """A view whose reads all see the database as it is at the first of them."""
        view = self._borrow_view()
        view.driver.execute("BEGIN")
        try:
            yield view
        finally:
            view.driver.rollback()
            self._views.append(view)

    def _borrow_view(self) -> SqliteView:
        """A connection to read by, the one used last, as its cache is the warmest."""
        try:
            return self._views.pop()
        except IndexError:
            return SqliteView(self._engine.connect().execution_options(isolation_level="AUTOCOMMIT"))

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
    """A transaction in which a table may be replaced: what refers to it stays, and has to fit in the end."""
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


def _engine(path: str, synchronous: str) -> Engine:
    engine = create_engine(
        f"sqlite:///{path}",
        poolclass=QueuePool,
        pool_size=32,
        max_overflow=-1,
        pool_reset_on_return=None,  # outside BEGIN … COMMIT the driver commits by itself: there is nothing to undo
        connect_args={
            "check_same_thread": False,
            "isolation_level": None,
            "timeout": _BUSY_MILLISECONDS / 1000,
        },
    )

    @event.listens_for(engine, "connect")
    def set_up(connection: Any, _: object) -> None:
        _keep_a_log(connection)
        for pragma in (f"synchronous={synchronous}", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    return engine


def _keep_a_log(connection: Any) -> None:
    """Write ahead. While another makes the same file SQLite says that it is locked, and does not wait as it does elsewhere."""
    until = time.monotonic() + _BUSY_MILLISECONDS / 1000
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except OperationalError as error:
            if error.sqlite_errorcode != SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(_AGAIN_SECONDS)
