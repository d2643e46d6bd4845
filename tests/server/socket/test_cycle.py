"""A whole answer in one message is the same on the wire as its two parts."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest

from tests.server.socket.echo import serving_wire
from walkwire.brokers import open_broker
from walkwire.server.socket.cycle import ANSWER
from walkwire.wire.wire import Wire

BODY = b'{"status":200,"reports":[]}'
HEADERS = [(b"content-length", b"%d" % len(BODY)), (b"content-type", b"application/json"), (b"x-a", b"b")]


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answer at once under `/whole`, in two parts elsewhere."""
    status = int(scope["path"].rpartition("/")[2])
    if scope["path"].startswith("/whole") and ANSWER in scope["extensions"]:
        lines = b"".join(b"%s: %s\r\n" % header for header in HEADERS)
        await send({"type": ANSWER, "status": status, "headers": lines, "body": BODY})
    else:
        await send({"type": "http.response.start", "status": status, "headers": HEADERS})
        await send({"type": "http.response.body", "body": BODY})


async def ask(port: int, request: str) -> bytes:
    """What comes until the server closes, or until all answers are there; without the date, which may be another."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request.encode())
    if "close" not in request and "HTTP/1.0" not in request:
        writer.write(b"GET /parts/404 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    found = await reader.read()
    writer.close()
    return re.sub(rb"date: [^\r]*", b"date", found)


@pytest.mark.parametrize(
    "request_",
    [
        "GET /{}/200 HTTP/1.1\r\nHost: x\r\n\r\n",
        "POST /{}/201 HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{{}}",
        "HEAD /{}/200 HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /{}/500 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        "GET /{}/200 HTTP/1.0\r\n\r\n",
        "GET /{}/200?a=b HTTP/1.1\r\nHost: x\r\n\r\nGET /{}/202 HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
async def test_it_is_the_same_as_in_parts(request_: str) -> None:
    async with serving_wire(Wire(open_broker()), app=app) as port:
        whole = await ask(port, request_.format("whole", "whole"))
        parts = await ask(port, request_.format("parts", "parts"))
    assert whole == parts
    assert whole.startswith(b"HTTP/1.1 ")


async def test_a_client_that_went_gets_nothing_and_the_server_goes_on() -> None:
    left, answered = asyncio.Event(), asyncio.Event()

    async def late(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/late":
            while (await receive())["type"] != "http.disconnect":
                left.set()
            await send({"type": ANSWER, "status": 200, "headers": b"content-length: 0\r\n", "body": b""})
            answered.set()
        else:
            await app(scope, receive, send)

    async with serving_wire(Wire(open_broker()), app=late) as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /late HTTP/1.1\r\nHost: x\r\n\r\n")
        await left.wait()
        writer.transport.abort()
        await answered.wait()
        assert BODY in await ask(port, "GET /whole/200 HTTP/1.1\r\nHost: x\r\n\r\n")
