"""Answers: what is answered to requests that do not reach the application. Each has an id, as those of the application have."""

from __future__ import annotations

from typing import Any

from walkwire.ids import new_request_id


def with_id(answer: bytes) -> bytes:
    """Return an answer that does not come from the application, with a new `X-Request-Id` in its head."""
    line, end, rest = answer.partition(b"\r\n")
    return b"%s%sx-request-id: %s\r\n%s" % (line, end, new_request_id().encode(), rest)


async def refuse_headers(scope: Any, receive: Any, send: Any) -> None:
    """Answer with 431: there are too many headers."""
    headers = [
        (b"content-length", b"0"),
        (b"connection", b"close"),
        (b"x-request-id", new_request_id().encode()),
    ]
    await send({"type": "http.response.start", "status": 431, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


async def upgrade_required(scope: Any, receive: Any, send: Any) -> None:
    """Answer an ordinary request for the WebSocket's path with 426 (RFC 9110, 15.5.22)."""
    body = b"This is a WebSocket.\n"
    headers = [
        (b"upgrade", b"websocket"),
        (b"connection", b"upgrade"),
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        (b"x-request-id", new_request_id().encode()),
    ]
    await send({"type": "http.response.start", "status": 426, "headers": headers})
    await send({"type": "http.response.body", "body": body})
