"""Deadlines: limits on the size and arrival time of request heads, and on stalls in request bodies."""

from __future__ import annotations

import asyncio
from typing import Protocol

LIMIT = 64 * 1024  # bytes of a request head
SECONDS = 30.0  # for a head, or for the next piece of a body


class Expiring(Protocol):
    """A connection with a deadline."""

    def expire(self) -> None:
        """Close the connection, unless its request has arrived meanwhile."""


class Deadlines:
    """The deadlines of all connections, with one timer. Each expires after `seconds` at least, and twice that at most."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self._seconds = seconds
        self._new: set[Expiring] = set()
        self._old: set[Expiring] = set()
        self._is_timed = False

    def start(self, connection: Expiring) -> None:
        """Start the deadline of a connection, unless it runs already."""
        if connection not in self._old:
            self._new.add(connection)
        if not self._is_timed:
            self._begin()

    def cancel(self, connection: Expiring) -> None:
        """Cancel the deadline: the request has arrived, or the connection is closed."""
        self._new.discard(connection)
        self._old.discard(connection)

    def _begin(self) -> None:
        self._is_timed = True
        asyncio.get_running_loop().call_later(self._seconds, self._turn)

    def _turn(self) -> None:
        late, self._old, self._new = self._old, self._new, set()
        self._is_timed = False
        if self._old:
            self._begin()
        for connection in late:
            connection.expire()
