"""State: what is known of a PostgreSQL database without changing it, for `walkwire doctor`."""

from __future__ import annotations

from sqlalchemy import Connection, create_engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.pool import NullPool

from walkwire.errors import StartError
from walkwire.store import StoreState
from walkwire.stores.sql import revision

_OLDEST = 14
_SECONDS = 5

_ASK = (
    "SELECT current_setting('server_version'), current_setting('server_version_num')::int, pg_is_in_recovery(),"
    " current_setting('fsync'), current_setting('synchronous_commit'), current_setting('full_page_writes'),"
    " current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int,"
    " extract(epoch FROM clock_timestamp())::float8"
)


def state_of(url: str) -> StoreState:
    """Return the state of the database that `url` names. Raises StartError."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise StartError("DATABASE is not a database URL") from None
    usual = {} if "connect_timeout" in parsed.query else {"connect_timeout": str(_SECONDS)}
    engine = create_engine(
        parsed.set(drivername="postgresql+psycopg").update_query_dict(usual),
        poolclass=NullPool,
        use_native_hstore=False,
        hide_parameters=True,
    )
    try:
        with engine.connect() as connection:
            return _state(connection)
    except DBAPIError as error:
        where = parsed.set(password=None).render_as_string()
        reason = " ".join(str(error.orig).split())
        raise StartError(f"The database {where} cannot be used: {reason}") from None


def refuse_old(version: int) -> None:
    """Raise StartError for a server that is too old. `version`: as `server_version_num`, 150020 for 15.20."""
    if version // 10_000 < _OLDEST:
        raise StartError(
            f"PostgreSQL {version // 10_000} is too old: walkwire needs version {_OLDEST} or later"
        )


def _state(connection: Connection) -> StoreState:
    row = connection.exec_driver_sql(_ASK).one()
    version, number, is_replica, fsync, synchronous, full_pages, connections, now = row
    refuse_old(number)
    if is_replica:
        raise StartError("This PostgreSQL is a replica, which takes no writes: name the primary in DATABASE")
    risks = []
    if fsync == "off":
        risks.append("fsync is off: a loss of power may destroy the database. Set fsync = on")
    if full_pages == "off":
        risks.append("full_page_writes is off: a loss of power may destroy pages. Set full_page_writes = on")
    if synchronous == "off":
        risks.append(
            "synchronous_commit is off: a crash of PostgreSQL undoes the commits of the last moments."
            " Set synchronous_commit = on"
        )
    name = f"PostgreSQL {version.partition(' ')[0]}"
    return StoreState(name, revision.schema_of(connection), revision.NEWEST, now, tuple(risks), connections)
