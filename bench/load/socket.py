"""Socket: opens WebSockets, many at a time, and hands each over once the server has greeted it."""

from __future__ import annotations

import asyncio
import socket as sockets
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

from bench.load import frame

CONNECTING = 64  # connections under way at a time

_REQUEST = (
    "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
_AT_ONCE = struct.pack("ii", 1, 0)


@dataclass(frozen=True)
class Door:
    """Where to connect, what to say after the handshake, and how many messages come before one is in.

    `pings`: a message by which the server asks whether one is there, and the answer; "" where it sends pings of RFC 6455.
    """

    port: int
    path: str = "/"
    says: Sequence[str] = ()
    greeted: int = 1
    pings: Sequence[str] = ("", "")


Made = Callable[[asyncio.Transport], asyncio.Protocol]


async def connect(door: Door, count: int, made: Made) -> list[asyncio.Transport]:
    """Open `count` sockets. `made` gives each the protocol that hears it from then on."""
    limit = asyncio.Semaphore(CONNECTING)

    async def one() -> asyncio.Transport:
        async with limit:
            return await _connect(door, made)

    return list(await asyncio.gather(*(one() for _ in range(count))))


def abort(transports: Sequence[asyncio.Transport]) -> None:
    """Let go at once, with no port left in TIME_WAIT."""
    for transport in transports:
        own = transport.get_extra_info("socket")
        if own is not None and not transport.is_closing():
            own.setsockopt(sockets.SOL_SOCKET, sockets.SO_LINGER, _AT_ONCE)
        transport.abort()


async def _connect(door: Door, made: Made) -> asyncio.Transport:
    loop = asyncio.get_running_loop()
    greeting: asyncio.Future[None] = loop.create_future()
    transport, opening = await loop.create_connection(
        lambda: _Opening(door, greeting), "127.0.0.1", door.port
    )
    await greeting
    hearer = made(transport)
    transport.set_protocol(hearer)
    hearer.connection_made(transport)
    if opening.surplus:
        hearer.data_received(opening.surplus)
    return transport


class _Opening(asyncio.Protocol):
    """The handshake. What comes after the greeting, before its end is noticed, is `surplus`."""

    def __init__(self, door: Door, greeting: asyncio.Future[None]) -> None:
        self.surplus = b""
        self._door = door
        self._greeting = greeting
        self._head = b""
        self._reader: frame.Reader | None = None
        self._missing = door.greeted

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(_REQUEST.format(path=self._door.path, port=self._door.port).encode())

    def data_received(self, data: bytes) -> None:
        if self._greeting.done():
            self.surplus += data
        elif self._reader is None:
            self._shake_hands(data)
        else:
            self._hear(self._reader, data)

    def connection_lost(self, error: Exception | None) -> None:
        if not self._greeting.done():
            self._greeting.set_exception(ConnectionError(f"Closed in the handshake: {self._head[:200]!r}"))

    def _shake_hands(self, data: bytes) -> None:
        self._head += data
        head, end, rest = self._head.partition(b"\r\n\r\n")
        if not end:
            return
        if not head.startswith(b"HTTP/1.1 101"):
            self._greeting.set_exception(ConnectionError(f"No handshake: {head[:200]!r}"))
            return
        for said in self._door.says:
            self._transport.write(frame.text(said))
        self._reader = frame.Reader()
        self._hear(self._reader, rest)

    def _hear(self, reader: frame.Reader, data: bytes) -> None:
        self._missing -= reader.take(data)
        if self._missing <= 0:
            self._greeting.set_result(None)
