"""Streams: statements on streams and their entries, in SQL that all engines share. All run inside the caller's transaction.

The entries of a stream are numbered without gaps, so every page is a range of the primary key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby, takewhile
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, select, text, update

from walkwire.store import QUIET_SECONDS, StreamBound, StreamEntry, StreamPage, StreamPlace, new_epoch
from walkwire.stores.sql.schema import stream_entries, streams
from walkwire.stores.sql.tasks import now as clock

TRIMMED = 1000  # entries that are removed at once
STEPS = 8  # a stream is looked at for each eighth of what it keeps that was appended
SLACK, MOST_SLACK = 1 / 16, 3600.0  # of its seconds, and in seconds: entries may be kept for so much longer

# SQLAlchemy has ON CONFLICT for each engine apart only.
_BEGIN = text(
    "INSERT INTO streams (topic, epoch, tail, most, seconds, due) VALUES (:topic, :epoch, 0, :most, :seconds, :due)"
    " ON CONFLICT DO NOTHING"
)
_PAGE = """
WITH it AS (SELECT id, epoch, tail, seconds FROM streams WHERE topic = :topic)
SELECT it.epoch, it.tail, it.seconds, found.made, found.place, found.message FROM it LEFT JOIN (
  SELECT made, place, message, sum(length(message)) OVER (ORDER BY place {order}) - length(message) AS before
  FROM it JOIN stream_entries ON stream = it.id AND place > {low} AND place <= {high}
) AS found ON found.before < :size
ORDER BY found.place
"""
_AFTER = text(_PAGE.format(order="ASC", low=":at", high=":at + :limit"))
_UPTO = text(_PAGE.format(order="DESC", low=":at - :limit", high=":at"))
_LAST = text(_PAGE.format(order="DESC", low="it.tail - :limit", high="it.tail"))


def by_topic(entries: Sequence[StreamEntry]) -> list[tuple[str, Sequence[StreamEntry]]]:
    """Return the entries of each stream, in their order. Streams come in the order in which every commit locks them."""
    if len(entries) == 1:
        return [(entries[0].topic, entries)]
    ordered = sorted(entries, key=_topic)  # stable
    return [(topic, list(some)) for topic, some in groupby(ordered, key=_topic)]


def give_places(entries: Sequence[StreamEntry], epoch: str, tail: int) -> None:
    """Set the places of entries of one stream, of which the last has the number `tail`."""
    for offset, entry in enumerate(entries, tail - len(entries) + 1):
        entry.place = StreamPlace(epoch, offset)


def lasting(seconds: float) -> float:
    """Return how long after an entry was written to look for entries to remove."""
    return seconds + min(seconds * SLACK, MOST_SLACK)


def find(connection: Connection, topic: str, limit: int) -> dict[str, StreamPlace]:
    """Return the newest places of streams whose topic contains a text, by topic."""
    statement = select(streams.c.topic, streams.c.epoch, streams.c.tail).order_by(streams.c.topic)
    found = connection.execute(statement.where(streams.c.topic.contains(topic, autoescape=True)).limit(limit))
    return {row.topic: StreamPlace(row.epoch, row.tail) for row in found}


def tails(among: Callable[[Any, str], ColumnElement[bool]]) -> Any:
    """Return the statement for topic, epoch and tail of the streams with the topics `ids`."""
    return select(streams.c.topic, streams.c.epoch, streams.c.tail).where(among(streams.c.topic, "ids"))


def places_in(rows: Iterable[Any]) -> dict[str, StreamPlace]:
    """Return what the rows of `tails` say, by topic."""
    return {topic: StreamPlace(epoch, tail) for topic, epoch, tail in rows}


def begin(connection: Connection, topics: Mapping[str, StreamBound]) -> None:
    """Insert those of the streams that do not exist."""
    due = clock(connection) + QUIET_SECONDS
    rows = [
        {"topic": topic, "epoch": new_epoch(), "most": keep.most, "seconds": keep.seconds, "due": due}
        for topic, keep in sorted(topics.items())
    ]
    connection.execute(_BEGIN, rows)


def read(
    connection: Connection,
    topic: str,
    limit: int,
    size: int,
    after: StreamPlace | None,
    upto: StreamPlace | None,
) -> StreamPage | None:
    """Return a page, in one statement; see `StreamStore.read_stream`."""
    given: dict[str, Any] = {"topic": topic, "size": size}
    if after is not None:
        rows = connection.execute(_AFTER, given | {"at": after.offset, "limit": limit}).all()
    elif upto is not None:
        rows = connection.execute(_UPTO, given | {"at": upto.offset, "limit": limit + 1}).all()
    else:
        rows = connection.execute(_LAST, given | {"limit": limit + 1}).all()
    if not rows:
        return None
    tail = StreamPlace(*rows[0][:2])
    place = after or upto
    if place is not None and (place.epoch != tail.epoch or not 0 <= place.offset <= tail.offset):
        return StreamPage(tail, [], has_gap=True)
    entries = _young(connection, rows)
    if after is None:
        is_full = sum(len(message) for _, message in entries) >= size
        has_more = len(entries) > limit or (is_full and entries[0][0] > 1)
        return StreamPage(tail, entries[-limit:], has_more=has_more)
    first, last = (entries[0][0], entries[-1][0]) if entries else (tail.offset + 1, tail.offset)
    return StreamPage(tail, entries, first != after.offset + 1, last < tail.offset)


def trim(connection: Connection, now: float) -> bool:
    """Remove entries of the stream that has been due the longest; see `StreamStore.trim_stream`."""
    found = select(streams.c.id, streams.c.tail, streams.c.most, streams.c.seconds)
    found = found.where(streams.c.due <= now).order_by(streams.c.due).limit(1)
    row = connection.execute(found.with_for_update(skip_locked=True)).first()
    if row is None:
        return False
    stream, tail, most, seconds = row
    of_stream = stream_entries.c.stream == stream
    oldest = select(stream_entries.c.place, stream_entries.c.made).where(of_stream)
    entries = connection.execute(oldest.order_by(stream_entries.c.place).limit(TRIMMED)).all()
    gone = list(takewhile(lambda entry: entry[0] <= tail - most or entry[1] <= now - seconds, entries))
    if gone:
        connection.execute(delete(stream_entries).where(of_stream, stream_entries.c.place <= gone[-1][0]))
    if not entries:
        connection.execute(delete(streams).where(streams.c.id == stream))
        return True
    if len(gone) == TRIMMED:
        due = now
    elif len(gone) < len(entries):
        due = entries[len(gone)][1] + lasting(seconds)
    else:
        due = now + QUIET_SECONDS
    connection.execute(update(streams).where(streams.c.id == stream).values(due=due))
    return True


def _young(connection: Connection, rows: Sequence[Any]) -> list[tuple[int, bytes]]:
    """Return the entries that are not too old: all behind the last one that is, so that none is missing between two."""
    if rows[0].place is None:
        return []
    oldest = clock(connection) - rows[0].seconds
    too_old = [number for number, row in enumerate(rows) if row.made <= oldest]
    return [(row.place, bytes(row.message)) for row in (rows[too_old[-1] + 1 :] if too_old else rows)]


def _topic(entry: StreamEntry) -> str:
    return entry.topic
