"""Pool: a bounded number of connections to PostgreSQL, replaced when they are dead, and what is said when there is none.

A connection that is given back in the midst of anything is closed: the database undoes what it had not committed.
"""

from __future__ import annotations

import logging
import select
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar, cast

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.types.numeric import Int8BinaryDumper
from sqlalchemy import URL, Connection, create_engine, event
from sqlalchemy import exc as sql_errors
from sqlalchemy.pool import QueuePool

from walkwire.errors import Busy
from walkwire.stores.postgres.driver.watchdog import Watchdog


class Raw(psycopg.Connection[Any]):
    """A connection of the driver's.

    - `prepared`: the names of the statements that are prepared on it (`prepared`).
    - `session`: the id of its row in `walkwire_sessions`; None before its first commit.
    - `tag`: how many commits were sent on it so far.
    """

    prepared: set[bytes]
    session: str | None
    tag: int


Result = TypeVar("Result")

_AWAY = "The database does not answer. Please try again!"
_NO_ROOM = "53200"  # for so many locks: it is the statement that asks for too much
_RETRY_SECONDS = 0.1
_STATEMENTS = 3  # a statement may take this many times as long as one may wait for a lock
_RESTS = 5  # a moment's connection is given back after this part of that time
_GRACE_SECONDS = 1  # until the answer that it took too long has to be here

# By these an end that went away without a word is found out.
_CONNECTION = {
    "application_name": "walkwire",
    "connect_timeout": "5",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "15000",
}
# Every statement has an index, whatever the tables hold when it is planned; a plan is made once. What is joined is looked up by
# its id: a plan for a node with very many edges would read all nodes instead.
_PLANNER = {
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "plan_cache_mode": "force_generic_plan",
    "jit": "off",
}

_log = logging.getLogger("walkwire.stores")


class Away(Busy):
    """The connection broke, or none can be made."""

    def __init__(self) -> None:
        super().__init__(_AWAY)


class Overtaken(Busy):
    """The database found that a transaction and another were in each other's way, and undid it."""


class Pool:
    """At most `size` connections. Whoever waits longer than `seconds`, for one of them or for a lock, is as_busy Busy."""

    def __init__(self, url: URL, size: int, seconds: float) -> None:
        self._seconds = seconds
        self._away_since: float | None = None
        self._was_there = False
        self._hangs = False
        self.watchdog = Watchdog(seconds * _STATEMENTS + _GRACE_SECONDS, seconds / _RESTS, self._note_hang)
        usual = {name: value for name, value in _CONNECTION.items() if name not in url.query}
        self.engine = create_engine(
            url.set(drivername="postgresql+psycopg").update_query_dict(usual),
            isolation_level="AUTOCOMMIT",
            poolclass=QueuePool,
            pool_size=size,
            max_overflow=0,
            pool_timeout=seconds,
            pool_use_lifo=True,
            pool_reset_on_return=None,  # `raw` sees to it
            use_native_hstore=False,
            connect_args={"prepare_threshold": None},  # its ROLLBACK would discard those of `prepared`, too
        )
        event.listen(self.engine, "do_connect", self._connect)
        event.listen(self.engine, "connect", self._set_up)
        event.listen(self.engine, "checkout", self._replace_dead)

    @contextmanager
    def raw(self, records: int = 0) -> Iterator[Raw]:
        """A connection of the driver's, on which each statement is a transaction of its own unless it begins one. Many statements
        in one go may take the longer the more `records` they are about."""
        with as_busy():
            pooled = _checked_out(self.engine.raw_connection)
            connection = cast(Raw, pooled.driver_connection)
            self.watchdog.begin(connection, records)
            try:
                yield connection
            finally:
                self.watchdog.end(connection)
                if connection.pgconn.transaction_status != TransactionStatus.IDLE:
                    pooled.invalidate()
                pooled.close()

    @contextmanager
    def plain(self) -> Iterator[Connection]:
        """A connection of SQLAlchemy's, on which each statement is a transaction of its own."""
        with as_busy(), _checked_out(self.engine.connect) as connection:
            driver = driver_of(connection)
            self.watchdog.begin(driver)
            try:
                yield connection
            finally:
                self.watchdog.end(driver)

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A connection of SQLAlchemy's in a transaction, which is committed at the end of the block unless it raises."""
        with self.plain() as connection:
            connection.execution_options(isolation_level="READ COMMITTED")
            with connection.begin():
                yield connection

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """A connection of SQLAlchemy's whose reads all see the database as it is at the first of them."""
        with self.plain() as connection:
            driver = driver_of(connection)
            driver.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            try:
                yield connection
            finally:
                with suppress(psycopg.Error):
                    driver.rollback()
                if driver.pgconn.transaction_status != TransactionStatus.IDLE:
                    connection.invalidate()

    def read(self, work: Callable[[Raw], Result], records: int = 0) -> Result:
        """Do what only reads; where its connection turns out to be dead, on another."""
        try:
            with self.raw(records) as connection:
                return work(connection)
        except Away:
            with self.raw(records) as connection:
                return work(connection)

    def read_sql(self, work: Callable[[Connection], Result]) -> Result:
        """As `read`, on a connection of SQLAlchemy's."""
        try:
            with self.plain() as connection:
                return work(connection)
        except Away:
            with self.plain() as connection:
                return work(connection)

    def close(self) -> None:
        """Close all connections."""
        self.watchdog.stop()
        self.engine.dispose()

    def _connect(self, dialect: Any, record: Any, arguments: Any, options: Any) -> Raw:
        """A new connection. A database that was there, and is away, is waited for: it may be starting again."""
        while True:
            try:
                connection: Raw = Raw.connect(*arguments, **options)
            except psycopg.OperationalError as error:
                if not self._is_worth_waiting(error):
                    raise
                time.sleep(_RETRY_SECONDS)
            else:
                if self._away_since is not None:
                    _log.warning("The database is back")
                self._away_since, self._was_there = None, True
                return connection

    def _is_worth_waiting(self, error: psycopg.OperationalError) -> bool:
        if not self._was_there:
            return False
        now = time.monotonic()
        if self._away_since is None:
            self._away_since = now
            _log.warning("The database is away: %s", error)
        return now - self._away_since < self._seconds

    def _note_hang(self) -> None:
        _log.warning("The database hangs")
        self._hangs = True

    def _replace_dead(self, connection: Raw, record: Any, proxy: Any) -> None:
        """Have a connection replaced whose other end has said goodbye, which is asked of this machine and not of the database;
        and all that there are, where it hung."""
        if self._hangs:
            self._hangs = False
            raise sql_errors.InvalidatePoolError
        waiting = select.poll()
        try:
            waiting.register(connection.fileno(), select.POLLIN)
            while waiting.poll(0):
                connection.pgconn.consume_input()
        except psycopg.Error:
            raise sql_errors.DisconnectionError from None

    def _set_up(self, connection: Raw, record: Any) -> None:
        connection.prepared, connection.session, connection.tag = set(), None, 0
        connection.adapters.register_dumper(
            int, Int8BinaryDumper
        )  # one prepared statement for numbers of any size
        limits = {
            "lock_timeout": self._seconds,
            "statement_timeout": self._seconds * _STATEMENTS,
            "idle_in_transaction_session_timeout": self._seconds,
        }
        settings = _PLANNER | {name: f"{seconds * 1000:.0f}" for name, seconds in limits.items()}
        words = ", ".join("set_config(%s, %s, false)" for _ in settings)
        given = [word for setting in settings.items() for word in setting]
        connection.execute(f"SELECT {words}", given, prepare=False)


def _checked_out(take: Callable[[], Result]) -> Result:
    try:
        return take()
    except sql_errors.InvalidRequestError:  # the one made in place of a dead one was dead at once
        raise Away from None


def driver_of(connection: Connection) -> Raw:
    """The driver's connection below one of SQLAlchemy's."""
    return cast(Raw, connection.connection.driver_connection)


@contextmanager
def as_busy() -> Iterator[None]:
    """Turn what the driver says of a busy or absent database into a sentence for a client: Busy, Away, Overtaken."""
    try:
        yield
    except sql_errors.TimeoutError:
        raise Busy from None  # all connections are in use
    except sql_errors.DBAPIError as error:
        _raise_busy(error.orig if isinstance(error.orig, psycopg.Error) else error)
        raise
    except psycopg.Error as error:
        _raise_busy(error)
        raise


def _raise_busy(error: Exception) -> None:
    """Raise Busy or one of its kinds where the statement is not to blame."""
    state = getattr(error, "sqlstate", None) or ""
    if state[:2] == "40":
        raise Overtaken from None
    if state in ("55P03", "57014"):  # it waited too long for a lock, or took too long
        raise Busy from None
    is_gone = isinstance(error, psycopg.OperationalError) and state[:2] in ("", "08", "57", "53", "58")
    if (is_gone and state != _NO_ROOM) or state in (
        "25P03",
        "25006",
    ):  # it idled in a transaction; it is a standby by now
        _log.warning("The database: %s", str(error).strip())
        raise Away from None
