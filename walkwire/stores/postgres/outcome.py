"""Outcome: whether a transaction was committed whose connection broke before the answer came.

Each connection has a row in `walkwire_sessions`. A transaction writes its tag there and commits it with its changes. To find out
the outcome, another connection fences the row first. That waits until a transaction that has written its tag is over; one that
has not finds the row fenced and is rolled back. So the answer is final, even after a crash of the database.
"""

from __future__ import annotations

import secrets

from walkwire.stores.postgres.driver.pool import Away, Raw
from walkwire.stores.postgres.driver.prepared import Prepared

_NEW = Prepared("INSERT INTO walkwire_sessions (id, tag, is_fenced) VALUES ($1, 0, false)", [False])
_MARK = Prepared(
    "UPDATE walkwire_sessions SET tag = $2 WHERE id = $1 AND NOT is_fenced RETURNING tag", [False, False]
)
_FENCE = Prepared("UPDATE walkwire_sessions SET is_fenced = true WHERE id = $1 RETURNING tag", [False])
# No outcome is asked for so late. An older connection gets a new row.
_FORGET = Prepared("DELETE FROM walkwire_sessions WHERE made < now() - interval '1 day'", [])


class CommitTag:
    """The identity of one transaction: a connection's row (`session`), and the `number` that the transaction writes there."""

    def __init__(self, connection: Raw) -> None:
        """Make the tag of the next transaction. Call it outside of a transaction. Raises Away if the connection breaks."""
        if connection.session is None:
            session = secrets.token_hex(16)
            _NEW.run(connection, [session.encode()])
            connection.session = session
        connection.tag += 1
        self.session, self.number = connection.session, connection.tag

    def write(self, connection: Raw) -> None:
        """Write the tag, inside the transaction. Raises Away if the row was fenced or deleted."""
        if not _MARK.run(connection, [self.session.encode(), str(self.number).encode()]):
            connection.session = None
            raise Away

    def was_committed(self, connection: Raw) -> bool:
        """Return whether the transaction was committed. Call it on another connection; it waits until the transaction is over."""
        return _FENCE.run(connection, [self.session.encode()]) == [(self.number,)]


def forget(connection: Raw) -> None:
    """Delete the rows of connections that are older than a day."""
    _FORGET.run(connection, [])
