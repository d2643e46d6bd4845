"""Deadlines: time limits for many connections, with one timer for all of them. An idle connection has none."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Deadlines(Generic[T]):
    """The deadlines of all connections, with one timer. Each expires after `seconds` at least, and twice that at most.

    - seconds: 0: there is no limit, and nothing ever expires
    - expire: called with each connection whose deadline has passed
    """

    def __init__(self, seconds: float, expire: Callable[[T], None]) -> None:
        self._seconds = seconds
        self._expire = expire
        self._new: set[T] = set()
        self._old: set[T] = set()
        self._is_timed = False

    def start(self, connection: T) -> None:
        """Start the deadline of a connection, unless it runs already."""
        if not self._seconds:
            return
        if connection not in self._old:
            self._new.add(connection)
        if not self._is_timed:
            self._begin()

    def restart(self, connection: T) -> None:
        """Start the deadline of a connection again, from now."""
        self._old.discard(connection)
        self.start(connection)

    def cancel(self, connection: T) -> None:
        """Cancel the deadline: what was waited for is here, or the connection is closed."""
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
            self._expire(connection)
