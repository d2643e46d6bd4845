"""Table: one table in SQLite with SQLAlchemy Core, with the pragmas of walkwire's own database.

As a program (`python -m bench.peers.table FOLDER SECONDS CORE`) it inserts and commits rows one by one, and that is all.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from sqlalchemy import Column, Connection, Engine, MetaData, String, Table, Text, create_engine, event

from bench.load.window import Window

PRAGMAS = ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON")

_metadata = MetaData()
_items = Table(
    "items", _metadata, Column("id", String(24), primary_key=True), Column("data", Text, nullable=False)
)


def open_table(path: Path) -> Engine:
    """The database, with its table."""
    engine = create_engine(f"sqlite:///{path}")

    @event.listens_for(engine, "connect")
    def set_up(connection: Any, _: object) -> None:
        for pragma in PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")

    _metadata.create_all(engine)
    return engine


def insert(connection: Connection, text: str) -> str:
    """Add a row, whose id is given back."""
    key = os.urandom(12).hex()
    connection.execute(_items.insert().values(id=key, data=json.dumps({"text": text})))
    return key


def main(folder: Path, seconds: float, core: int) -> dict[str, float]:
    """Insert and commit for so long. `count`: rows."""
    os.sched_setaffinity(0, {core})
    engine = open_table(folder / "bare.db")
    with engine.connect() as connection:
        _insert_for(connection, 0.2)
        window = Window(os.getpid())
        return window.close(_insert_for(connection, seconds))


def _insert_for(connection: Connection, seconds: float) -> int:
    end = time.perf_counter() + seconds
    count = 0
    while time.perf_counter() < end:
        insert(connection, "a message of some words")
        connection.commit()
        count += 1
    return count


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]))))
