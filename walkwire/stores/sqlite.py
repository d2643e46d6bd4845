"""SQLite: reads in short autocommits, and one writer (`stores/writer`), whose commits are each one BEGIN IMMEDIATE.

A transaction that reads first and writes later fails at once with "database is locked" when another wrote in between, whatever
the time-out; one that begins as a writer waits its turn. `synchronous=NORMAL` with the write-ahead log: what was acknowledged
survives the death of the process, not the loss of power; a URL with `?synchronous=FULL` survives that too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.pool import QueuePool

from walkwire.errors import StartError
from walkwire.store import (
    Changes,
    EdgeRecord,
    Neighbourhood,
    NodeRecord,
    Reads,
    Search,
    Selection,
    ServiceRecord,
    Store,
    TaskEnd,
    TaskRecord,
    UserRecord,
    View,
    WebhookKey,
)
from walkwire.stores import services, sql, tasks, webhooks
from walkwire.stores.schema import VERSION, metadata
from walkwire.stores.writer import Writer

_BUSY_MILLISECONDS = 5000  # how long to wait for another process that writes to the same file
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


class SqliteStore:
    """The store in one SQLite file, for any number of threads and, at a price, processes."""

    def __init__(self, path: str, synchronous: str = "NORMAL") -> None:
        self._engine = _engine(path, synchronous)
        try:
            self._writer = Writer(self._engine.connect())
            self._make_tables(path)
        except BaseException:
            self._engine.dispose()
            raise

    def load_nodes(self, ids: Sequence[str]) -> list[NodeRecord]:
        with self._reader() as view:
            return view.load_nodes(ids)

    def load_edges(self, ids: Sequence[str]) -> list[EdgeRecord]:
        with self._reader() as view:
            return view.load_edges(ids)

    def load_neighbourhood(self, selection: Selection) -> Neighbourhood:
        # Its ends are found in several steps, which have to see the same.
        with self._reader() if selection.limit is None else self.snapshot() as view:
            return view.load_neighbourhood(selection)

    def roots(self) -> list[NodeRecord]:
        with self._reader() as view:
            return view.roots()

    def search_nodes(self, search: Search) -> list[NodeRecord]:
        with self._reader() as view:
            return view.search_nodes(search)

    def search_edges(self, search: Search) -> list[EdgeRecord]:
        with self._reader() as view:
            return view.search_edges(search)

    def load_task(self, id: str) -> TaskRecord | None:
        with self._reader() as view:
            return view.load_task(id)

    @contextmanager
    def snapshot(self) -> Iterator[View]:
        with self._moment() as connection:
            yield sql.SqlView(connection)

    def check(self, reads: Reads) -> None:
        with self._moment() as connection:
            sql.check_reads(connection, reads)

    def commit(self, reads: Reads, changes: Changes, then: Callable[[], None]) -> None:
        def work(connection: Connection) -> None:
            sql.check_reads(connection, reads)
            sql.write_changes(connection, changes)

        self._writer.write(work, then)

    def add_user(self, user: UserRecord) -> None:
        self._writer.write(lambda connection: sql.add_user(connection, user))

    def user_by_email(self, email: str) -> UserRecord | None:
        with self._engine.connect() as connection:
            return sql.user_by(connection, email_key=email.casefold())

    def user_by_id(self, user_id: str) -> UserRecord | None:
        with self._engine.connect() as connection:
            return sql.user_by(connection, id=user_id)

    def change_password(self, user_id: str, old: str, new: str) -> bool:
        return self._writer.write(lambda connection: sql.change_password(connection, user_id, old, new))

    def tokens_of(self, root_ids: Sequence[str]) -> dict[str, int]:
        with self._engine.connect() as connection:
            return sql.tokens_of(connection, root_ids)

    def add_service(self, service: ServiceRecord) -> None:
        self._writer.write(lambda connection: services.add(connection, service))

    def services(self) -> list[ServiceRecord]:
        with self._engine.connect() as connection:
            return services.every(connection)

    def service_by_digest(self, digest: str) -> ServiceRecord | None:
        with self._engine.connect() as connection:
            return services.by_digest(connection, digest)

    def remove_service(self, name: str) -> bool:
        return self._writer.write(lambda connection: services.remove(connection, name))

    def add_webhook_key(self, key: WebhookKey) -> None:
        self._writer.write(lambda connection: webhooks.add(connection, key))

    def webhook_keys_of(self, root_id: str) -> list[WebhookKey]:
        with self._engine.connect() as connection:
            return webhooks.of(connection, root_id)

    def extend_webhook_key(self, root_id: str, id: str, seconds: float) -> bool:
        return self._writer.write(lambda connection: webhooks.extend(connection, root_id, id, seconds))

    def delete_webhook_keys(self, root_id: str, ids: Sequence[str]) -> int:
        return self._writer.write(lambda connection: webhooks.remove(connection, root_id, ids))

    def begin_tasks(self, server: str, now: float, alive_until: float, limit: int) -> list[TaskRecord]:
        return self._writer.write(lambda connection: tasks.begin(connection, server, now, alive_until, limit))

    def next_task(self) -> float | None:
        with self._engine.connect() as connection:
            return tasks.next_due(connection)

    def keep_tasks(self, server: str, ids: Sequence[str], alive_until: float) -> None:
        self._writer.write(lambda connection: tasks.keep(connection, server, ids, alive_until))

    def end_task(self, end: TaskEnd) -> bool:
        return self._writer.write(lambda connection: tasks.end(connection, end))

    def forget_task(self, id: str) -> None:
        self._writer.write(lambda connection: tasks.forget(connection, id))

    def abandon_tasks(self, now: float, error: str) -> int:
        return self._writer.write(lambda connection: tasks.abandon(connection, now, error))

    def close(self) -> None:
        self._writer.close()
        self._engine.dispose()

    @contextmanager
    def _reader(self) -> Iterator[sql.SqlView]:
        with self._engine.connect() as connection:
            yield sql.SqlView(connection)

    @contextmanager
    def _moment(self) -> Iterator[Connection]:
        """A connection whose reads all see the database as it is at the first of them."""
        with self._engine.connect() as connection:
            connection.exec_driver_sql("BEGIN")
            try:
                yield connection
            finally:
                connection.rollback()

    def _make_tables(self, path: str) -> None:
        def make(connection: Connection) -> int:
            metadata.create_all(connection)
            return sql.prepare(connection, VERSION)

        found = self._writer.write(make)
        if found > VERSION:
            raise StartError(
                f"The database {path} was made by a newer walkwire (schema {found}, this one knows {VERSION})"
            )


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
        for pragma in ("journal_mode=WAL", f"synchronous={synchronous}", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    return engine
