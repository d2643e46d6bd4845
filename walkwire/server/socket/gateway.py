"""Gateway: decides what each new connection at the port is: a WebSocket or HTTP.

A plain upgrade request for the WebSocket's path is accepted here at once. Everything else is parsed by uvicorn. The subclass of
its HTTP protocol accepts all other upgrades for that path: behind other requests, in pieces, with extensions, or to be refused.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import parse_qsl

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from walkwire.server.socket import handshake
from walkwire.server.socket.deadlines import LIMIT, SECONDS, Deadlines
from walkwire.server.socket.deflate import offers
from walkwire.server.socket.framing import Framing
from walkwire.server.socket.stream import Stream
from walkwire.wire.connection import Connection
from walkwire.wire.door import Door
from walkwire.wire.message import close

QUERY_LIMIT = 1000  # parameters in the query of an upgrade request: to split more takes too long

_FIELDS = frozenset({b"connection", b"upgrade", b"origin"})


def gateway(door: Door, head_seconds: float = SECONDS) -> Any:
    """Return the protocol class for uvicorn: `Config(app, http=gateway(door), ws="websockets-sansio")`.

    - head_seconds: time for the head of a request to arrive, and for each piece of its body; at most twice that
    """
    deadlines = Deadlines(head_seconds)
    behind = type("Gateway", (_Gateway,), {"_door": door, "_deadlines": deadlines})
    return partial(_Threshold, door, deadlines, behind)


class _Threshold(asyncio.Protocol):
    """A connection that has sent nothing yet.

    - behind: makes uvicorn's HTTP protocol, from the arguments `rooms`
    """

    __slots__ = ("_behind", "_deadlines", "_door", "_rooms", "_transport")

    def __init__(
        self, door: Door, deadlines: Deadlines, behind: Callable[..., HttpToolsProtocol], **rooms: Any
    ) -> None:
        self._door = door
        self._deadlines = deadlines
        self._behind = behind
        self._rooms = rooms
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._rooms["server_state"].connections.add(self)
        self._deadlines.start(self)

    def connection_lost(self, error: Exception | None) -> None:
        self._deadlines.cancel(self)
        self._rooms["server_state"].connections.discard(self)

    def expire(self) -> None:
        """Close the connection: it sent nothing in time."""
        self._transport.close()

    def shutdown(self) -> None:
        """Close the connection. Called by uvicorn when the server stops."""
        self._transport.close()

    def data_received(self, data: bytes) -> None:
        transport, connections = self._transport, self._rooms["server_state"].connections
        connections.discard(self)
        self._deadlines.cancel(self)
        path = self._door.path.encode()
        opening = handshake.read(data, path) if data.startswith(b"GET " + path) else None
        if opening is None or (self._door.compresses and b"sec-websocket-extensions" in opening.headers):
            http = self._behind(**self._rooms)
            transport.set_protocol(http)
            http.connection_made(transport)
            http.data_received(data)
            return
        if self._door.connections.is_leaving:
            transport.write(handshake.REFUSED)
            transport.close()
            return
        stream = Stream(self._door, transport, handshake.response(opening), connections)
        transport.set_protocol(stream)
        _accept(self._door, stream, transport, opening)


class _Gateway(HttpToolsProtocol):
    _door: Door
    _deadlines: Deadlines
    _data = b""
    _is_in_head = True
    _is_in_body = False
    _has_body = False  # in the data received last
    _received = 0  # bytes of an incomplete head; in a body, of chunk extensions and trailers

    def data_received(self, data: bytes) -> None:
        self._data, self._has_body = data, False
        headers = self.headers  # a new list for each request
        super().data_received(data)
        self._data = b""
        if self._is_in_head or self._is_in_body:
            is_more_of_it = (headers is None or self.headers is headers) and not self._has_body
            self._received = self._received + len(data) if is_more_of_it else 0
            self._wait_for_more()

    def on_message_begin(self) -> None:
        self._is_in_head = True
        super().on_message_begin()

    def on_body(self, body: bytes) -> None:
        self._has_body = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._is_in_body = False
        super().on_message_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_in_head = self._is_in_body = False
        super().connection_lost(exc)

    def expire(self) -> None:
        """Refuse the request with 408, if its head or more of its body is still missing."""
        if not (self._is_in_head or self._is_in_body):
            return
        if self._is_answering or self.flow.read_paused:  # the server keeps the client waiting
            self._deadlines.start(self)
        else:
            self._refuse("408 Request Timeout")

    @property
    def _is_answering(self) -> bool:
        """Return whether an answer to this request, or to the one before, is being sent."""
        cycle = self.cycle
        return (
            cycle is not None and not cycle.response_complete and (self._is_in_head or cycle.response_started)
        )

    def _wait_for_more(self) -> None:
        if self.transport.is_closing():
            return
        if self._received > LIMIT:
            self._refuse("431 Request Header Fields Too Large")
            return
        if self._is_in_body:
            self._deadlines.cancel(self)  # each piece has its own deadline
        self._deadlines.start(self)

    def _refuse(self, status: str) -> None:
        if not self._is_answering:
            head = f"HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
            self.transport.write(head.encode())
        self._is_in_head = self._is_in_body = False
        self.transport.close()

    def on_headers_complete(self) -> None:
        self._is_in_head, self._is_in_body, self._received = False, True, 0
        self.app = _upgrade_required if self._is_for_us() else self.config.loaded_app
        super().on_headers_complete()

    def handle_websocket_upgrade(self) -> None:
        self._is_in_body = False
        if not self._is_for_us():
            super().handle_websocket_upgrade()
            return
        if self._door.connections.is_leaving:
            self.transport.write(handshake.REFUSED)
            self.transport.close()
            return
        framing = Framing(self._door.limits.frame, offers() if self._door.compresses else ())
        response = self._shake_hands(framing)
        if response.status_code == 101:
            self._hand_over(framing, response)
        else:
            self.transport.write(response.serialize())
            self.transport.close()

    def _is_for_us(self) -> bool:
        path = self._door.path.encode()
        return self.url.startswith(path) and httptools.parse_url(self.url).path == path

    def _shake_hands(self, framing: Framing) -> Response:
        if self.scope["method"] != "GET" or self.scope["http_version"] != "1.1":
            return framing.reject(400, "A WebSocket is opened by GET over HTTP/1.1.\n")
        names = [name for name, _ in self.headers]
        if names.count(b"host") != 1 or names.count(b"authorization") > 1:
            return framing.reject(
                400, "A request has one Host header, and at most one Authorization header.\n"
            )
        headers = Headers()
        for name, value in self.headers:
            if name in _FIELDS or name.startswith(b"sec-websocket-"):
                headers[name.decode("latin-1")] = value.decode("latin-1")
        if headers.get_all("Sec-WebSocket-Version") in ([], ["13"]):
            return framing.accept(Request(self.url.decode("latin-1"), headers))
        response = framing.reject(426, "Version 13 of the WebSocket protocol is spoken here.\n")
        response.headers["Upgrade"] = "websocket"
        response.headers["Sec-WebSocket-Version"] = "13"  # RFC 6455, 4.4
        return response

    def _hand_over(self, framing: Framing, response: Response) -> None:
        opening = handshake.UpgradeRequest()
        opening.url, opening.headers, opening.rest = self.url, dict(self.headers), self._unread()
        lasting = framing if framing.extensions else None
        stream = Stream(self._door, self.transport, response.serialize(), self.connections, lasting)
        self.connections.discard(self)
        self.transport.set_protocol(stream)
        self.parser = None  # type: ignore[assignment]  # it refers to us: without it both are freed at once
        _accept(self._door, stream, self.transport, opening)

    def _unread(self) -> bytes:
        """Return what follows the head. The exception that uvicorn handles at this moment says where llhttp stopped."""
        stop = sys.exception()
        return self._data[stop.args[0] :] if isinstance(stop, httptools.HttpParserUpgrade) else b""


def _accept(
    door: Door, stream: Stream, transport: asyncio.BaseTransport, opening: handshake.UpgradeRequest
) -> None:
    refusal = door.connections.closing
    is_long = len(opening.url) > QUERY_LIMIT and opening.url.count(b"&") >= QUERY_LIMIT
    if is_long or not door.allows_origin(opening.text(b"origin"), opening.text(b"host")):
        refusal = close.REFUSED
    if refusal is not None:
        stream.close(refusal.code, refusal.text())
        return
    connection = Connection(door, stream, _channel_id(opening.url), _address(door, transport, opening))
    stream.open(connection, opening.text(b"authorization"), opening.rest)


def _address(door: Door, transport: asyncio.BaseTransport, opening: handshake.UpgradeRequest) -> str:
    peer = transport.get_extra_info("peername")
    return door.address_of(peer[0] if isinstance(peer, tuple) else None, opening.text(b"x-forwarded-for"))


def _channel_id(url: bytes) -> str | None:
    query = url.partition(b"?")[2].partition(b"#")[0]
    if not query:
        return None
    pairs = parse_qsl(query.decode("utf-8", "replace"), keep_blank_values=True)
    return dict(pairs).get("channel_id") or None


async def _upgrade_required(scope: Any, receive: Any, send: Any) -> None:
    """Answer an ordinary request for the WebSocket's path with 426 (RFC 9110, 15.5.22)."""
    body = b"This is a WebSocket.\n"
    headers = [
        (b"upgrade", b"websocket"),
        (b"connection", b"upgrade"),
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
    ]
    await send({"type": "http.response.start", "status": 426, "headers": headers})
    await send({"type": "http.response.body", "body": body})
