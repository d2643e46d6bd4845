"""Handshake: RFC 6455, section 4, for plain upgrade requests, as nearly all are. `gateway` and the library handle all others.

Takes 6 µs, where uvicorn's scope and the library's headers take 90.
"""

from __future__ import annotations

import binascii
from http import HTTPStatus

import httptools
import msgspec
from websockets.utils import accept_key

from walkwire.errors import PublicError

REFUSED = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\nContent-Length: 31\r\n\r\nThis server is being replaced.\n"
)
"""Answers an upgrade request while the server stops. A load balancer then tries the next server."""

TOO_MANY = (
    b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 5\r\nConnection: close\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\nContent-Length: 22\r\n\r\nToo many connections.\n"
)
"""Answers a request or an upgrade request on a connection beyond a limit of their number."""

_KEY_BYTES = 16


class UpgradeRequest:
    """The head of a request, filled in by llhttp.

    - headers: values by name in lower case
    - has_twice: whether a header is repeated
    - rest: what follows the head
    """

    __slots__ = ("has_twice", "headers", "rest", "url")

    def __init__(self) -> None:
        self.url = b""
        self.headers: dict[bytes, bytes] = {}
        self.has_twice = False
        self.rest = b""

    def on_url(self, url: bytes) -> None:
        """Append a piece of the URL. Called by the parser."""
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header. Called by the parser."""
        name = name.lower()
        self.has_twice |= name in self.headers
        self.headers[name] = value

    def text(self, name: bytes) -> str | None:
        """Return the value of a header, None if it is absent."""
        value = self.headers.get(name)
        return None if value is None else value.decode("latin-1")


def read(data: bytes, path: bytes) -> UpgradeRequest | None:
    """Return the upgrade request in `data`. None if it is incomplete, invalid, for another path, or has extensions."""
    opening = UpgradeRequest()
    parser = httptools.HttpRequestParser(opening)
    try:
        parser.feed_data(data)
    except httptools.HttpParserUpgrade as upgrade:
        opening.rest = data[upgrade.args[0] :]
    except httptools.HttpParserError:
        return None
    else:
        return None
    is_plain = (
        parser.get_method() == b"GET"
        and parser.get_http_version() == "1.1"
        and opening.url.partition(b"?")[0] == path
        and b"#" not in opening.url
        and _is_plain(opening)
    )
    return opening if is_plain else None


def response(opening: UpgradeRequest, protocol: str | None = None) -> bytes:
    """Return the response that accepts it, with one of the subprotocols that it offers, or with none."""
    accept = accept_key(opening.headers[b"sec-websocket-key"].decode())
    chosen = "" if protocol is None else f"Sec-WebSocket-Protocol: {protocol}\r\n"
    return (
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {accept}\r\n{chosen}\r\n"
    ).encode()


def refused(error: PublicError) -> bytes:
    """Return the response that refuses it, as REST would."""
    body = msgspec.json.encode({"detail": {"error": error.message}})
    return (
        f"HTTP/1.1 {error.status} {HTTPStatus(error.status).phrase}\r\nConnection: close\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body


def _is_plain(opening: UpgradeRequest) -> bool:
    headers = opening.headers
    return (
        not opening.has_twice
        and b"host" in headers
        and headers.get(b"upgrade", b"").lower() == b"websocket"
        and _names_upgrade(headers.get(b"connection", b""))
        and headers.get(b"sec-websocket-version") == b"13"
        and _is_key(headers.get(b"sec-websocket-key", b""))
    )


def _names_upgrade(connection: bytes) -> bool:
    return connection == b"Upgrade" or b"upgrade" in map(bytes.strip, connection.lower().split(b","))


def _is_key(key: bytes) -> bool:
    try:
        return len(binascii.a2b_base64(key, strict_mode=True)) == _KEY_BYTES
    except binascii.Error:
        return False
