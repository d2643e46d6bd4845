"""Arrivals: servers whose clients were sent into a channel a moment ago.

Such a server subscribes the channel's topic when it receives the request. Messages to the channel that are published before that
go to the server's own topic as well.
"""

from __future__ import annotations

import time
from collections.abc import Callable

SECONDS = 5.0  # for a server to subscribe


class Arrivals:
    """Pending servers of each channel. Each is remembered for `SECONDS` after its last arrival.

    - clock: returns seconds, monotonic
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._ends: dict[tuple[str, str], float] = {}  # by channel and server, ordered by time
        self._servers: dict[str, set[str]] = {}

    def add(self, channel_id: str, server: str) -> None:
        """Remember that a client of `server` was sent into the channel."""
        self._ends.pop((channel_id, server), None)
        self._ends[channel_id, server] = self._clock() + SECONDS
        self._servers.setdefault(channel_id, set()).add(server)

    def servers(self, channel_id: str) -> tuple[str, ...]:
        """Return the servers that may not have subscribed the channel's topic yet."""
        if not self._ends:
            return ()
        self._expire()
        return tuple(self._servers.get(channel_id, ()))

    def _expire(self) -> None:
        now = self._clock()
        while self._ends:
            (channel_id, server), end = next(iter(self._ends.items()))
            if end > now:
                return
            del self._ends[channel_id, server]
            self._servers[channel_id].discard(server)
            if not self._servers[channel_id]:
                del self._servers[channel_id]
