"""What strangers can make a server hold: in unfinished messages and requests, in number of connections, and for how long."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import resource
import sys
import tracemalloc
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import Frame, Opcode

from tests.garbage import garbage_of, without_collections
from tests.server.socket.echo import serving_wire
from tests.serving import PATIENCE, PROGRAMS, Server
from walkwire.brokers import open_broker
from walkwire.server.socket.framing import Framing
from walkwire.testing import serve
from walkwire.wire.wire import Wire

KIBIBYTE = 1024
PROGRAM = PROGRAMS / "ledger.py"
UPGRADE = (
    b"GET /websocket HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


def frame(opcode: Opcode, data: bytes, fin: bool = True) -> bytes:
    return Frame(opcode, data, fin).serialize(mask=True)


class Stranger:
    """A bare connection, which sends what it likes."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def __aenter__(self) -> Stranger:
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self._port)
        return self

    async def __aexit__(self, *error: object) -> None:
        self.writer.close()

    async def upgrade(self) -> None:
        """Become a WebSocket."""
        self.writer.write(UPGRADE)
        assert b" 101 " in await self.until(b"\r\n\r\n")

    async def hold(self, size: int) -> None:
        """Send a fragment of so many bytes, and see that the server has it."""
        self.writer.write(frame(Opcode.TEXT, b"x" * size, fin=False) + frame(Opcode.PING, b"mine"))
        await self.until(b"mine")

    async def until(self, end: bytes) -> bytes:
        async with asyncio.timeout(PATIENCE):
            return await self.reader.readuntil(end)

    async def to_the_end(self) -> bytes:
        """All that the server says, until it closes the connection, which what is still sent to it may reset."""
        said = b""
        async with asyncio.timeout(PATIENCE):
            with contextlib.suppress(ConnectionResetError):
                while more := await self.reader.read(65536):
                    said += more
        return said


def alive(kind: type) -> int:
    return sum(type(one) is kind for one in gc.get_objects())


async def closed(socket: ClientConnection) -> int:
    """The code with which the server closes."""
    async with asyncio.timeout(PATIENCE):
        with contextlib.suppress(ConnectionClosed):
            while True:
                await socket.recv()
    assert socket.close_code is not None
    return socket.close_code


def descriptors(process: int) -> int:
    """The highest number of a file descriptor in use."""
    return max(int(one.name) for one in Path(f"/proc/{process}/fd").iterdir())


async def refused(server: Server, reason: str) -> float:
    """What the server counted."""
    text = (await server.request("GET", "/metrics")).text
    line = f'walkwire_connections_refused_total{{reason="{reason}"}} '
    return float(next(one for one in text.splitlines() if one.startswith(line)).removeprefix(line))


# Messages


def test_fragments_of_two_bytes_take_no_more_memory_than_their_message() -> None:
    """A16: 4 MiB in fragments of two bytes held 21 MiB."""
    framing = Framing(1024 * KIBIBYTE)
    framing.hear(frame(Opcode.TEXT, b"ab", fin=False))
    fragments = frame(Opcode.CONT, b"ab", fin=False) * 100
    tracemalloc.start()
    try:
        for _ in range(100):
            framing.hear(fragments)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 40_000  # for 20,000 bytes; a list of them takes 560,000
    assert framing.hear(frame(Opcode.CONT, b"c")) == [(b"ab" * 10_001 + b"c", True)]


@pytest.mark.parametrize(
    "begun",
    [frame(Opcode.TEXT, b"a", fin=False), frame(Opcode.TEXT, b"abc")[:-1]],
    ids=["a fragment", "a part of a frame"],
)
async def test_a_message_that_does_not_end_closes_its_connection(begun: bytes, tmp_path: Path) -> None:
    """A16: a message in fragments had no deadline."""
    with Server(PROGRAM, tmp_path, message_seconds="0.2", metrics="true") as server:
        async with server.connect() as other, Stranger(server.port) as stranger:
            await stranger.upgrade()
            stranger.writer.write(begun)
            assert b"a message did not arrive in time" in await stranger.to_the_end()
            assert (await other.ask({"type": "connection"}))["type"] == "connection"
        assert await refused(server, "unfinished") == 1


async def test_what_was_begun_is_freed_when_its_connection_ends_without_the_garbage_collector() -> None:
    """A22: of sockets that ended inside a message, 1.2 GB stayed."""
    wire = Wire(open_broker())
    async with serving_wire(wire) as port:
        with without_collections():
            before = alive(Framing)
            for _ in range(20):
                async with Stranger(port) as stranger:
                    await stranger.upgrade()
                    await stranger.hold(1000)
                    stranger.writer.write(frame(Opcode.CONT, b"y" * 1000)[:-1])
            for bad in (b"\xff\xff\xff", frame(Opcode.TEXT, b"\xff", fin=False)):
                async with Stranger(port) as stranger:
                    await stranger.upgrade()
                    stranger.writer.write(bad)
                    await stranger.to_the_end()
            async with asyncio.timeout(PATIENCE):
                while len(wire.heartbeat):  # noqa: ASYNC110 what is waited for is the other end of a socket
                    await asyncio.sleep(0.01)
            assert alive(Framing) == before


async def test_the_largest_holder_of_unfinished_messages_is_closed_when_all_hold_too_much(
    tmp_path: Path,
) -> None:
    """A23: 2,000 unfinished frames of 1 MiB held 2.1 GB."""
    with Server(PROGRAM, tmp_path, memory_bound="4MiB", metrics="true") as server:
        async with contextlib.AsyncExitStack() as stack:
            honest = await stack.enter_async_context(server.connect())
            strangers = [await stack.enter_async_context(Stranger(server.port)) for _ in range(8)]
            for stranger in strangers:
                await stranger.upgrade()
            await strangers[0].hold(1000 * KIBIBYTE)
            for stranger in strangers[1:]:
                stranger.writer.write(frame(Opcode.TEXT, b"x" * (600 * KIBIBYTE), fin=False))
                await stranger.writer.drain()
            assert b"all connections together hold too much" in await strangers[0].to_the_end()
            assert (await honest.ask({"type": "connection"}))["type"] == "connection"
            assert await refused(server, "memory") >= 1


async def test_those_who_do_not_read_are_closed_when_all_hold_too_much(tmp_path: Path) -> None:
    """A23: what is unsent counts, too, over all connections, though none of them is over its own bound."""
    with Server(PROGRAM, tmp_path, memory_bound="4MiB", queue_bound="16MiB", metrics="true") as server:
        async with contextlib.AsyncExitStack() as stack:
            honest = await stack.enter_async_context(server.connect())
            for _ in range(4):
                stranger = await stack.enter_async_context(Stranger(server.port))
                stranger.writer.write(UPGRADE.replace(b"/websocket", b"/websocket?channel_id=deaf"))
                await stranger.until(b"}}")
            event = {"type": "channel", "channel_ids": ["deaf"], "data": {"text": "x" * 500_000}, "id": 1}
            for _ in range(40):
                assert (await honest.ask(event))["id"] == 1
            assert await refused(server, "memory") >= 1


# Requests


@pytest.fixture
async def door() -> AsyncIterator[tuple[int, asyncio.Event, asyncio.Event]]:
    """A server whose HTTP application waits: its port, what is set when it is called, and what lets it answer."""
    called, may_answer = asyncio.Event(), asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        called.set()
        await may_answer.wait()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})

    async with serving_wire(Wire(open_broker()), app=app) as port:
        yield port, called, may_answer
        may_answer.set()


async def test_no_more_than_a_few_pipelined_requests_are_parsed_at_once(
    door: tuple[int, asyncio.Event, asyncio.Event],
) -> None:
    """A18: pipelined GETs on one connection took 2,190 MB in 15 s."""
    port, called, may_answer = door
    before = alive(RequestResponseCycle)
    async with Stranger(port) as stranger:
        stranger.writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" * 1000)
        await called.wait()
        assert alive(RequestResponseCycle) - before < 64
        may_answer.set()
        for number in range(1000):
            assert (await stranger.until(b"ok")).startswith(b"HTTP/1.1 200 ")
            if number % 250 == 0:
                assert alive(RequestResponseCycle) - before < 64


async def test_pipelined_requests_are_freed_when_their_connection_ends_without_the_garbage_collector(
    door: tuple[int, asyncio.Event, asyncio.Event],
) -> None:
    """A18: what waited for its answer stayed when its client had gone."""
    port, called, may_answer = door
    with without_collections():
        before = alive(RequestResponseCycle)
        async with Stranger(port) as stranger:
            stranger.writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" * 100)
            await called.wait()
        may_answer.set()
        async with asyncio.timeout(PATIENCE):
            while alive(RequestResponseCycle) > before:  # noqa: ASYNC110
                await asyncio.sleep(0.01)


async def test_a_head_with_too_many_headers_is_refused(tmp_path: Path) -> None:
    """A18: large heads on five connections took 3.6 GB."""
    with Server(PROGRAM, tmp_path) as server:
        async with Stranger(server.port) as stranger:
            stranger.writer.write(
                b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n" + b"a: b\r\n" * 200 + b"\r\n"
            )
            assert (await stranger.to_the_end()).startswith(b"HTTP/1.1 431 ")


async def test_whole_pipelined_requests_are_no_long_head(tmp_path: Path) -> None:
    """A31: whole requests, with half a head behind them, were answered with 431."""
    request = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: " + b"y" * 8000 + b"\r\n\r\n"
    with Server(PROGRAM, tmp_path) as server:
        async with Stranger(server.port) as stranger:
            stranger.writer.write(request * 30 + request[:-1])
            for _ in range(30):
                assert (await stranger.until(b"\r\n\r\nok")).startswith(b"HTTP/1.1 200 ")
            stranger.writer.write(request[-1:])
            assert (await stranger.until(b"\r\n\r\nok")).startswith(b"HTTP/1.1 200 ")


async def test_a_body_has_a_time_in_all(tmp_path: Path) -> None:
    """A17, A23: a body that dribbles was waited for without end."""
    with Server(PROGRAM, tmp_path, body_seconds="0.3", metrics="true") as server:
        async with Stranger(server.port) as stranger:
            stranger.writer.write(
                b"POST /user/login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n"
            )
            answer = asyncio.ensure_future(stranger.to_the_end())
            while not answer.done():
                stranger.writer.write(b"x" * 100)
                await asyncio.wait((answer,), timeout=0.05)
            assert answer.result().startswith(b"HTTP/1.1 408 ")
        assert await refused(server, "request_time") == 1


async def test_a_body_that_comes_too_slowly_is_refused() -> None:
    """A23: of 500 slow bodies none was closed in 150 s."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        while (await receive()).get("more_body"):
            pass

    async with (
        serving_wire(Wire(open_broker()), app=app, head_seconds=0.2, body_seconds=0) as port,
        Stranger(port) as stranger,
    ):
        stranger.writer.write(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n")
        answer = asyncio.ensure_future(stranger.to_the_end())
        while not answer.done():
            stranger.writer.write(b"x")
            await asyncio.wait((answer,), timeout=0.02)
        assert answer.result().startswith(b"HTTP/1.1 408 ")


@pytest.mark.long
async def test_the_largest_body_goes_when_all_hold_too_much(tmp_path: Path) -> None:
    """A23: 500 slow bodies held 595 MB."""
    head = b"POST /user/login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2000000\r\n\r\n"
    with Server(PROGRAM, tmp_path, memory_bound="4MiB", metrics="true") as server:
        async with contextlib.AsyncExitStack() as stack:
            for _ in range(6):
                stranger = await stack.enter_async_context(Stranger(server.port))
                with contextlib.suppress(ConnectionError):
                    stranger.writer.write(head + b"x" * 900_000)
                    await stranger.writer.drain()
            async with asyncio.timeout(PATIENCE):
                while not await refused(server, "memory"):  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            assert (await server.request("GET", "/healthz")).text == "ok"


# Numbers of connections


async def test_one_address_has_so_many_connections_and_no_more(tmp_path: Path) -> None:
    with Server(PROGRAM, tmp_path, address_connections="3", metrics="true") as server:
        async with server.connect(), server.connect():
            async with server.connect():
                with pytest.raises(InvalidStatus) as refusal:
                    await connect(server.socket_url, proxy=None)
                assert refusal.value.response.status_code == 429
                assert refusal.value.response.headers["Retry-After"] == "5"
                assert (await server.request("GET", "/healthz")).status_code == 429
            async with asyncio.timeout(PATIENCE):
                while (await server.request("GET", "/healthz")).status_code == 429:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
        assert await refused(server, "address") >= 2


async def test_an_address_that_goes_on_beyond_its_limit_is_not_even_answered(tmp_path: Path) -> None:
    with Server(PROGRAM, tmp_path, address_connections="1") as server:
        async with Stranger(server.port), Stranger(server.port), Stranger(server.port) as third:
            assert await third.to_the_end() == b""
        async with asyncio.timeout(PATIENCE):
            while (await server.request("GET", "/healthz")).status_code != 200:  # noqa: ASYNC110
                await asyncio.sleep(0.01)


async def test_behind_a_trusted_proxy_the_clients_are_counted_and_not_the_proxy(tmp_path: Path) -> None:
    def dial(address: str) -> connect:
        return connect(server.socket_url, proxy=None, additional_headers={"X-Forwarded-For": address})

    with Server(PROGRAM, tmp_path, address_connections="1", trusted_proxies="127.0.0.1") as server:
        async with dial("192.0.2.1"), dial("192.0.2.2"):
            with pytest.raises(InvalidStatus) as refusal:
                await dial("192.0.2.1")
            assert refusal.value.response.status_code == 429
            assert (await server.request("GET", "/healthz")).text == "ok"


async def test_one_user_has_so_many_sockets_and_no_more(tmp_path: Path) -> None:
    with Server(PROGRAM, tmp_path, user_connections="1", metrics="true") as server:
        ann, bob = await server.user(), await server.user()
        async with server.connect(ann.token), server.connect(bob.token), server.connect() as public:
            async with connect(
                server.socket_url, additional_headers={"Authorization": f"Bearer {ann.token}"}, proxy=None
            ) as second:
                assert await closed(second) == 4129
            answer = await public.ask({"type": "change_user", "token": f"Bearer {ann.token}", "id": 7})
            assert answer["error"]["code"] == "limited"
            assert (await public.ask({"type": "connection"}))["data"]["root_id"] == public.root_id
        assert await refused(server, "user") == 2


async def test_there_are_so_many_sockets_without_a_user_and_no_more(tmp_path: Path) -> None:
    with Server(PROGRAM, tmp_path, anonymous_connections="2", metrics="true") as server:
        ann = await server.user()
        async with server.connect(), server.connect(), server.connect(ann.token):
            with pytest.raises(InvalidStatus) as refusal:
                await connect(server.socket_url, proxy=None)
            assert refusal.value.response.status_code == 429
            async with connect(
                server.socket_url, additional_headers={"Authorization": "Bearer nonsense"}, proxy=None
            ) as liar:
                assert await closed(liar) == 4129
        assert await refused(server, "anonymous") == 2


@pytest.mark.long
async def test_a_stranger_who_sends_nothing_is_closed_and_others_are_not(tmp_path: Path) -> None:
    with Server(PROGRAM, tmp_path, anonymous_seconds="1.5", metrics="true") as server:
        ann = await server.user()
        async with server.connect(ann.token) as user, server.connect() as one_who_speaks:
            await one_who_speaks.ask({"type": "connection"})
            async with server.connect() as silent:
                assert await closed(silent.wire) == 4129
            for socket in (user, one_who_speaks):
                assert (await socket.ask({"type": "connection"}))["type"] == "connection"
        assert await refused(server, "silent") == 1


# File descriptors


@pytest.mark.skipif(sys.platform != "linux", reason="the limit of another process is set by prlimit")
async def test_the_log_tells_that_file_descriptors_run_out(tmp_path: Path) -> None:
    """A30: with no file descriptor left, the log was silent."""

    async def until_logged(words: str) -> None:
        async with asyncio.timeout(PATIENCE):
            while words not in server.log.read_text():  # noqa: ASYNC110
                await asyncio.sleep(0.02)

    with Server(PROGRAM, tmp_path) as server:
        async with httpx.AsyncClient(base_url=server.url, verify=False, timeout=PATIENCE) as http:
            assert (await http.get("/healthz/ready")).status_code == 200
            used = descriptors(server.process.pid)
            most = max(100, 2 * used)
            resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (most, most))
            async with contextlib.AsyncExitStack() as stack:
                for _ in range(most * 19 // 20 - used):
                    await stack.enter_async_context(Stranger(server.port))
                await until_logged(f"of {most} file descriptors are in use")
                for _ in range(most // 10):
                    await stack.enter_async_context(Stranger(server.port))
                await until_logged("No file descriptor is left")
                assert (await http.get("/healthz/ready")).status_code == 503
            async with asyncio.timeout(PATIENCE):
                while (await http.get("/healthz/ready")).status_code != 200:  # noqa: ASYNC110
                    await asyncio.sleep(0.02)


BODIES = {
    "refused by a validator": ("/user/login", {"email": "a", "password": "x"}, 422),
    "long, and refused": ("/user/login", {"email": "a" * 200_000, "password": "x"}, 422),
    "long, with many wrong values": ("/walker/count", {"numbers": ["x"] * 9_000}, 422),
    "long, and taken": ("/walker/count", {"numbers": [0] * 9_000}, 200),
    "no JSON": ("/user/login", "{", 422),
    "long, and no JSON": ("/user/login", json.dumps({"email": "a" * 200_000}) + "POST", 422),
}


@pytest.mark.parametrize(("path", "body", "status"), BODIES.values(), ids=BODIES)
async def test_a_body_is_freed_without_the_garbage_collector(
    path: str, body: dict[str, Any], status: int, tmp_path: Path
) -> None:
    """A18: addresses of 200 KB that were refused stayed until the garbage collector came to them."""
    program = tmp_path / "main.py"
    program.write_text(
        "from walkwire import Walker, specs\n\n\n@specs(auth=False)\nclass count(Walker):\n    numbers: list[int]\n"
    )
    async with serve(program) as app:
        guest = app.public()

        async def post() -> None:
            given = {"content": body} if isinstance(body, str) else {"json": body}
            headers = {"content-type": "application/json"}
            assert (await guest.request("POST", path, headers=headers, **given)).status == status

        of_the_client = await garbage_of(lambda: guest.request("POST", "/nowhere", json={}))
        assert await garbage_of(post) <= of_the_client


KINDS_OF_BODIES = {
    "JSON": ("/user/login", b"application/json", b'{"email":"'),
    "a form": (
        "/walker/upload",
        b"multipart/form-data; boundary=b",
        b"--b\r\nContent-Disposition: form-data",
    ),
}


@pytest.mark.parametrize(("path", "kind", "begun"), KINDS_OF_BODIES.values(), ids=KINDS_OF_BODIES)
async def test_what_was_begun_of_a_body_is_freed_without_the_garbage_collector(
    path: str, kind: bytes, begun: bytes, tmp_path: Path
) -> None:
    """A18: of each client that disconnected inside a body, all that had come of it stayed."""
    program = tmp_path / "main.py"
    program.write_text(
        "from fastapi import UploadFile\nfrom walkwire import Walker, specs\n\n\n"
        "@specs(auth=False)\nclass upload(Walker):\n    file: UploadFile\n"
    )
    headers = [(b"host", b"localhost"), (b"content-type", kind), (b"content-length", b"100000")]
    async with serve(program) as app:

        async def post() -> None:
            scope = {"type": "http", "method": "POST", "http_version": "1.1", "path": path, "scheme": "http"}
            more = {"query_string": b"", "root_path": "", "headers": headers, "client": ("127.0.0.1", 1)}
            messages = [
                {"type": "http.request", "body": begun, "more_body": True},
                {"type": "http.disconnect"},
            ]

            async def receive() -> Any:
                return messages.pop(0)

            async def send(message: Any) -> None: ...

            await app.app.api(scope | more, receive, send)
            assert not messages

        assert await garbage_of(post) < 1
