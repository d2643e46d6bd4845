"""Gateway: decides what each new connection at the port is: a WebSocket or HTTP.

A plain upgrade request for the WebSocket's path is accepted here at once. Everything else is parsed by uvicorn. The subclass of
its HTTP protocol accepts all other upgrades for that path: behind other requests, in pieces, with extensions, or to be refused.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from functools import partial
from operator import methodcaller
from typing import Any

import httptools
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from walkwire.ids import PUBLIC_ROOT
from walkwire.server.browser.upgrade import PROTOCOL, VERSION_2, Shown, Upgrades
from walkwire.server.socket import handshake
from walkwire.server.socket.answers import upgrade_required, with_id
from walkwire.server.socket.deflate import offers
from walkwire.server.socket.framing import Framing
from walkwire.server.socket.requests import BODY_SECONDS, HEAD_SECONDS, RequestProtocol
from walkwire.server.socket.stream import SocketStream
from walkwire.wire.connection import Connection
from walkwire.wire.deadlines import Deadlines
from walkwire.wire.door import Door
from walkwire.wire.message import close
from walkwire.wire.sessions.connection import SessionConnection

_FIELDS = frozenset({b"connection", b"upgrade", b"origin"})


def gateway(
    door: Door,
    head_seconds: float = HEAD_SECONDS,
    body_seconds: float = BODY_SECONDS,
    upgrades: Upgrades | None = None,
) -> Any:
    """Return the protocol class for uvicorn: `Config(app, http=gateway(door), ws="websockets-sansio")`.

    - head_seconds: time for the head of a request to arrive; at most twice that
    - body_seconds: time for its body to arrive, and a little more; 0: no limit
    - upgrades: reads upgrade requests; None: without cookies, for every host
    """
    upgrades = upgrades or Upgrades()
    heads = Deadlines[Any](head_seconds, methodcaller("expire_head"))
    bodies = Deadlines[Any](min(head_seconds, body_seconds or head_seconds) / 4, methodcaller("expire_body"))
    attributes = {"_door": door, "_upgrades": upgrades, "_heads": heads, "_bodies": bodies}
    times = {"_head_seconds": head_seconds, "_body_seconds": body_seconds}
    return partial(_Threshold, door, upgrades, heads, type("Gateway", (_Gateway,), attributes | times))


class _Threshold(asyncio.Protocol):
    """A connection that has sent nothing yet.

    - behind: makes uvicorn's HTTP protocol, from the arguments `rooms`
    """

    __slots__ = (
        "_address",
        "_behind",
        "_deadlines",
        "_door",
        "_is_welcome",
        "_rooms",
        "_transport",
        "_upgrades",
    )

    def __init__(
        self,
        door: Door,
        upgrades: Upgrades,
        deadlines: Deadlines[Any],
        behind: Callable[..., _Gateway],
        **rooms: Any,
    ) -> None:
        self._door = door
        self._upgrades = upgrades
        self._deadlines = deadlines
        self._behind = behind
        self._rooms = rooms
        self._transport: Any = None
        self._address = ""
        self._is_welcome = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._rooms["server_state"].connections.add(self)
        self._deadlines.start(self)
        door = self._door
        if door.counts_addresses and not door.is_proxy(peer := _peer(transport)):
            self._address = door.address_of(peer, None)
            self._is_welcome = door.connections.arrive(self._address)
            if not self._is_welcome and door.connections.is_flooding(self._address):
                door.connections.refuse("address")
                self._transport.abort()

    def connection_lost(self, error: Exception | None) -> None:
        self._deadlines.cancel(self)
        self._door.connections.depart(self._address)
        self._rooms["server_state"].connections.discard(self)

    def expire_head(self) -> None:
        """Close the connection: it sent nothing in time."""
        self._transport.close()

    def shutdown(self) -> None:
        """Close the connection. Called by uvicorn when the server stops."""
        self._transport.close()

    def data_received(self, data: bytes) -> None:
        transport, connections = self._transport, self._rooms["server_state"].connections
        if not self._is_welcome:
            self._door.connections.refuse("address")
            transport.write(with_id(handshake.TOO_MANY))
            transport.close()
            return
        path = self._door.path.encode()
        opening = handshake.read(data, path) if data.startswith(b"GET " + path) else None
        if opening is None or (self._door.compresses and b"sec-websocket-extensions" in opening.headers):
            connections.discard(self)
            self._deadlines.cancel(self)
            http = self._behind(**self._rooms)
            http.address = self._address
            transport.set_protocol(http)
            http.connection_made(transport)
            http.data_received(data)
            return
        address = _address(self._door, transport, opening, self._address)
        if address != self._address and opening.text(b"x-forwarded-for") is not None:
            self._address, self._is_welcome = address, self._door.connections.arrive(address)
        shown = self._upgrades.read(opening.headers, opening.url)
        refusal = _refusal(self._door, self._upgrades, opening, shown, transport, self._is_welcome)
        if refusal is not None:
            transport.write(with_id(refusal))
            transport.close()
            return
        connections.discard(self)
        self._deadlines.cancel(self)
        response = handshake.response(opening, shown.protocol)
        stream = SocketStream(self._door, transport, response, connections, address=self._address)
        transport.set_protocol(stream)
        _accept(self._door, stream, opening, shown, address)


class _Gateway(RequestProtocol):
    _upgrades: Upgrades

    def on_headers_complete(self) -> None:
        self.app = upgrade_required if self._is_for_us() else self.config.loaded_app
        super().on_headers_complete()

    def handle_websocket_upgrade(self) -> None:
        self._is_in_body = False
        self._is_over = True
        if not self._is_for_us():
            self.let_go()
            super().handle_websocket_upgrade()
            return
        opening = handshake.UpgradeRequest()
        opening.url, opening.headers, opening.rest = self.url, dict(self.headers), self._unread()
        protocols = [value for name, value in self.headers if name == PROTOCOL]
        if len(protocols) > 1:  # RFC 6455, 11.3.4: it may be repeated
            opening.headers[PROTOCOL] = b",".join(protocols)
        address = _address(self._door, self.transport, opening, self.address)
        is_welcome = True
        if address != self.address and opening.text(b"x-forwarded-for") is not None:
            self.address, is_welcome = address, self._door.connections.arrive(address)
        shown = self._upgrades.read(opening.headers, opening.url)
        refusal = _refusal(self._door, self._upgrades, opening, shown, self.transport, is_welcome)
        if refusal is not None:
            self.transport.write(with_id(refusal))
            self.transport.close()
            return
        framing = Framing(self._door.limits.frame, offers() if self._door.compresses else ())
        response = self._shake_hands(framing)
        if response.status_code == 101:
            if shown.protocol is not None:
                response.headers["Sec-WebSocket-Protocol"] = shown.protocol
            self._hand_over(framing, response, opening, shown, address)
        else:
            self.transport.write(with_id(response.serialize()))
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

    def _hand_over(
        self,
        framing: Framing,
        response: Response,
        opening: handshake.UpgradeRequest,
        shown: Shown,
        address: str,
    ) -> None:
        lasting = framing if framing.extensions else None
        if lasting is None:
            framing.release()
        counted, self.address = self.address, ""  # the stream is counted instead
        stream = SocketStream(
            self._door, self.transport, response.serialize(), self.connections, lasting, counted
        )
        self.connections.discard(self)
        self.let_go()
        self.transport.set_protocol(stream)
        self.parser = None  # type: ignore[assignment]  # it refers to us: without it both are freed at once
        _accept(self._door, stream, opening, shown, address)

    def _unread(self) -> bytes:
        """Return what follows the head. The exception that uvicorn handles at this moment says where llhttp stopped."""
        stop = sys.exception()
        if not isinstance(stop, httptools.HttpParserUpgrade):
            return b""
        return self._data[self._place + stop.args[0] :]


def _refusal(
    door: Door,
    upgrades: Upgrades,
    opening: handshake.UpgradeRequest,
    shown: Shown,
    transport: asyncio.BaseTransport,
    is_welcome: bool,
) -> bytes | None:
    """Return the answer to an upgrade request that is refused before the handshake, None if it is not."""
    if door.connections.is_leaving:
        return handshake.REFUSED
    if not is_welcome:
        door.connections.refuse("address")
        return handshake.TOO_MANY
    if (error := upgrades.turn_away(opening.headers, partial(_peer, transport))) is not None:
        door.on_refusal(error)
        return handshake.refused(error)
    is_public = shown.token is None
    return handshake.TOO_MANY if is_public and door.connections.refusal(PUBLIC_ROOT) is not None else None


def _accept(
    door: Door, stream: SocketStream, opening: handshake.UpgradeRequest, shown: Shown, address: str
) -> None:
    refusal = shown.refusal or door.connections.closing
    if not door.allows_origin(opening.text(b"origin"), opening.text(b"host")):
        refusal = close.REFUSED
    if refusal is not None:
        stream.close(refusal.code, refusal.text())
        return
    connection: Connection
    if shown.protocol == VERSION_2:
        connection = SessionConnection(door, stream, address, shown.notice)
    else:
        connection = Connection(door, stream, shown.channel_id, address, shown.channel_token, shown.notice)
    stream.open(connection, shown.token, opening.rest)


def _address(
    door: Door, transport: asyncio.BaseTransport, opening: handshake.UpgradeRequest, counted: str
) -> str:
    """Return the address of the client: `counted` if the connection is its own, else what a proxy says. "": nothing counts it."""
    if counted or not door.counts_addresses:
        return counted
    return door.address_of(_peer(transport), opening.text(b"x-forwarded-for"))


def _peer(transport: asyncio.BaseTransport) -> str | None:
    peer = transport.get_extra_info("peername")
    return peer[0] if isinstance(peer, tuple) else None
