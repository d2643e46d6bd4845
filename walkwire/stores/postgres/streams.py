"""Streams: how a commit appends to streams inside PostgreSQL, and what it says of their places.

`walkwire_append` (`functions`) numbers the entries while it holds the row of their stream, to the end of the transaction: numbers
of a sequence would become visible in another order than that of the commits. It is the last thing that a commit does, and takes
the rows in the order of their topics: a commit that waits for one has all other locks that it needs.
"""

from __future__ import annotations

from collections.abc import Sequence

from walkwire.store import StreamEntry, StreamPlace
from walkwire.stores.postgres.driver.pool import Raw
from walkwire.stores.postgres.driver.prepared import Value, blobs, numbers, texts
from walkwire.stores.postgres.statements import PostgresStatement, among
from walkwire.stores.sql.streams import by_topic, give_places, places_in, tails

ARGUMENTS = 5  # of walkwire_append
AS_TEXT = (4,)  # those that are not in PostgreSQL's binary format

_TAILS = PostgresStatement(tails(among))


def append_values(entries: Sequence[StreamEntry]) -> list[Value]:
    """Return the arguments of `walkwire_append`, in its order."""
    some = by_topic(entries)
    kept = [those[-1].bound for _, those in some]
    return [
        texts(topic for topic, _ in some),
        numbers(len(those) for _, those in some),
        numbers(bound.most for bound in kept),
        ("{" + ",".join(repr(float(bound.seconds)) for bound in kept) + "}").encode(),
        blobs(entry.message for _, those in some for entry in those),
    ]


def take_places(entries: Sequence[StreamEntry], places: Sequence[tuple[str, int]]) -> None:
    """Set the places of the entries, as `walkwire_append` has returned those of their streams."""
    for (_, those), (epoch, tail) in zip(by_topic(entries), places, strict=True):
        give_places(those, epoch, tail)


def newest_places(connection: Raw, topics: Sequence[str]) -> dict[str, StreamPlace]:
    """Return the newest place of each of these streams that exists, in one statement."""
    return places_in(_TAILS.run(connection, ids=topics))
