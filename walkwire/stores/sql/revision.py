"""Revision: which schema a database has. An empty one gets the newest, an older one is migrated, a newer one refused.

Alembic takes longer to import than a server may take to start, so it is imported only where there is something to migrate. An
empty database is made from the tables of `schema` at once; that this comes to the same as all migrations is tested.
"""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from sqlalchemy import (
    Column,
    Connection,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    insert,
    inspect,
    select,
)

from walkwire.errors import StartError
from walkwire.ids import PUBLIC_ROOT, SYSTEM_ROOT
from walkwire.stores.sql.schema import metadata, nodes

if TYPE_CHECKING:
    from alembic.config import Config

NEWEST = "0002"
TABLE = "walkwire_version"
_FOLDER = Path(__file__).with_name("migrations")

_UNNUMBERED = ""  # made before schemas had numbers
# As Alembic makes it.
_versions = Table(
    TABLE,
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name=f"{TABLE}_pkc"),
)
_alone = threading.Lock()  # Alembic has the migration under way in a global variable

_log = logging.getLogger("walkwire.stores")


class EngineSchema(Protocol):
    """What an engine's databases have besides the common tables. Handed in by the engine."""

    def make(self, connection: Connection) -> None:
        """Make all of it, in an empty database."""

    def install(self, connection: Connection) -> None:
        """Create its functions, replacing those that are there. Called by migrations."""


def is_newest(connection: Connection, name: str) -> bool:
    """Whether there is nothing to do in the database `name`. Raises StartError where it is newer than this walkwire."""
    found = _found(connection)
    if found is not None and found > NEWEST:
        from importlib.metadata import version

        raise StartError(
            f"The database {name} was migrated to schema {found} by a newer walkwire; this one, {version('walkwire')}, "
            f"knows schemas up to {NEWEST}: upgrade it, or restore a backup from before"
        )
    return found == NEWEST


def renew(connection: Connection, name: str, own: EngineSchema | None = None) -> None:
    """Make the tables, or migrate them. To be called in a transaction that keeps everyone else from doing the same.

    Raises StartError; the caller undoes the transaction then, and the database is as it was.
    """
    if is_newest(connection, name):  # while this one waited for its turn another did it
        return
    found = _found(connection)
    if found is None:
        _make(connection)
        if own is not None:
            own.make(connection)
    else:
        _migrate(connection, name, found, own)


def migrations(connection: Connection, own: EngineSchema | None = None) -> Config:
    """What Alembic's commands need to know, to work in the transaction that is open on `connection`."""
    from alembic.config import Config

    config = Config(attributes={"connection": connection, "own": own})
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    return config


def _found(connection: Connection) -> str | None:
    """The number of the schema, None where there is none."""
    tables = inspect(connection)
    if tables.has_table(TABLE):
        return connection.execute(select(_versions.c.version_num)).scalar() or _UNNUMBERED
    return _UNNUMBERED if tables.has_table(nodes.name) else None


def _make(connection: Connection) -> None:
    """The tables, and the two roots that are nobody's."""
    metadata.create_all(connection, checkfirst=False)
    _versions.create(connection)
    connection.execute(insert(_versions), {"version_num": NEWEST})
    roots = [
        {"id": root, "kind": "", "owner": root, "version": 1, "data": "{}"}
        for root in (SYSTEM_ROOT, PUBLIC_ROOT)
    ]
    connection.execute(insert(nodes), roots)


def _migrate(connection: Connection, name: str, found: str, own: EngineSchema | None) -> None:
    from alembic import command

    way = f"the database {name} from schema {found or 'without a number'} to {NEWEST}"
    _log.info("Migrating %s", way)
    try:
        with _alone:
            command.upgrade(migrations(connection, own), "head")
    except Exception as error:
        told = " ".join(str(getattr(error, "orig", None) or error).split())
        raise StartError(f"Cannot migrate {way}: {told}. Nothing was changed") from error
