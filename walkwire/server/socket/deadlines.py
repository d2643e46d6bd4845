"""Heads: connections whose request is not all here. A head has an end: in bytes, and in time; of a body something has to come."""

from __future__ import annotations

import asyncio
from typing import Protocol

LIMIT = 64 * 1024  # bytes
SECONDS = 30.0


class Unheard(Protocol):
    """A connection that is waited for."""

    def give_up(self) -> None:
        """It did not come in time. Called of those too that are not waited for any more."""


class Heads:
    """Who is waited for: each for `seconds` at least, and twice that at most, so that there is one timer for all."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self._seconds = seconds
        self._new: set[Unheard] = set()
        self._old: set[Unheard] = set()
        self._is_timed = False

    def wait_for(self, connection: Unheard) -> None:
        """Give it up when it is still here after that time. Said again, the first time counts."""
        if connection not in self._old:
            self._new.add(connection)
        if not self._is_timed:
            self._begin()

    def forget(self, connection: Unheard) -> None:
        """It has come, or gone."""
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
            connection.give_up()
