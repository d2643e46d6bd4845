"""Peer: one connection of the load: it opens, hears, and answers pings. As much of RFC 6455 as a client that counts needs."""

from __future__ import annotations

import asyncio
import base64
import os
import time
from collections.abc import Callable
from typing import Any

from websockets.frames import Frame, Opcode
from websockets.utils import accept_key

from walkwire.errors import StartError
from walkwire.load.plan import Address
from walkwire.load.tally import Order

MARK = b'{"load":"'


def masked(opcode: Opcode, payload: bytes) -> bytes:
    """A frame of a client."""
    return Frame(opcode, payload).serialize(mask=True)


class Peer(asyncio.Protocol):
    """`hear` is called with the number of each message of this run, and the time; `say_wrong` with what else is of interest."""

    def __init__(
        self,
        run: str,
        request: Callable[[str], bytes],
        hear: Callable[[Peer, int, float], None],
        say_wrong: Callable[[str], None],
    ) -> None:
        self.order = Order()
        self.is_closed = False
        self.greeted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._start = MARK + run.encode() + b'","n":'
        self._key = base64.b64encode(os.urandom(16)).decode()
        self._request = request(self._key)
        self._hear = hear
        self._say_wrong = say_wrong
        self._rest = b""
        self._is_upgraded = False
        self._transport: Any = None

    def write(self, data: bytes) -> None:
        """Send frames."""
        self._transport.write(data)

    def leave(self) -> None:
        """Go; what comes from now on is not counted."""
        self.is_closed = True
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self.write(self._request)

    def connection_lost(self, error: Exception | None) -> None:
        if not self.greeted.done():
            self.greeted.set_exception(StartError("The server closed a connection before it said anything"))
        elif not self.is_closed:
            self.is_closed = True
            self._say_wrong("a connection was closed by the server")

    def data_received(self, data: bytes) -> None:
        data = self._rest + data if self._rest else data
        if not self._is_upgraded:
            data = self._shake_hands(data)
        if self._is_upgraded:
            data = self._take(data)
        self._rest = data

    def _shake_hands(self, data: bytes) -> bytes:
        head, end, rest = data.partition(b"\r\n\r\n")
        if not end:
            return data
        expected = f"\r\nsec-websocket-accept: {accept_key(self._key).lower()}".encode()
        if head.startswith(b"HTTP/1.1 101 ") and expected in head.lower():
            self._is_upgraded = True
            return rest
        status = head.partition(b"\r\n")[0].decode("latin-1")
        if not self.greeted.done():
            self.greeted.set_exception(StartError(f"The server opened no WebSocket: {status}"))
        self._transport.abort()
        return b""

    def _take(self, data: bytes) -> bytes:
        now = time.perf_counter()
        place = 0
        while (found := _measure(data, place)) is not None:
            start, end = found
            self._take_frame(data[place] & 0x0F, data[start:end], now)
            place = end
        return data[place:]

    def _take_frame(self, opcode: int, payload: bytes, now: float) -> None:
        if opcode == Opcode.TEXT:
            if payload.startswith(self._start):
                head = len(self._start)
                self._hear(self, int(payload[head : payload.index(b",", head)]), now)
            elif not self.greeted.done():
                self.greeted.set_result(None)
            elif b'"error"' in payload:
                self._say_wrong(payload.decode(errors="replace")[:200])
        elif opcode == Opcode.PING:
            self.write(masked(Opcode.PONG, payload))
        elif opcode == Opcode.CLOSE and not self.is_closed:
            self.is_closed = True
            code = int.from_bytes(payload[:2], "big") if payload else 1005
            self._say_wrong(
                f"a connection was closed by the server: {code} {payload[2:].decode(errors='replace')}"
            )


async def connect(address: Address, made: Callable[[], Peer]) -> Peer:
    """Open a connection and wait for its greeting. Raises StartError."""
    loop = asyncio.get_running_loop()
    try:
        _, peer = await loop.create_connection(
            made, address.host, address.port, ssl=True if address.is_secure else None
        )
    except OSError as error:
        reason = error.strerror or str(error)
        raise StartError(f"{address.host}:{address.port} cannot be reached: {reason}") from None
    await peer.greeted
    return peer


def _measure(data: bytes, place: int) -> tuple[int, int] | None:
    """Where the payload of a frame begins and ends; None where not all of it is here."""
    start = place + 2
    if len(data) < start:
        return None
    size = data[place + 1] & 0x7F
    if size > 125:
        width = 2 if size == 126 else 8
        start += width
        size = int.from_bytes(data[start - width : start], "big")
    end = start + size
    return (start, end) if end <= len(data) and start <= len(data) else None
