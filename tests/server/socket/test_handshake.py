"""The plain opening: what is taken at once, and what is left to uvicorn and the library."""

from __future__ import annotations

import pytest

from walkwire.server.socket import handshake

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
HEAD = {
    "Host": "x",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": KEY,
}


def request(line: str = "GET /websocket HTTP/1.1", **changed: str | None) -> bytes:
    head = HEAD | {name.replace("_", "-"): value for name, value in changed.items()}  # type: ignore[operator]
    lines = [line, *(f"{name}: {value}" for name, value in head.items() if value is not None)]
    return "\r\n".join([*lines, "", ""]).encode()


@pytest.mark.parametrize(
    "data",
    [
        request(),
        request("GET /websocket?channel_id=a&x HTTP/1.1"),
        request(Connection="keep-alive, Upgrade"),
        request(Connection="UPGRADE", Upgrade="WebSocket"),
        request(Origin="http://localhost", Cookie="a=b; c=d", Sec_WebSocket_Extensions="permessage-deflate"),
    ],
)
def test_a_plain_opening_is_taken_and_answered_as_the_standard_says(data: bytes) -> None:
    opening = handshake.read(data, b"/websocket")
    assert opening is not None
    answer = handshake.response(opening)
    assert answer.startswith(b"HTTP/1.1 101 ")
    assert b"\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" in answer  # RFC 6455, 1.3
    assert answer.endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"GET /websocket",
        request()[:-2],
        request("POST /websocket HTTP/1.1"),
        request("GET /websocket HTTP/1.0"),
        request("GET /websocket/ HTTP/1.1"),
        request("GET /websocketx HTTP/1.1"),
        request("GET /websocket#x HTTP/1.1"),
        request("GET http://x/websocket HTTP/1.1"),
        request(Upgrade=None),
        request(Upgrade="h2c"),
        request(Upgrade="websocket, h2c"),
        request(Connection="keep-alive"),
        request(Sec_WebSocket_Version="8"),
        request(Sec_WebSocket_Version=None),
        request(Sec_WebSocket_Key=None),
        request(Sec_WebSocket_Key="short"),
        request(Sec_WebSocket_Key=KEY[:-4] + "!!=="),
        request(Sec_WebSocket_Key=KEY + "AAAA"),
        request()[:-2] + f"Sec-WebSocket-Key: {KEY}\r\n\r\n".encode(),
        request()[:-2] + b"Origin: a\r\nOrigin: b\r\n\r\n",
        request()[:-2] + b" folded\r\n\r\n",
        request().replace(b"Host: x", b"Ho st: x"),
    ],
)
def test_anything_else_is_not(data: bytes) -> None:
    assert handshake.read(data, b"/websocket") is None


def test_what_comes_behind_the_head_is_kept() -> None:
    opening = handshake.read(request() + b"\x81\x80frames", b"/websocket")
    assert opening is not None
    assert opening.rest == b"\x81\x80frames"
    assert (opening.url, opening.text(b"host"), opening.text(b"origin")) == (b"/websocket", "x", None)
