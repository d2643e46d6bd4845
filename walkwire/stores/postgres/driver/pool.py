"""Pool: a bounded number of connections to PostgreSQL. Dead ones are replaced; errors of the driver become Busy and its kinds.

A connection that is returned in the middle of a transaction is closed, and the database rolls back.
"""

from __future__ import annotations

import logging
import select
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar, cast

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.types.numeric import Int8BinaryDumper
from sqlalchemy import URL, Connection, create_engine, event
from sqlalchemy import exc as sql_errors
from sqlalchemy.pool import PoolProxiedConnection, QueuePool

from walkwire.errors import Busy
from walkwire.store import StoreLoad
from walkwire.stores.postgres.driver.absence import Absence
from walkwire.stores.postgres.driver.watchdog import Watchdog


class Raw(psycopg.Connection[Any]):
    """A connection of the driver.

    - `prepared`: names of the statements that are prepared on it.
    - `session`: the id of its row in `walkwire_sessions`; None before its first commit.
    - `tag`: how many commits were sent on it so far.
    """

    prepared: set[bytes]
    session: str | None
    tag: int


Result = TypeVar("Result")

_AWAY = "The database does not answer. Please try again!"
_NO_ROOM = "53200"  # no memory for so many locks: the statement is at fault
_UNUSABLE = ("25P03", "25006")  # the session idled in a transaction; the server has become a standby
_RETRY_SECONDS = 0.1
_STATEMENTS = 3  # the time-out of a statement, as a multiple of the time-out of a lock
_IDLE_PART = 5  # an idle snapshot returns its connection after this fraction of the time-out
_GRACE_SECONDS = 1  # for the database to report that a statement timed out

# These detect a peer that vanished without closing the connection.
_CONNECTION = {
    "application_name": "walkwire",
    "connect_timeout": "5",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "15000",
}
# Every statement has an index to use, whatever the tables hold when it is planned, and is planned once. Joins look rows up by id:
# a plan made for a node with very many edges would read all nodes instead.
_PLANNER = {
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "plan_cache_mode": "force_generic_plan",
    "jit": "off",
}

_log = logging.getLogger("walkwire.stores")


class Away(Busy):
    """The connection broke, or none can be opened."""

    def __init__(self) -> None:
        super().__init__(_AWAY)


class Overtaken(Busy):
    """The database rolled a transaction back because of a deadlock or a serialisation failure."""


class Pool:
    """At most `size` connections. A caller that waits longer than `seconds` for one of them, or for a lock, gets Busy."""

    def __init__(self, url: URL, size: int, seconds: float) -> None:
        self._seconds = seconds
        self.absence = Absence(self._probe)
        self._was_there = False
        self._hangs = False
        # Connections that nobody uses just now, the last one used at the end. SQLAlchemy's pool counts them as taken: to take one
        # from there costs as much as the statement that follows.
        self._idle: deque[PoolProxiedConnection] = deque()
        self._waiting = 0
        self._lock = threading.Lock()
        self.watchdog = Watchdog(
            seconds * _STATEMENTS + _GRACE_SECONDS, seconds / _IDLE_PART, self._note_hang
        )
        usual = {name: value for name, value in _CONNECTION.items() if name not in url.query}
        self.engine = create_engine(
            url.set(drivername="postgresql+psycopg").update_query_dict(usual),
            isolation_level="AUTOCOMMIT",
            poolclass=QueuePool,
            pool_size=size,
            max_overflow=0,
            pool_timeout=seconds,
            pool_use_lifo=True,
            pool_reset_on_return=None,  # `raw` does it
            use_native_hstore=False,
            hide_parameters=True,  # errors go into the log, and values may be secrets
            connect_args={
                "prepare_threshold": None
            },  # its ROLLBACK would discard the statements of `prepared` too
        )
        event.listen(self.engine, "do_connect", self._connect)
        event.listen(self.engine, "connect", self._set_up)
        event.listen(self.engine, "checkout", self._replace_dead)

    @property
    def load(self) -> StoreLoad:
        """Return how many connections are in use, open beside these, and waited for."""
        pool = cast(QueuePool, self.engine.pool)
        ours = len(self._idle)  # taken from the pool, and not in use
        return StoreLoad(max(0, pool.checkedout() - ours), pool.checkedin() + ours, self._waiting)

    def raw(self, records: int = 0) -> Lease:
        """Return a driver connection in autocommit mode, for the time of a `with` block. `records`: how many records its
        statements touch; more of them get more time.
        """
        return Lease(self, records)

    @contextmanager
    def plain(self) -> Iterator[Connection]:
        """Yield a SQLAlchemy connection in autocommit mode."""
        with as_busy(), self._waited_for(self.engine.connect) as connection:
            driver = driver_of(connection)
            self.watchdog.begin(driver)
            try:
                yield connection
            finally:
                self.watchdog.end(driver)

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Yield a SQLAlchemy connection in a transaction, which is committed at the end of the block unless it raises."""
        with self.plain() as connection:
            connection.execution_options(isolation_level="READ COMMITTED")
            with connection.begin():
                yield connection

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """Yield a SQLAlchemy connection whose statements all see the database as it is at the first of them."""
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
        """Return the result of `work`, which only reads. If its connection is dead, retry once on another."""
        try:
            with self.raw(records) as connection:
                return work(connection)
        except Away:
            with self.raw(records) as connection:
                return work(connection)

    def read_sql(self, work: Callable[[Connection], Result]) -> Result:
        """Do the same as `read`, on a SQLAlchemy connection."""
        try:
            with self.plain() as connection:
                return work(connection)
        except Away:
            with self.plain() as connection:
                return work(connection)

    def close(self) -> None:
        """Stop the watchdog and close all connections."""
        self.absence.close()
        self.watchdog.stop()
        self._give_up_idle(is_broken=False)
        self.engine.dispose()

    def take(self) -> PoolProxiedConnection:
        """Take a connection, one that was used just now if there is one."""
        if self._hangs:
            self._give_up_idle(is_broken=True)
        while (pooled := self._idle_one()) is not None:
            if _is_alive(cast(Raw, pooled.driver_connection)):
                return pooled
            pooled.invalidate()
            pooled.close()
        return self._waited_for(self.engine.raw_connection)

    def give_back(self, pooled: PoolProxiedConnection) -> None:
        """Keep a connection for whoever is next, or leave it to SQLAlchemy's pool, where others wait."""
        self._idle.append(pooled)
        if self._waiting and (one := self._idle_one()) is not None:
            one.close()

    def _waited_for(self, take: Callable[[], Result]) -> Result:
        """Take a connection from SQLAlchemy's pool. It is left the idle ones first: it counts them as taken."""
        with self._lock:
            self._waiting += 1
        try:
            if (pooled := self._idle_one()) is not None:
                pooled.close()
            return _checked_out(take)
        finally:
            with self._lock:
                self._waiting -= 1

    def _idle_one(self) -> PoolProxiedConnection | None:
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def _give_up_idle(self, is_broken: bool) -> None:
        while (pooled := self._idle_one()) is not None:
            if is_broken:
                pooled.invalidate()
            pooled.close()

    def _connect(self, dialect: Any, record: Any, arguments: Any, options: Any) -> Raw:
        """Open a connection. If the database was reachable before, retry for `seconds`: it may be restarting. Then raise Away."""
        while True:
            try:
                connection: Raw = Raw.connect(*arguments, **options)
            except psycopg.OperationalError as error:
                if not self._was_there:
                    raise
                self.absence.begin("is away", error)
                if self.absence.seconds >= self._seconds:
                    raise Away from None
                time.sleep(_RETRY_SECONDS)
            else:
                self._was_there = True
                self.absence.end()
                return connection

    def _note_hang(self) -> None:
        self._hangs = True
        self.absence.begin("hangs")

    def _probe(self) -> None:
        with self.raw() as connection:
            connection.execute("SELECT 1", prepare=False)

    def _replace_dead(self, connection: Raw, record: Any, proxy: Any) -> None:
        """Make the pool replace a connection that the other end has closed, and all connections after the database hung.

        The check asks this machine's kernel, not the database.
        """
        if self._hangs:
            self._hangs = False
            raise sql_errors.InvalidatePoolError
        if not _is_alive(connection):
            raise sql_errors.DisconnectionError

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


class Lease:
    """A driver connection for the time of a `with` block. Raises Busy, Away or Overtaken for what the driver reports of a busy or
    absent database."""

    __slots__ = ("_connection", "_pool", "_pooled", "_records")

    def __init__(self, pool: Pool, records: int) -> None:
        self._pool = pool
        self._records = records

    def __enter__(self) -> Raw:
        with as_busy():
            self._pooled = self._pool.take()
        self._connection = cast(Raw, self._pooled.driver_connection)
        self._pool.watchdog.begin(self._connection, self._records)
        return self._connection

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._pool.watchdog.end(self._connection)
        if self._connection.pgconn.transaction_status == TransactionStatus.IDLE:
            self._pool.give_back(self._pooled)
        else:
            self._pooled.invalidate()
            self._pooled.close()
        if isinstance(error, psycopg.Error):
            _raise_busy(error)


def _is_alive(connection: Raw) -> bool:
    """Return whether the server has not closed the connection, as far as this machine knows. Nothing is sent."""
    waiting = select.poll()
    try:
        waiting.register(connection.fileno(), select.POLLIN)
        while waiting.poll(0):
            connection.pgconn.consume_input()
    except psycopg.Error:
        return False
    return True


def _checked_out(take: Callable[[], Result]) -> Result:
    try:
        return take()
    except sql_errors.InvalidRequestError:  # the replacement of a dead connection was dead at once
        raise Away from None


def driver_of(connection: Connection) -> Raw:
    """Return the driver's connection below one of SQLAlchemy's."""
    return cast(Raw, connection.connection.driver_connection)


@contextmanager
def as_busy() -> Iterator[None]:
    """Turn errors of a busy or unreachable database into Busy, Away or Overtaken, whose sentences a client may see."""
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
    """Raise Busy or one of its kinds, unless the statement itself is at fault."""
    state = getattr(error, "sqlstate", None) or ""
    if state[:2] == "40":
        raise Overtaken from None
    if state in ("55P03", "57014"):  # time-out of a lock or of a statement
        raise Busy from None
    is_gone = isinstance(error, psycopg.OperationalError) and state[:2] in ("", "08", "57", "53", "58")
    if (is_gone and state != _NO_ROOM) or state in _UNUSABLE:
        _log.warning("The database: %s", str(error).strip())
        raise Away from error
