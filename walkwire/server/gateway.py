"""Gateway: uvicorn's HTTP protocol, which takes the upgrade of one path itself. All other paths stay uvicorn's."""

from __future__ import annotations

import sys
from typing import Any
from urllib.parse import parse_qsl

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from walkwire.server.stream import Framing, Stream
from walkwire.wire import close
from walkwire.wire.connection import Connection
from walkwire.wire.door import Door

_FIELDS = frozenset({b"connection", b"upgrade", b"origin"})


def gateway(door: Door) -> type[HttpToolsProtocol]:
    """The class to give to uvicorn: `Config(app, http=gateway(door), ws="websockets-sansio")`. Any `ws` but "none" will do."""
    return type("Gateway", (_Gateway,), {"_door": door})


class _Gateway(HttpToolsProtocol):
    _door: Door
    _data = b""

    def data_received(self, data: bytes) -> None:
        self._data = data
        super().data_received(data)
        self._data = b""

    def on_headers_complete(self) -> None:
        self.app = _upgrade_required if self._is_for_us() else self.config.loaded_app
        super().on_headers_complete()

    def handle_websocket_upgrade(self) -> None:
        if not self._is_for_us():
            super().handle_websocket_upgrade()
            return
        framing = Framing(self._door.hub.limits.frame)
        response = self._shake_hands(framing)
        self.transport.write(response.serialize())
        if response.status_code == 101:
            self._hand_over(framing)
        else:
            self.transport.close()

    def _is_for_us(self) -> bool:
        path = self._door.path.encode()
        return self.url.startswith(path) and httptools.parse_url(self.url).path == path

    def _shake_hands(self, framing: Framing) -> Response:
        if self.scope["method"] != "GET" or self.scope["http_version"] != "1.1":
            return framing.reject(400, "A WebSocket is opened by GET over HTTP/1.1.\n")
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

    def _hand_over(self, framing: Framing) -> None:
        rest = self._unread()
        headers = {name: value.decode("latin-1") for name, value in self.headers}
        stream = Stream(self._door, self.transport, framing, self.connections)
        self.connections.discard(self)
        self.transport.set_protocol(stream)
        self.parser = None  # type: ignore[assignment]  # it holds us: without it both go at once
        refusal = self._door.hub.closing
        if not self._door.allows_origin(headers.get(b"origin"), headers.get(b"host")):
            refusal = close.REFUSED
        if refusal is not None:
            stream.close(refusal.code, refusal.text())
            return
        connection = Connection(self._door, stream, self._channel_id())
        stream.open(connection, headers.get(b"authorization"), rest)

    def _unread(self) -> bytes:
        """What came behind the head. llhttp tells where it stopped by the error that uvicorn calls us for."""
        stop = sys.exception()
        return self._data[stop.args[0] :] if isinstance(stop, httptools.HttpParserUpgrade) else b""

    def _channel_id(self) -> str | None:
        query = httptools.parse_url(self.url).query or b""
        pairs = parse_qsl(query.decode("utf-8", "replace"), keep_blank_values=True)
        return dict(pairs).get("channel_id") or None


async def _upgrade_required(scope: Any, receive: Any, send: Any) -> None:
    """Answers an ordinary request for the socket's path (RFC 9110, 15.5.22)."""
    body = b"This is a WebSocket.\n"
    headers = [
        (b"upgrade", b"websocket"),
        (b"connection", b"upgrade"),
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
    ]
    await send({"type": "http.response.start", "status": 426, "headers": headers})
    await send({"type": "http.response.body", "body": body})
