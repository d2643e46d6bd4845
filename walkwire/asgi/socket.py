"""Socket: a WebSocket of an ASGI server, as the transport of a connection."""

from __future__ import annotations

import asyncio
from asyncio import Task
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

from walkwire.ending import end_tasks
from walkwire.ids import PUBLIC_ROOT
from walkwire.server.browser.upgrade import VERSION_2, Upgrades
from walkwire.wire.connection import Connection
from walkwire.wire.door import Door
from walkwire.wire.message import close, frame
from walkwire.wire.sessions.connection import SessionConnection

FULL = 256 * 1024  # bytes that wait for the server, beyond which the client lags
GOODBYE_SECONDS = 5.0  # for what waits to be sent before a close frame

Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


async def serve_socket(
    door: Door, upgrades: Upgrades, scope: Mapping[str, Any], receive: Receive, send: Send
) -> None:
    """Serve a scope of the type `websocket` until it ends.

    What the request shows counts as at walkwire's own port. The pings, the compression and the limits of requests are those of
    the ASGI server.
    """
    if (await receive())["type"] != "websocket.connect":
        return
    headers = _headers(scope)
    peer = scope["client"][0] if scope.get("client") else None
    address = door.address_of(peer, _text(headers, b"x-forwarded-for")) if door.counts_addresses else ""
    is_welcome = door.connections.arrive(address)
    try:
        if (error := upgrades.turn_away(headers, lambda: peer)) is not None:
            door.on_refusal(error)
        shown = upgrades.read(headers, b"?" + scope["query_string"])
        is_full = shown.token is None and door.connections.refusal(PUBLIC_ROOT) is not None
        if error is not None or is_full or not is_welcome or door.connections.is_leaving:
            await send({"type": "websocket.close"})  # before it is accepted: the request is answered with 403
            return
        await send({"type": "websocket.accept", "subprotocol": shown.protocol})
        refusal = shown.refusal or door.connections.closing
        if not door.allows_origin(_text(headers, b"origin"), _text(headers, b"host")):
            refusal = close.REFUSED
        if refusal is not None:
            await send({"type": "websocket.close", "code": refusal.code, "reason": refusal.text()})
            return
        socket = _Socket(door, receive, send)
        if shown.protocol == VERSION_2:
            connection: Connection = SessionConnection(door, socket, address, shown.notice)
        else:
            connection = Connection(
                door, socket, shown.channel_id, address, shown.channel_token, shown.notice
            )
        await socket.run(connection, shown.token)
    finally:
        door.connections.depart(address)


class _Socket:
    """The `Transport` of one client. Frames wait here for a task that sends them."""

    def __init__(self, door: Door, receive: Receive, send: Send) -> None:
        self._door = door
        self._receive = receive
        self._send = send
        self._connection: Connection
        self._frames: deque[bytes] = deque()
        self._size = 0
        self._news = asyncio.Event()
        self._may_read = asyncio.Event()
        self._may_read.set()
        self._goodbye: tuple[int, str] | None = None
        self._has_spoken = False
        self._reading: Task[None]
        self._writing: Task[None]

    async def run(self, connection: Connection, token: str | None) -> None:
        """Carry messages in both directions until one side ends."""
        self._connection = connection
        loop = asyncio.get_running_loop()
        self._reading, self._writing = loop.create_task(self._read()), loop.create_task(self._write_all())
        self._door.silent.start(self)
        connection.open(token)
        try:
            await asyncio.wait((self._reading, self._writing), return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._door.silent.cancel(self)
            connection.gone()
            await end_tasks(self._reading, self._writing)

    # Called by the wire

    @property
    def write(self) -> Callable[[bytes], object]:
        """Return the function that takes frames."""
        return self._write

    def unsent(self) -> int:
        """Return the number of bytes that wait for the server."""
        return self._size

    def close(self, code: int, reason: str) -> None:
        """Send a close frame after what waits."""
        if self._goodbye is None:
            self._goodbye = code, reason
            self._news.set()
            asyncio.get_running_loop().call_later(GOODBYE_SECONDS, self.abort)

    def abort(self) -> None:
        """Disconnect at once: the ASGI server closes what its application has left."""
        self._writing.cancel()

    def pause(self) -> None:
        """Stop reading."""
        self._may_read.clear()

    def resume(self) -> None:
        """Read again."""
        self._may_read.set()

    # Called by limits

    def expire_message(self) -> None:
        """Do nothing: the ASGI server has the limits of messages that do not arrive."""

    def expire_first(self) -> None:
        """Close with 4129, unless the client has sent an event or signed in."""
        if not self._has_spoken and not self._connection.client.is_authenticated:
            self._door.connections.refuse("silent")
            self._connection.close(close.NOTHING_SENT)

    def _write(self, data: bytes) -> None:
        for payload in frame.payloads(data):
            self._frames.append(payload)
            self._size += len(payload)
        if self._size > FULL:
            self._connection.lag()
        self._news.set()

    async def _write_all(self) -> None:
        while True:
            while self._frames:
                payload = self._frames.popleft()
                with suppress(UnicodeDecodeError):  # all frames of the wire are text
                    await self._send({"type": "websocket.send", "text": payload.decode()})
                is_full = self._size > FULL
                self._size -= len(payload)
                if is_full and self._size <= FULL:
                    self._connection.catch_up()
            if self._goodbye is not None:
                code, reason = self._goodbye
                await self._send({"type": "websocket.close", "code": code, "reason": reason})
                return
            self._news.clear()
            await self._news.wait()

    async def _read(self) -> None:
        while (message := await self._receive())["type"] == "websocket.receive":
            text = message.get("text")
            payload = message.get("bytes") or b"" if text is None else text.encode("utf-8", "surrogatepass")
            self._has_spoken = True
            await self._may_read.wait()
            if len(payload) > self._connection.frame_limit:
                self._connection.close(close.TOO_BIG)
            else:
                self._connection.hear(payload)


def _headers(scope: Mapping[str, Any]) -> dict[bytes, bytes]:
    """Return the headers by name in lower case; those that come several times are joined, as RFC 9110 (5.3) says."""
    headers: dict[bytes, bytes] = {}
    for given, value in scope["headers"]:
        name = given.lower()
        headers[name] = headers[name] + b"," + value if name in headers else value
    return headers


def _text(headers: Mapping[bytes, bytes], name: bytes) -> str | None:
    value = headers.get(name)
    return None if value is None else value.decode("latin-1")
