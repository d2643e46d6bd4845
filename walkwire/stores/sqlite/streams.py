"""Streams: appends to streams and reads their newest places, in SQLite. Each runs inside the caller's transaction.

Only one transaction writes at a time, so numbers are given in the order of the commits.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from sqlite3 import Connection as Driver
from typing import Any

from sqlalchemy import bindparam, insert, select, update

from walkwire.store import StreamEntry, StreamPlace, new_epoch
from walkwire.stores.sql.schema import streams
from walkwire.stores.sql.streams import STEPS, by_topic, give_places, lasting, places_in, tails
from walkwire.stores.sqlite.statements import SqliteStatement, among, rows_by_id

_FOUND = SqliteStatement(
    select(streams.c.id, streams.c.epoch, streams.c.tail, streams.c.due).where(
        streams.c.topic == bindparam("at")
    )
)
_BEGUN = SqliteStatement(
    insert(streams).values(
        {name: bindparam(name) for name in ("topic", "epoch", "tail", "most", "seconds", "due")}
    )
)
_KEEP: dict[str, Any] = {name: bindparam(f"now_{name}") for name in ("tail", "most", "seconds")}
_MOVED = SqliteStatement(update(streams).where(streams.c.id == bindparam("at")).values(_KEEP))
_MOVED_AND_DUE = SqliteStatement(
    update(streams).where(streams.c.id == bindparam("at")).values({**_KEEP, "due": bindparam("now_due")})
)
_ENTRY = "INSERT INTO stream_entries (stream, place, made, message) VALUES (?, ?, ?, ?)"
_TAILS = SqliteStatement(tails(among))


def append(driver: Driver, entries: Sequence[StreamEntry]) -> None:
    """Append entries to their streams, and set their places."""
    if not entries:
        return
    now = time.time()
    for topic, some in by_topic(entries):
        most, seconds = some[-1].bound
        row = _FOUND.run(driver, {"at": topic}).fetchone()
        if row is None:
            epoch, tail = new_epoch(), len(some)
            given = {"topic": topic, "epoch": epoch, "tail": tail, "most": most, "seconds": seconds}
            stream = _BEGUN.run(driver, {**given, "due": now + lasting(seconds)}).lastrowid
        else:
            stream, epoch, before, due = row
            tail = before + len(some)
            step = max(1, most // STEPS)
            is_long = tail > most and tail // step != before // step
            next_due = min(due, now if is_long else now + lasting(seconds))
            moved = {"at": stream, "now_tail": tail, "now_most": most, "now_seconds": seconds}
            if next_due == due:
                _MOVED.run(driver, moved)  # without the column, its index is not touched
            else:
                _MOVED_AND_DUE.run(driver, {**moved, "now_due": next_due})
        give_places(some, epoch, tail)
        first = tail - len(some) + 1
        driver.executemany(
            _ENTRY, [(stream, offset, now, entry.message) for offset, entry in enumerate(some, first)]
        )


def newest_places(driver: Driver, topics: Iterable[str]) -> dict[str, StreamPlace]:
    """Return the newest place of each of these streams that exists: one statement for each 512."""
    return places_in(rows_by_id(driver, _TAILS, topics))
