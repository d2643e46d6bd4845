"""State: what is known of a SQLite file without changing it, for `walkwire doctor`."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

from sqlalchemy import create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from walkwire.errors import StartError
from walkwire.store import StoreState
from walkwire.stores.sql import revision
from walkwire.stores.sqlite.store import read_url

_NORMAL = "synchronous is NORMAL: a loss of power may undo the commits of the last moments. Leave ?synchronous= out of DATABASE"


def state_of(url: str, is_durable: bool) -> StoreState:
    """Return the state of the file that `url` names. Raises StartError. One that does not exist yet is empty."""
    path, synchronous = read_url(url, is_durable)
    risks = (_NORMAL,) if synchronous == "NORMAL" else ()
    schema = _schema(path) if Path(path).exists() else None
    return StoreState(f"SQLite {sqlite3.sqlite_version}", schema, revision.NEWEST, time.time(), risks)


def _schema(path: str) -> str | None:
    uri = f"{Path(path).resolve().as_uri()}?mode=rw"
    engine = create_engine(
        "sqlite://", creator=lambda: sqlite3.connect(uri, uri=True, timeout=5), poolclass=NullPool
    )
    try:
        with closing(engine.connect()) as connection:
            found = revision.schema_of(connection)
            connection.exec_driver_sql("BEGIN IMMEDIATE")  # raises where nothing can be written
            connection.rollback()
            return found
    except DBAPIError as error:
        raise StartError(f"The database {path} cannot be used: {error.orig}") from None
