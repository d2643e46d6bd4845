"""Hearer: the client's end of a socket: reads what comes, answers pings."""

from __future__ import annotations

import asyncio
from typing import cast

from bench.load import frame


class Hearer(asyncio.Protocol):
    """What all of them have. A kind of hearer says what it does with what it hears: `data_received`."""

    __slots__ = ("_reader", "_transport")

    def __init__(self) -> None:
        self._reader = frame.Reader()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def read(self, data: bytes) -> int:
        """The number of messages that end in `data`. Pings are answered."""
        count = self._reader.take(data)
        if self._reader.answers:
            self._transport.write(self._reader.answers)
            self._reader.answers = b""
        return count
