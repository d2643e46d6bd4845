"""Revision: the schema version of a database. An empty database gets the newest schema, an older one is migrated, a newer one
refused.

Importing Alembic takes longer than a server may take to start, so it is imported only if there is something to migrate. An empty
database is created from the tables of `schema` directly; a test ensures that this equals the result of all migrations.
"""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from sqlalchemy import (
    Column,
    Connection,
    Dialect,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    insert,
    inspect,
    select,
)
from sqlalchemy.schema import CreateIndex, CreateTable

from walkwire.errors import StartError
from walkwire.ids import PUBLIC_ROOT, SYSTEM_ROOT
from walkwire.stores.sql.schema import metadata, nodes

if TYPE_CHECKING:
    from alembic.config import Config

NEWEST = "0008"
TABLE = "walkwire_version"
_FOLDER = Path(__file__).with_name("migrations")

_UNNUMBERED = ""  # created before schemas had numbers
# The table that Alembic keeps.
versions = Table(
    TABLE,
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name=f"{TABLE}_pkc"),
)
_compiled: dict[str, list[str]] = {}  # by the name of the dialect
_alone = threading.Lock()  # Alembic keeps the current migration in a global variable

_log = logging.getLogger("walkwire.stores")


class EngineSchema(Protocol):
    """What the databases of one engine have besides the common tables. Each engine passes its own."""

    def make(self, connection: Connection) -> None:
        """Create all of it in an empty database."""

    def install(self, connection: Connection) -> None:
        """Create or replace its functions. Called by migrations."""


def is_newest(connection: Connection, name: str) -> bool:
    """Return whether the database `name` has the newest schema. Raises StartError if it is newer than this walkwire knows."""
    found = schema_of(connection)
    if found is not None and found > NEWEST:
        from importlib.metadata import version

        raise StartError(
            f"The database {name} was migrated to schema {found} by a newer walkwire; this one, {version('walkwire')}, "
            f"knows schemas up to {NEWEST}: upgrade it, or restore a backup from before"
        )
    return found == NEWEST


def schema_of(connection: Connection) -> str | None:
    """Return the number of the schema; "" for one from before schemas had numbers, None for an empty database."""
    tables = inspect(connection)
    if tables.has_table(TABLE):
        return connection.execute(select(versions.c.version_num)).scalar() or _UNNUMBERED
    return _UNNUMBERED if tables.has_table(nodes.name) else None


def renew(connection: Connection, name: str, own: EngineSchema | None = None) -> None:
    """Create the tables, or migrate them. Call it in a transaction that keeps other servers from doing the same.

    Raises StartError. The caller then rolls the transaction back, and the database is unchanged.
    """
    if is_newest(connection, name):  # another server did it while this one waited for the lock
        return
    found = schema_of(connection)
    if found is None:
        _make(connection)
        if own is not None:
            own.make(connection)
    else:
        _migrate(connection, name, found, own)


def migrations(connection: Connection, own: EngineSchema | None = None) -> Config:
    """Return the configuration of Alembic's commands for the transaction that is open on `connection`."""
    from alembic.config import Config

    config = Config(attributes={"connection": connection, "own": own})
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    return config


def _make(connection: Connection) -> None:
    """Create the tables and the system and public roots."""
    for statement in _statements(connection.dialect):
        connection.exec_driver_sql(statement)
    connection.execute(insert(versions), {"version_num": NEWEST})
    roots = [
        {"id": root, "kind": "", "owner": root, "version": 1, "data": "{}"}
        for root in (SYSTEM_ROOT, PUBLIC_ROOT)
    ]
    connection.execute(insert(nodes), roots)


def _statements(dialect: Dialect) -> list[str]:
    """Return what creates the tables and their indexes. Compiled once: a program's tests make many databases."""
    if dialect.name not in _compiled:
        elements: list[CreateTable | CreateIndex] = []
        for table in (*metadata.sorted_tables, versions):
            elements += [CreateTable(table), *map(CreateIndex, sorted(table.indexes, key=str))]
        _compiled[dialect.name] = [str(element.compile(dialect=dialect)) for element in elements]
    return _compiled[dialect.name]


def _migrate(connection: Connection, name: str, found: str, own: EngineSchema | None) -> None:
    from alembic import command

    what = f"the database {name} from schema {found or 'without a number'} to {NEWEST}"
    _log.info("Migrating %s", what)
    try:
        with _alone:
            command.upgrade(migrations(connection, own), "head")
    except Exception as error:
        reason = " ".join(str(getattr(error, "orig", None) or error).split())
        raise StartError(f"Cannot migrate {what}: {reason}. Nothing was changed") from error
