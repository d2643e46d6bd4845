"""Peer: one connection of the load. Counts the messages that it receives, and answers pings."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from walkwire.load import frame
from walkwire.load.tally import Received


class Peer(asyncio.Protocol):
    """Receives the messages of one connection.

    - mark: a message of the load begins with this, followed by its number and a comma
    - hear: called with the peer, the number, and the time of arrival in seconds (`time.perf_counter`)
    - say_wrong: called with a sentence for an error message of the server, or a closed connection
    - messages: number of messages received, of any kind
    """

    def __init__(
        self, mark: bytes, hear: Callable[[Peer, int, float], None], say_wrong: Callable[[str], None]
    ) -> None:
        self.received = Received()
        self.messages = 0
        self.is_closed = False
        self._mark = mark
        self._hear = hear
        self._say_wrong = say_wrong
        self._rest = b""
        self._transport: Any = None

    def write(self, data: bytes) -> None:
        """Send frames."""
        self._transport.write(data)

    def leave(self) -> None:
        """Abort the connection. Nothing is counted afterwards."""
        self.is_closed = True
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio: the connection is open."""
        self._transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        """Called by asyncio: the connection is closed."""
        if not self.is_closed:
            self.is_closed = True
            self._say_wrong("a connection was closed by the server")

    def data_received(self, data: bytes) -> None:
        """Called by asyncio: parse the frames in `data`, which may begin and end within a frame."""
        data = self._rest + data if self._rest else data
        now = time.perf_counter()
        place = 0
        while (found := frame.measure(data, place)) is not None:
            start, end = found
            self._take(data[place] & 0x0F, data[start:end], now)
            place = end
        self._rest = data[place:]

    def _take(self, opcode: int, payload: bytes, now: float) -> None:
        if opcode == frame.TEXT:
            self.messages += 1
            if payload.startswith(self._mark):
                head = len(self._mark)
                self._hear(self, int(payload[head : payload.index(b",", head)]), now)
            elif b'"error"' in payload[:200]:
                self._say_wrong(payload.decode(errors="replace")[:200])
        elif opcode == frame.PING:
            self.write(frame.pong(payload))
        elif opcode == frame.CLOSE and not self.is_closed:
            self.is_closed = True
            code = int.from_bytes(payload[:2], "big") if payload else 1005
            reason = payload[2:].decode(errors="replace")
            self._say_wrong(f"a connection was closed by the server: {code} {reason}")
