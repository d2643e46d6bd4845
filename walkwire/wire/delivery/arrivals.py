"""Arrivals: who was sent into a channel on another server a moment ago.

That server subscribes the channel's topic when it reads so. What is told in the channel until then goes to the server's own
topic, too.
"""

from __future__ import annotations

import time
from collections.abc import Callable

SECONDS = 5.0  # for a server to subscribe


class Arrivals:
    """Servers by channel, each for `SECONDS`."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._ends: dict[tuple[str, str], float] = {}  # by channel and server, in the order of their ends
        self._servers: dict[str, set[str]] = {}

    def add(self, channel_id: str, server: str) -> None:
        """A client of `server` was sent into the channel."""
        self._ends.pop((channel_id, server), None)
        self._ends[channel_id, server] = self._clock() + SECONDS
        self._servers.setdefault(channel_id, set()).add(server)

    def servers(self, channel_id: str) -> tuple[str, ...]:
        """To whom else a letter about the channel has to go."""
        if not self._ends:
            return ()
        self._forget()
        return tuple(self._servers.get(channel_id, ()))

    def _forget(self) -> None:
        now = self._clock()
        while self._ends:
            (channel_id, server), end = next(iter(self._ends.items()))
            if end > now:
                return
            del self._ends[channel_id, server]
            self._servers[channel_id].discard(server)
            if not self._servers[channel_id]:
                del self._servers[channel_id]
