"""Opening: opens WebSockets concurrently, and hands over each of them after the server has greeted it."""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import Callable, Sequence
from itertools import cycle
from typing import Any

from websockets.utils import accept_key

from walkwire.errors import StartError
from walkwire.load import frame
from walkwire.load.address import Address

CONNECTING = 64  # connections under way at a time

Made = Callable[[asyncio.Transport], asyncio.Protocol]
OnGreeting = Callable[[bytes], object]


async def connect(
    addresses: Sequence[Address],
    channel_ids: Sequence[str],
    made: Made,
    on_greeting: OnGreeting = lambda greeting: None,
) -> list[asyncio.Transport]:
    """Open a connection for each of the channels, at the addresses in turn.

    `made` returns the protocol that receives the messages of a connection from then on. `on_greeting` is called with each message
    by which the server greets. Raises StartError if a connection cannot be opened.
    """
    limit = asyncio.Semaphore(CONNECTING)

    async def one(address: Address, channel_id: str) -> asyncio.Transport:
        async with limit:
            return await _connect(address, channel_id, made, on_greeting)

    opening = [
        asyncio.ensure_future(one(address, channel_id))
        for address, channel_id in zip(cycle(addresses), channel_ids, strict=False)
    ]
    try:
        return list(await asyncio.gather(*opening))
    except BaseException:
        for task in opening:
            task.cancel()
        for opened in await asyncio.gather(*opening, return_exceptions=True):
            if not isinstance(opened, BaseException):
                opened.abort()
        raise


async def _connect(
    address: Address, channel_id: str, made: Made, on_greeting: OnGreeting
) -> asyncio.Transport:
    loop = asyncio.get_running_loop()
    try:
        transport, opening = await loop.create_connection(
            lambda: _Opening(address, channel_id, on_greeting),
            address.host,
            address.port,
            ssl=True if address.is_secure else None,
            local_addr=None if address.source is None else (address.source, 0),
        )
    except OSError as error:
        reason = error.strerror or str(error)
        raise StartError(f"{address.host}:{address.port} cannot be reached: {reason}") from None
    try:
        await opening.greeting
    except BaseException:
        transport.abort()
        raise
    hearer = made(transport)
    transport.set_protocol(hearer)
    hearer.connection_made(transport)
    if opening.surplus:
        hearer.data_received(opening.surplus)
    if transport.is_closing():  # while nobody heard it yet
        hearer.connection_lost(None)
    return transport


class _Opening(asyncio.Protocol):
    """The handshake. `surplus` are bytes that arrived after the greeting, before the connection was handed over."""

    def __init__(self, address: Address, channel_id: str, on_greeting: OnGreeting) -> None:
        self._on_greeting = on_greeting
        self.greeting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.surplus = b""
        self._key = base64.b64encode(os.urandom(16)).decode()
        self._request = address.request(channel_id, self._key)
        self._says = address.first_words(channel_id)
        self._missing = address.greeted
        self._is_upgraded = False
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self.surplus += data
        if not self._is_upgraded:
            self._shake_hands()
        if self._is_upgraded and not self.greeting.done():
            self._hear()

    def connection_lost(self, error: Exception | None) -> None:
        self._fail("The server closed a connection before it said anything")

    def _fail(self, why: str) -> None:
        if not self.greeting.done():
            self.greeting.set_exception(StartError(why))

    def _shake_hands(self) -> None:
        head, end, rest = self.surplus.partition(b"\r\n\r\n")
        if not end:
            return
        expected = f"\r\nsec-websocket-accept: {accept_key(self._key).lower()}".encode()
        if head.startswith(b"HTTP/1.1 101 ") and expected in head.lower():
            self._is_upgraded = True
            self.surplus = rest
            for said in self._says:
                self._transport.write(frame.text(said))
        else:
            status = head.partition(b"\r\n")[0].decode("latin-1")
            self._fail(f"The server opened no WebSocket: {status}")

    def _hear(self) -> None:
        place = 0
        while self._missing and (found := frame.measure(self.surplus, place)) is not None:
            opcode = self.surplus[place] & 0x0F
            if opcode == frame.CLOSE:
                said = self.surplus[found[0] + 2 : found[1]].decode(errors="replace")
                self._fail(f"The server closed a connection: {said}")
                return
            if opcode == frame.TEXT:
                self._missing -= 1
                self._on_greeting(self.surplus[found[0] : found[1]])
            place = found[1]
        self.surplus = self.surplus[place:]
        if not self._missing and not self.greeting.done():
            self.greeting.set_result(None)
