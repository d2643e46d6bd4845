"""Tickets: statements on used tickets. All run inside the caller's transaction."""

from __future__ import annotations

from sqlalchemy import Connection, delete, text

from walkwire.stores.sql.schema import used_tickets

# SQLAlchemy has ON CONFLICT for each engine apart only. A second server waits for the first one's commit here.
_USE = text("INSERT INTO used_tickets (id, expires) VALUES (:id, :expires) ON CONFLICT DO NOTHING")


def use(connection: Connection, id: str, expires: float) -> bool:
    """Insert a record. Returns False if there is one already: the primary key decides between two servers."""
    return connection.execute(_USE, {"id": id, "expires": expires}).rowcount == 1


def forget(connection: Connection, before: float) -> None:
    """Delete the records that expired before this Unix second."""
    connection.execute(delete(used_tickets).where(used_tickets.c.expires < before))
