"""Bodies: a request is answered, never with a fault of the server, whatever its path, headers and body hold.

An input is a request as text: method and path in its first line, then headers, an empty line, the body. `$TOKEN` in a header is
the token of a user. The requests go to the application of `tests/security/programs/every_way.py`, over ASGI.
"""

from __future__ import annotations

import asyncio
import itertools
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import msgspec

from walkwire.testing import Client, serve

PROGRAM = Path(__file__).parent.parent / "security" / "programs" / "every_way.py"
PATIENCE = 60  # seconds for an answer that takes a millisecond

WORDS = (
    b"GET ", b"POST ", b"PUT ", b"PATCH ", b"DELETE ", b"HEAD ", b"OPTIONS ", b"/walker/anything", b"/walker/typed",
    b"/walker/echo", b"/walker/search", b"/walker/stop/stops/a", b"/walker/upload", b"/walker/upload_mine",
    b"/webhook/walker/hooked", b"/webhook/walker/hooked_by_body", b"/webhook/walker/hooked_by_path/a", b"/walker/read_thing",
    b"/user/register", b"/user/login", b"/user/change_password", b"/user/forgot_password", b"/user/reset_password",
    b"/notify/users", b"/notify/channels", b"/notify/clients", b"/webhook", b"/webhook/generate-key", b"/webhook/extend/a",
    b"/webhook/delete", b"/util/traverse", b"/util/traverse-stream", b"/healthz", b"/openapi.json", b"/docs",
    b"/n:Thing:aaaaaaaaaaaaaaaaaaaaaaaa", b"?text=", b"&tags=", b"&numbers=", b"&day=", b"&depth=", b"&source=", b"%00", b"%ff",
    b"\ncontent-type: application/json", b"\ncontent-type: multipart/form-data; boundary=b", b"\nauthorization: Bearer $TOKEN",
    b"\ncontent-type: application/x-www-form-urlencoded", b"\nx-hook-key: ", b"\nx-api-key: ", b"\norigin: http://localhost",
    b"\n\n", b"\r\n--b\r\nContent-Disposition: form-data; name=\"picture\"; filename=\"a\"\r\n\r\n", b"\r\n--b--\r\n",
    b'"text":', b'"number":', b'"share":', b'"flag":', b'"day":', b'"colour":', b'"items":', b'"table":', b'"pair":',
    b'"choice":', b'"email":', b'"password":', b'"name":', b'"targets":', b'"data":', b'"walkers":', b'"nodes":',
    b'"expiration":', b'"count":', b'"interval":', b'"ids":', b"{", b"}", b"[", b"]", b",", b"null", b"NaN", b"1e999",
    b"9" * 40, b'"2024-02-29"', b'"\\ud800"', b'"\\u0000"', b"\x00", b"\xff",
)  # fmt: skip


class _Served:
    """The application, on a loop that only this target uses."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.ports = itertools.count(1)
        self._stack = AsyncExitStack()
        self.app, self.person = self.loop.run_until_complete(self._open())

    async def _open(self) -> tuple[Any, Client]:
        folder = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="walkwire-fuzz-"))
        settings = {"database": f"sqlite:///{folder}/fuzz.db", "production": True, "token_secret": "s" * 32}
        served = await self._stack.enter_async_context(serve(PROGRAM, **settings))
        person = await served.user("ada@example.com", name="Ada")
        return person._served.app.api, person

    def close(self) -> None:
        self.loop.run_until_complete(self._stack.aclose())
        self.loop.close()


_served: list[_Served] = []


def check(data: bytes) -> None:
    """Send one request."""
    request = _read(data)
    if request is None:
        return
    if not _served:
        _served.append(_Served())
    served = _served[0]
    scope, body = request
    number = next(served.ports)
    scope["client"] = (f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}", 1)
    token = str(served.person.token).encode()
    scope["headers"] = [(name, value.replace(b"$TOKEN", token)) for name, value in scope["headers"]]
    status, kind, answer = served.loop.run_until_complete(_ask(served.app, scope, body))
    assert 200 <= status < 500, f"{scope['method']} {scope['path']}: {status} {answer!r}"
    if answer and kind == b"application/json":
        msgspec.json.decode(answer)


def close() -> None:
    """Stop what `check` has started."""
    while _served:
        _served.pop().close()


def _read(data: bytes) -> tuple[dict[str, Any], bytes] | None:
    head, _, body = data.partition(b"\n\n")
    first, *lines = head.split(b"\n")
    method, _, target = first.partition(b" ")
    path, _, query = target.partition(b"?")
    if not path.startswith(b"/") or not method.isalpha() or not method.isascii() or b"plant" in path:
        return None
    if not target.isascii():  # the server's parser refuses such a line: `tests/server/socket/test_gateway.py`
        return None
    headers = [(b"host", b"localhost")]
    for line in lines:
        name, _, value = line.partition(b":")
        if name.strip():
            headers.append((name.strip().lower(), value.strip()))
    try:
        decoded = unquote_to_bytes(path).decode()
    except UnicodeDecodeError:  # uvicorn decodes ASCII, then what is escaped, with replacements
        decoded = unquote_to_bytes(path).decode("utf-8", "replace")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method.decode().upper(),
        "scheme": "http",
        "path": decoded,
        "raw_path": path,
        "root_path": "",
        "query_string": query,
        "headers": headers,
        "server": ("localhost", 80),
        "state": {},
    }
    return scope, body


async def _ask(app: Any, scope: dict[str, Any], body: bytes) -> tuple[int, bytes, bytes]:
    """Return the status, the type and the body of the answer."""
    half = len(body) // 2
    said = [
        {"type": "http.request", "body": body[:half], "more_body": True},
        {"type": "http.request", "body": body[half:], "more_body": False},
    ]
    heard: list[dict[str, Any]] = []
    gone = asyncio.Event()

    async def receive() -> dict[str, Any]:
        if said:
            return said.pop(0)
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        heard.append(message)

    async with asyncio.timeout(PATIENCE):
        await app(scope, receive, send)
    gone.set()
    start = heard[0]
    kind = dict(start.get("headers", ())).get(b"content-type", b"")
    return start["status"], kind, b"".join(one.get("body", b"") for one in heard[1:])
