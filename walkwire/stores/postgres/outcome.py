"""Outcome: whether a transaction was committed whose connection broke before the answer came.

Each connection has a row in `walkwire_sessions`. A transaction writes its tag there, and commits the tag with its changes. To ask
for the outcome is to fence the row first: the question waits until a transaction that has written its tag is over, and one that
has not will find the row fenced and be undone. So the answer is final, also after a crash of the database.
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
# No question is asked so late; a connection that is older gets another row.
_FORGET = Prepared("DELETE FROM walkwire_sessions WHERE made < now() - interval '1 day'", [])


class CommitTag:
    """The name of one transaction: a connection's row, and the tag that the transaction writes there."""

    def __init__(self, connection: Raw) -> None:
        """Raises Away if the connection breaks. To be called outside of a transaction."""
        if connection.session is None:
            session = secrets.token_hex(16)
            _NEW.run(connection, [session.encode()])
            connection.session = session
        connection.tag += 1
        self.session, self.number = connection.session, connection.tag

    def write(self, connection: Raw) -> None:
        """Write the tag, in the transaction. Raises Away if the row was fenced or forgotten."""
        if not _MARK.run(connection, [self.session.encode(), str(self.number).encode()]):
            connection.session = None
            raise Away

    def was_committed(self, connection: Raw) -> bool:
        """Return whether the transaction was committed, asked on another connection. Waits while the transaction is under way."""
        return _FENCE.run(connection, [self.session.encode()]) == [(self.number,)]


def forget(connection: Raw) -> None:
    """Delete the rows of connections of long ago."""
    _FORGET.run(connection, [])
