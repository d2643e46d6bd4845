"""The door, over real sockets: a uvicorn in this process, and clients from the `websockets` package or bare TCP."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
import uvicorn
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode
from websockets.protocol import OPEN, Protocol, Side

from walkwire.account.auth import without_scheme
from walkwire.brokers import open_broker
from walkwire.errors import BadEvent, BadReference, NoAccess, Unauthenticated, UnknownWalker
from walkwire.server.socket.gateway import gateway
from walkwire.wire.delivery.client import Term
from walkwire.wire.door import NOBODY, Call, SignIn
from walkwire.wire.limits import Limits
from walkwire.wire.message import close
from walkwire.wire.message.notification import Notification
from walkwire.wire.wire import Wire as ServerWire

ANN = "a" * 24
KEY = "dGhlIHNhbXBsZSBub25jZQ=="


@dataclass
class Site:
    """A server with a port. `walkers` raises or answers by name; `expires` is when the token of Ann does, 0: not soon."""

    wire: ServerWire
    server: uvicorn.Server
    stack: AsyncExitStack
    expires: int = 0
    walkers: dict[str, Exception | bytes | Callable[[Call], Awaitable[bytes]]] = field(default_factory=dict)

    @property
    def port(self) -> int:
        return int(self.server.servers[0].sockets[0].getsockname()[1])

    async def dispatch(self, call: Call) -> bytes:
        found = self.walkers.get(call.walker, UnknownWalker())
        if isinstance(found, Exception):
            raise found
        return found if isinstance(found, bytes) else await found(call)

    async def dial(self, query: str = "", **options: Any) -> ClientConnection:
        options = {"max_size": None, "max_queue": None, "ping_interval": None, "close_timeout": 1, **options}
        return await self.stack.enter_async_context(
            connect(f"ws://127.0.0.1:{self.port}/websocket{query}", **options)
        )

    async def open(self, query: str = "", **options: Any) -> ClientConnection:
        client = await self.dial(query, **options)
        assert (await hear(client))["type"] == "connection"
        return client

    async def raw(self, payload: bytes = b"") -> Wire:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        self.stack.callback(writer.close)
        wire = Wire(reader, writer)
        writer.write(
            b"GET /websocket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + KEY.encode() + b"\r\n\r\n" + payload
        )
        assert b"101" in await reader.readuntil(b"\r\n\r\n")
        assert (await wire.frame()).opcode is Opcode.TEXT
        return wire


class Wire:
    """A peer that writes frames as it likes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self._framing = Protocol(Side.CLIENT, state=OPEN, max_size=None)
        self._frames: list[Frame] = []

    def say(self, opcode: Opcode, data: bytes, fin: bool = True) -> None:
        self.writer.write(masked(opcode, data, fin))

    async def frame(self) -> Frame:
        """The next frame of the server. EOFError where it closed the connection."""
        async with asyncio.timeout(30):
            while not self._frames:
                data = await self.reader.read(65536)
                if not data:
                    raise EOFError
                self._framing.receive_data(data)
                self._frames += [each for each in self._framing.events_received() if isinstance(each, Frame)]
        return self._frames.pop(0)

    async def goodbye(self) -> tuple[int, dict[str, Any]]:
        """Code and reason of the close frame, which has to be the next one, and the end of the stream."""
        frame = await self.frame()
        assert frame.opcode is Opcode.CLOSE
        assert await self.reader.read() == b""
        return int.from_bytes(frame.data[:2], "big"), json.loads(frame.data[2:])


def masked(opcode: Opcode, data: bytes, fin: bool = True) -> bytes:
    return Frame(opcode, data, fin).serialize(mask=True)


async def hear(client: ClientConnection) -> Any:
    async with asyncio.timeout(30):
        return json.loads(await client.recv())


async def hear_to_the_end(client: ClientConnection) -> None:
    async with asyncio.timeout(30):
        while True:
            await client.recv()


async def goodbye(client: ClientConnection) -> tuple[int, dict[str, Any]]:
    """Code and reason of the server's goodbye, whatever it says before."""
    with pytest.raises(ConnectionClosed) as closed:
        await hear_to_the_end(client)
    assert closed.value.rcvd is not None
    return closed.value.rcvd.code, json.loads(closed.value.rcvd.reason)


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not is_so():  # noqa: ASYNC110 what is waited for is the other end of a socket
            await asyncio.sleep(0.005)


async def ordinary(scope: Any, receive: Any, send: Any) -> None:
    """The HTTP side: a page, and a WebSocket of its own on other paths."""
    if scope["type"] == "http":
        if scope["path"] == "/slow":
            await asyncio.sleep(0.6)
        while (said := await receive()).get("more_body"):
            pass
        if said["type"] == "http.disconnect":
            return
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
        await send({"type": "http.response.body", "body": b"page"})
        return
    await receive()
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.send", "text": scope["path"]})
    await send({"type": "websocket.close", "code": 1000})


@pytest.fixture
async def start() -> AsyncIterator[Callable[..., Awaitable[Site]]]:
    """Starts a server: `await start(limits=…)`."""
    async with AsyncExitStack() as stack:

        async def make(limits: Limits | None = None, head_seconds: float = 30.0) -> Site:
            wire = ServerWire(open_broker(), limits=limits)
            await wire.start()
            stack.push_async_callback(wire.stop)

            async def authenticate(token: str | None) -> SignIn:
                is_ann = without_scheme(token or "") == "ann"
                return SignIn(ANN, Term("s", site.expires) if site.expires else None) if is_ann else NOBODY

            async def dispatch(call: Call) -> bytes:
                return await site.dispatch(call)

            door = wire.door(dispatch, authenticate, lambda origin, host: origin != "http://evil.example")
            config = uvicorn.Config(
                ordinary,
                port=0,
                http=gateway(door, head_seconds),
                ws="websockets-sansio",
                lifespan="off",
                log_config=None,
                timeout_graceful_shutdown=5,
            )
            config.load()
            server = uvicorn.Server(config)
            server.lifespan = config.lifespan_class(config)
            site = Site(wire, server, stack)
            await server.startup()

            async def stop() -> None:
                for listener in server.servers:
                    listener.close()
                await wire.connections.close_all(close.GOING, 0.5)
                for connection in list(server.server_state.connections):
                    connection.shutdown()

            stack.push_async_callback(stop)
            return site

        yield make


@pytest.fixture
async def site(start: Callable[..., Awaitable[Site]]) -> Site:
    return await start()


# The handshake


async def test_the_first_frame_says_who_one_is(site: Site) -> None:
    client = await site.dial("?channel_id=lobby", additional_headers={"Authorization": "bearer ann"})
    greeting = await hear(client)
    assert greeting["data"]["root_id"] == f"n::{ANN}"
    assert greeting["data"]["channel_id"] == "lobby"


@pytest.mark.parametrize(
    ("query", "channel_id"),
    [
        ("?channel_id=a&channel_id=b", "b"),
        ("?channel_id=caf%C3%A9+%26x", "café &x"),
        ("?other=1&channel_id=a%2Fb", "a/b"),
        ("?channel_id=%FF", "\ufffd"),
    ],
)
async def test_the_last_channel_of_the_query_counts_percent_decoded(
    site: Site, query: str, channel_id: str
) -> None:
    assert (await hear(await site.dial(query)))["data"]["channel_id"] == channel_id


@pytest.mark.parametrize(
    ("query", "is_told"),
    [
        ("?expiring=3600", True),
        ("?channel_id=lobby&expiring=3600", True),
        ("", False),
        ("?expiring=", False),
        ("?expiring=0", False),
        ("?expiring=-1", False),
        ("?expiring=soon", False),
        ("?expiring=%C2%B2", False),
        ("?expiring=86401", False),
        (f"?expiring={'9' * 1000}", False),
    ],
)
async def test_a_client_that_asks_in_the_query_is_told_before_its_token_expires(
    start: Callable[..., Awaitable[Site]], query: str, is_told: bool
) -> None:
    site = await start()
    site.expires = int(time.time()) + 1800
    client = await site.dial(query, additional_headers={"Authorization": "bearer ann"})
    assert json.loads(await client.recv())["data"]["root_id"] == f"n::{ANN}"
    await client.send('{"type":"connection","id":1}')
    told = [json.loads(await client.recv()) for _ in range(1 + is_told)]
    expiring = {"type": "expiring", "data": {"expiration": site.expires}}
    assert (expiring in told) is is_told
    assert told[-1]["type"] == "reply"


@pytest.mark.parametrize(
    "query", ["", "?channel_id=", "?channel_id=a&channel_id=", "?channel=x", "?channel_id"]
)
async def test_without_a_channel_it_is_random(site: Site, query: str) -> None:
    assert site.wire.ids.server in (await hear(await site.dial(query)))["data"]["channel_id"]


async def test_a_refused_origin_is_closed_4003_without_a_frame(site: Site) -> None:
    client = await site.dial(origin="http://evil.example")
    with pytest.raises(ConnectionClosed) as closed:
        await client.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4003
    assert json.loads(closed.value.rcvd.reason) == {"reconnect_in": None, "reason": close.REFUSED.reason}
    assert site.wire.hub.clients == {}


async def test_a_channel_id_that_is_too_long_is_closed_4003(site: Site) -> None:
    code, reason = await goodbye(await site.dial(f"?channel_id={'x' * 1025}"))
    assert (code, reason["reason"]) == (4003, "a channel id has at most 1,024 characters")
    assert site.wire.hub.clients == {}


GOOD_HEAD = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": KEY,
}


@pytest.mark.parametrize(
    ("method", "changed", "status"),
    [
        ("GET", {"Connection": None, "Upgrade": None}, 426),
        ("POST", {"Connection": None, "Upgrade": None}, 426),
        ("POST", {}, 400),
        ("GET", {"Sec-WebSocket-Key": None}, 400),
        ("GET", {"Sec-WebSocket-Key": "short"}, 400),
        ("GET", {"Sec-WebSocket-Version": None}, 400),
        ("GET", {"Sec-WebSocket-Version": "8"}, 426),
    ],
)
async def test_a_bad_handshake_is_answered_in_http(
    site: Site, method: str, changed: dict[str, str | None], status: int
) -> None:
    head = {name: value for name, value in {**GOOD_HEAD, **changed}.items() if value is not None}
    async with httpx.AsyncClient(verify=False, timeout=30) as client:
        response = await client.request(method, f"http://127.0.0.1:{site.port}/websocket", headers=head)
    assert response.status_code == status
    assert 0 < len(response.text) < 200
    assert re.fullmatch("[0-9a-f]{16}", response.headers["x-request-id"])
    assert (response.headers.get("upgrade") == "websocket") == (status == 426)
    if changed.get("Sec-WebSocket-Version"):
        assert response.headers["sec-websocket-version"] == "13"


async def test_http_1_0_is_refused(site: Site) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    head = "".join(f"{name}: {value}\r\n" for name, value in GOOD_HEAD.items())
    writer.write(f"GET /websocket HTTP/1.0\r\n{head}\r\n".encode())
    assert (await reader.read()).split(b" ")[1] in (b"400", b"426")
    writer.close()


async def test_other_paths_keep_uvicorns_own_websocket_and_http(site: Site) -> None:
    for path in ("/websocket/", "/websocketx", "/other"):
        async with connect(f"ws://127.0.0.1:{site.port}{path}") as client:
            assert await client.recv() == path
    async with httpx.AsyncClient(verify=False, timeout=30) as client:
        assert (await client.get(f"http://127.0.0.1:{site.port}/websocket/")).text == "page"


async def test_a_connection_kept_alive_may_still_be_upgraded(site: Site) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    writer.write(b"GET /page HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (await reader.readuntil(b"page")).startswith(b"HTTP/1.1 200")
    head = "".join(f"{name}: {value}\r\n" for name, value in GOOD_HEAD.items())
    writer.write(f"GET /websocket HTTP/1.1\r\nHost: x\r\n{head}\r\n".encode())
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101")
    assert b'"connection"' in await reader.read(100)
    writer.close()


async def test_a_head_may_come_in_pieces_and_with_frames_behind_it(site: Site) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    head = "".join(f"{name}: {value}\r\n" for name, value in GOOD_HEAD.items()).encode()
    event = masked(Opcode.TEXT, b'{"type":"connection","id":1}')
    for piece in (
        b"GET /web",
        b"socket HTTP/1.1\r\nHost: x\r\n" + head + b"\r",
        b"\n" + event[:3],
        event[3:],
    ):
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(0)
    await reader.readuntil(b"\r\n\r\n")
    async with asyncio.timeout(30):
        await reader.readuntil(b'"reply","id":1')
    writer.close()


CHUNKED = b"POST /page HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n"


@pytest.mark.parametrize(
    ("begin", "part"),
    [
        (b"GET /page HTTP/1.1\r\nHost: x\r\nX: ", b"a"),
        (b"GET /page HTTP/1.1\r\nHost: x\r\n", b"a: b\r\n"),
        (CHUNKED + b"0\r\n", b"a: b\r\n"),
        (CHUNKED + b"2;x=", b"a"),
    ],
    ids=["one header", "many", "trailers", "an extension"],
)
async def test_a_head_without_end_is_refused(begin: bytes, part: bytes, site: Site) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    site.stack.callback(writer.close)
    writer.write(begin)
    await asyncio.sleep(0.01)
    writer.write(part * (60_000 // len(part)))
    await asyncio.sleep(0.01)  # so that nothing is unread when it closes
    writer.write(part * (6_000 // len(part)))
    async with asyncio.timeout(30):
        answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 431 ")
    assert answer.count(b"x-request-id: ") == 1


@pytest.mark.parametrize(
    "line",
    [b"what is this", b"GET /page/?a\x8a HTTP/1.1", b"GET /p\xff HTTP/1.1", "GET /é HTTP/1.1".encode()],
)
async def test_what_is_no_http_is_answered_with_an_id(line: bytes, site: Site) -> None:
    """So the application hears of no address that is not ASCII, and `tests/fuzz/bodies.py` makes none."""
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    site.stack.callback(writer.close)
    writer.write(line + b"\r\nHost: x\r\n\r\n")
    async with asyncio.timeout(30):
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 Bad Request\r\nx-request-id: ")
    assert body == b"Invalid HTTP request received."


async def test_a_body_in_very_many_chunks_is_read_whole_and_so_is_a_request_behind_it(site: Site) -> None:
    """It is parsed in many turns of the event loop."""
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    site.stack.callback(writer.close)
    writer.write(CHUNKED + b"1\r\nx\r\n" * 100_000 + b"0\r\n\r\nGET /page HTTP/1.1\r\nHost: x\r\n\r\n")
    async with asyncio.timeout(60):
        await writer.drain()
        assert (await reader.readuntil(b"page")).startswith(b"HTTP/1.1 200")
        assert (await reader.readuntil(b"page")).startswith(b"HTTP/1.1 200")


async def test_a_long_body_and_a_request_behind_it_are_no_long_head(site: Site) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    site.stack.callback(writer.close)
    writer.write(b"POST /page HTTP/1.1\r\nHost: x\r\nContent-Length: 500000\r\n\r\n" + b"x" * 500_000)
    writer.write(b"GET /page HTTP/1.1\r\nHost: x\r\n")
    await writer.drain()
    writer.write(b"\r\n")
    async with asyncio.timeout(30):
        assert (await reader.readuntil(b"page")).startswith(b"HTTP/1.1 200")
        assert (await reader.readuntil(b"page")).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        (b"", b""),
        (b"\r\n", b"HTTP/1.1 408 "),
        (b"GET /websocket HTTP/1.1\r\nHost:", b"HTTP/1.1 408 "),
        (b"GET /page HTTP/1.1\r\nHost: x\r\n\r\nGET /pa", b"HTTP/1.1 200 "),
    ],
    ids=["nothing", "nearly nothing", "half a head", "half a head behind a request"],
)
async def test_a_head_that_does_not_come_is_not_waited_for(
    said: bytes, answer: bytes, start: Callable[..., Awaitable[Site]]
) -> None:
    site = await start(head_seconds=0.1)
    client = await site.open()
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    site.stack.callback(writer.close)
    writer.write(said)
    async with asyncio.timeout(30):
        heard = await reader.read()
    assert heard.startswith(answer)
    assert (b"408" in heard) == bool(said)
    await client.send('{"type":"connection"}')
    assert (await hear(client))["type"] == "connection"


async def test_a_body_that_does_not_go_on_ends_the_connection_and_one_that_goes_on_slowly_does_not(
    start: Callable[..., Awaitable[Site]],
) -> None:
    site = await start(head_seconds=1.5)  # a pause of the slow one is a tenth of it, and all of them are more
    request = b"POST /page HTTP/1.1\r\nHost: x\r\nContent-Length: 24576\r\n\r\n"
    stalled, slow = [await asyncio.open_connection("127.0.0.1", site.port) for _ in range(2)]
    for _, writer in (stalled, slow):
        site.stack.callback(writer.close)
        writer.write(request)
    other = await site.open()  # an upgrade is no request that waits for its body
    async with asyncio.timeout(30):
        for _ in range(12):
            slow[1].write(b"x" * 2048)
            await asyncio.sleep(0.15)
        assert (await slow[0].readuntil(b"page")).startswith(b"HTTP/1.1 200")
        await stalled[0].read()
    await other.send('{"type":"connection"}')
    assert (await hear(other))["type"] == "connection"


async def test_half_a_head_does_not_break_the_answer_before_it(
    start: Callable[..., Awaitable[Site]],
) -> None:
    site = await start(head_seconds=0.1)
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    site.stack.callback(writer.close)
    writer.write(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\nGET /pa")
    async with asyncio.timeout(30):
        heard = await reader.read()
    assert heard.startswith(b"HTTP/1.1 200 ")
    assert heard.index(b"page") < heard.index(b"HTTP/1.1 408 ")


# Bad input: the table of the protocol. The connection is usable after each.

WALKERS: dict[str, Exception | bytes] = {
    "members": Unauthenticated("members"),
    "guarded": NoAccess("n:Thing:" + "a" * 24),
    "malformed": BadReference("nonsense"),
    "raises": KeyError("/secret/path"),
    "typed": BadEvent(
        "text: Field required", [{"type": "missing", "loc": ["text"], "msg": "m", "input": {}}]
    ),
}
UNKNOWN = {"type": "walker", "error": "Invalid request! Please use valid walker event!"}
TABLE: list[tuple[str | bytes, Any]] = [
    ("{", "Invalid JSON: "),
    ("", "Invalid JSON: "),
    (b"\xff\xfe", "Invalid JSON: not UTF-8, at byte 0"),
    ("[" * 65 + "]" * 65, "Invalid JSON: nested deeper than 64"),
    ('{"type":"connection","x":' + "7" * 5000 + "}", "Invalid JSON: an integer of over 4300 digits"),
    ('{"type":"connection","x":"\\ud800"}', "Invalid JSON: a lone surrogate"),
    ("{}", ["union_tag_not_found", "event"]),
    ("7", ["model_attributes_type", "event"]),
    ('{"type":"nonsense"}', ["union_tag_invalid", "event"]),
    ('{"type":"walker"}', ["missing", "event", "walker", "walker"]),
    ('{"type":"walker","walker":7}', ["string_type", "event", "walker", "walker"]),
    ('{"type":"walker","walker":"x","context":[]}', ["dict_type", "event", "walker", "context"]),
    ('{"type":"user","root_ids":[],"data":{}}', ["too_short", "event", "user", "root_ids"]),
    ('{"type":"channel","channel_ids":[],"data":{}}', ["too_short", "event", "channel", "channel_ids"]),
    ('{"type":"client","client_ids":[],"data":{}}', ["too_short", "event", "client", "client_ids"]),
    ('{"type":"user","root_ids":["x"],"data":{}}', {"error": "Not a valid reference: 'x'"}),
    ('{"type":"walker","walker":"nobody"}', UNKNOWN),
    ('{"type":"walker","walker":"typed"}', ["missing", "text"]),
    (
        '{"type":"walker","walker":"members"}',
        {"type": "walker", "error": "Event members requires to be authenticated!"},
    ),
    (
        '{"type":"walker","walker":"guarded"}',
        {"type": "walker", "error": f"You don't have access on target entry n:Thing:{'a' * 24}!"},
    ),
    (
        '{"type":"walker","walker":"malformed"}',
        {"type": "walker", "error": "Not a valid reference: 'nonsense'"},
    ),
    ('{"type":"walker","walker":"raises"}', "Internal error, reference "),
]


@pytest.mark.parametrize(("said", "told"), TABLE, ids=[str(row[0])[:40] for row in TABLE])
async def test_bad_input_is_answered_and_the_connection_stays(
    site: Site, said: str | bytes, told: Any
) -> None:
    site.walkers.update(WALKERS)
    client = await site.open()
    await client.send(said)
    answer = await hear(client)
    if isinstance(told, str):
        assert list(answer) == ["error"]
        assert answer["error"].startswith(told)
    elif isinstance(told, list):
        (problem,) = answer["error"]
        assert [problem["type"], *problem["loc"]] == told
    else:
        assert answer == told
    await client.send('{"type":"connection"}')
    assert (await hear(client))["type"] == "connection"


async def test_a_frame_over_the_limit_closes_1009(site: Site) -> None:
    client = await site.open()
    await client.send(json.dumps({"type": "connection", "x": "x" * (2**20 - 60)}))
    assert (await hear(client))["type"] == "connection"
    await client.send("x" * (2**20 + 1))
    code, reason = await goodbye(client)
    assert (code, list(reason), reason["reconnect_in"]) == (1009, ["reconnect_in", "reason"], None)


async def test_fragments_count_together(site: Site) -> None:
    wire = await site.raw()
    for number in range(5):
        wire.say(Opcode.CONT if number else Opcode.TEXT, b"x" * 300_000, fin=False)
    assert (await wire.goodbye())[0] == 1009


@pytest.mark.parametrize("pieces", [[b"\xff"], [b'{"a":"\xc3', b'\x28"}'], [b"\xc3"]])
async def test_a_text_frame_that_is_not_utf8_closes_1007_after_what_was_said_before(
    site: Site, pieces: list[bytes]
) -> None:
    wire = await site.raw()
    wire.say(Opcode.TEXT, b'{"type":"connection","id":1}')
    for number, piece in enumerate(pieces):
        wire.say(Opcode.CONT if number else Opcode.TEXT, piece, fin=number == len(pieces) - 1)
    wire.say(Opcode.TEXT, b'{"type":"connection","id":2}')
    assert json.loads(bytes((await wire.frame()).data))["id"] == 1
    assert await wire.goodbye() == (1007, {"reconnect_in": None, "reason": close.NOT_TEXT.reason})
    await until(lambda: not site.wire.hub.clients)


@pytest.mark.parametrize(
    "frames",
    [
        Frame(Opcode.TEXT, b"{}").serialize(mask=False),
        b"\xf1" + masked(Opcode.TEXT, b"{}")[1:],
        b"\x83" + masked(Opcode.TEXT, b"{}")[1:],
        masked(Opcode.CONT, b"{}"),
        masked(Opcode.TEXT, b"{", fin=False) + masked(Opcode.TEXT, b"}"),
        b"\x89\xfe\x00\x7e" + bytes(4 + 126),
        masked(Opcode.CLOSE, b"\x00"),
    ],
    ids=[
        "unmasked",
        "reserved bits",
        "unknown opcode",
        "stray continuation",
        "interleaved",
        "long ping",
        "short close",
    ],
)
async def test_a_broken_protocol_closes_1002(site: Site, frames: bytes) -> None:
    wire = await site.raw()
    wire.writer.write(frames)
    assert (await wire.goodbye())[0] == 1002


async def test_fragments_with_pings_between_them_are_one_event(site: Site) -> None:
    wire = await site.raw()
    event = '{"type":"client","client_ids":["é"],"data":{},"id":1}'.encode()
    for number, byte in enumerate(event):
        wire.say(Opcode.CONT if number else Opcode.TEXT, bytes([byte]), fin=number == len(event) - 1)
        if number == 10:
            wire.say(Opcode.PING, b"there?")
    pong, reply = await wire.frame(), await wire.frame()
    assert (pong.opcode, pong.data) == (Opcode.PONG, b"there?")
    assert json.loads(bytes(reply.data))["ok"] is True


async def test_a_peers_goodbye_is_answered_in_kind(site: Site) -> None:
    wire = await site.raw()
    wire.say(Opcode.CLOSE, b"\x03\xe8bye")
    frame = await wire.frame()
    assert (frame.opcode, bytes(frame.data)) == (Opcode.CLOSE, b"\x03\xe8bye")
    assert await wire.reader.read() == b""
    assert site.wire.hub.clients == {}


# Sending and hearing


async def test_binary_frames_that_hold_json_are_understood(site: Site) -> None:
    client = await site.open()
    await client.send(b'{"type":"connection","id":1}')
    answer = await client.recv()
    assert isinstance(answer, str)


async def test_data_arrives_as_the_very_bytes(site: Site) -> None:
    sender, other = await site.open(), await site.open("?channel_id=lobby")
    data = '{"b" : 1e2,"a":"\\u00e9é", "n": 12345678901234567890123}'
    await sender.send(f'{{"type":"channel","channel_ids":["lobby"],"data":{data}}}')
    assert await other.recv() == data


async def test_replies_carry_the_id_and_slow_walkers_hold_up_nobody(site: Site) -> None:
    gates = {name: asyncio.Event() for name in "ab"}

    async def slow(call: Call) -> bytes:
        await gates[json.loads(call.context)["gate"]].wait()
        return call.context

    site.walkers["slow"] = slow
    client = await site.open()
    for event_id in "ab":
        event = {"type": "walker", "walker": "slow", "id": event_id, "context": {"gate": event_id}}
        await client.send(json.dumps(event))
    await client.send('{"type":"connection","id":"c"}')
    assert (await hear(client))["id"] == "c"
    for event_id in "ba":
        gates[event_id].set()
        reply = await hear(client)
        assert reply == {"type": "reply", "id": event_id, "ok": True, "data": {"gate": event_id}}


async def test_frames_of_the_server_may_be_large(site: Site) -> None:
    body = b'"' + b"x" * (16 * 2**20 - 2000) + b'"'
    site.walkers["large"] = body
    client = await site.open()
    await client.send('{"type":"walker","walker":"large","response":true}')
    answer = await client.recv()
    assert isinstance(answer, str)
    assert answer.encode() == body


async def test_a_thousand_events_in_one_go_are_answered_in_order(site: Site) -> None:
    client = await site.raw()
    client.writer.write(
        b"".join(masked(Opcode.TEXT, b'{"type":"connection","id":%d}' % number) for number in range(5000))
    )
    for number in range(5000):
        assert json.loads(bytes((await client.frame()).data))["id"] == number


async def test_a_sender_whose_events_wait_is_paused_by_tcp_and_loses_nothing(site: Site) -> None:
    gate = asyncio.Event()

    async def slow(call: Call) -> bytes:
        await gate.wait()
        return b"{}"

    site.walkers["slow"] = slow
    wire = await site.raw()
    wire.say(Opcode.TEXT, b'{"type":"walker","walker":"slow"}')
    filler = b" " * 4000
    for number in range(4000):
        wire.say(Opcode.TEXT, b'{"type":"connection","id":%d}' % number + filler)
    await asyncio.sleep(0.2)
    # 16 MB were said. What the server does not take stays here, or in the kernel.
    assert wire.writer.transport.get_write_buffer_size() > 2_000_000
    gate.set()
    for number in range(4000):
        assert json.loads(bytes((await wire.frame()).data))["id"] == number


async def test_a_reader_that_stalls_is_cut_off_and_the_others_hear_everything_in_order(site: Site) -> None:
    sender, quick = await site.open("?channel_id=lobby"), await site.open("?channel_id=lobby")
    stalled = socket.create_connection(("127.0.0.1", site.port))
    stalled.sendall(f"GET /websocket?channel_id=lobby HTTP/1.1\r\nHost: x\r\n{head()}\r\n".encode())
    await until(lambda: len(site.wire.hub.clients) == 3)
    count = 120
    for number in range(count):
        await sender.send(
            json.dumps(
                {"type": "channel", "channel_ids": ["lobby"], "data": {"n": number, "x": "x" * 100_000}}
            )
        )
        assert (await hear(sender))["n"] == number
    assert [(await hear(quick))["n"] for _ in range(count)] == list(range(count))
    await until(lambda: len(site.wire.hub.clients) == 2)
    assert site.wire.turn.cut_off == 1
    stalled.close()


def head() -> str:
    return "".join(f"{name}: {value}\r\n" for name, value in GOOD_HEAD.items())


async def test_members_that_come_and_go_during_a_fan_out_take_nothing_from_the_others(site: Site) -> None:
    sender, listener = await site.open(), await site.open("?channel_id=lobby")
    count = 200

    async def come_and_go() -> None:
        for number in range(40):
            member = await site.dial("?channel_id=lobby")
            if number % 3 == 0:
                member.transport.abort()
            elif number % 3 == 1:
                await member.close()

    async def speak() -> None:
        for number in range(count):
            await sender.send(
                f'{{"type":"channel","channel_ids":["lobby"],"data":{{"n":{number}}},"id":{number}}}'
            )
            assert (await hear(sender))["ok"] is True

    await asyncio.gather(come_and_go(), speak())
    assert [(await hear(listener))["n"] for _ in range(count)] == list(range(count))


async def test_nothing_is_left_when_all_have_gone(site: Site) -> None:
    for number in range(20):
        client = await site.open(f"?channel_id={number % 3}")
        if number % 2:
            client.transport.abort()
        else:
            await client.close()
    await until(lambda: not site.wire.hub.clients and not len(site.wire.heartbeat))
    assert (len(site.wire.hub._users), len(site.wire.hub._channels), site.wire.connections.under_way) == (
        0,
        0,
        set(),
    )
    await until(lambda: not site.server.server_state.connections)


# Heartbeat and closing


async def test_a_peer_that_answers_pings_stays_and_one_that_does_not_is_closed_4100(
    start: Callable[..., Awaitable[Site]],
) -> None:
    site = await start(limits=Limits(ping=0.2, pong=0.2, goodbye=0.2))
    alive = await site.open()
    dead = await site.raw()
    assert (await dead.frame()).opcode is Opcode.PING
    code, reason = await dead.goodbye()
    assert (code, reason["reconnect_in"]) == (4100, 1000)
    await alive.send('{"type":"connection"}')
    assert (await hear(alive))["type"] == "connection"


async def test_a_peer_that_does_not_say_goodbye_back_is_cut_off(
    start: Callable[..., Awaitable[Site]],
) -> None:
    site = await start(limits=Limits(goodbye=0.2))
    wire = await site.raw()
    await site.wire.connections.close_all(close.GOING, 0.2)
    assert (await wire.goodbye())[0] == 1001
    await until(lambda: not len(site.wire.heartbeat))


@pytest.mark.parametrize("goodbye_said", [close.GOING, close.DRAIN])
async def test_stopping_says_goodbye_after_what_was_queued_and_sends_newcomers_away(
    site: Site, goodbye_said: close.Close
) -> None:
    client = await site.open("?channel_id=lobby")
    site.wire.hub.notify(Notification("channels", ("lobby",), b'{"n":1}'))
    closing = asyncio.ensure_future(site.wire.connections.close_all(goodbye_said, 5))
    assert await hear(client) == {"n": 1}
    expected = {"reconnect_in": goodbye_said.reconnect_in, "reason": goodbye_said.reason}
    assert await goodbye(client) == (goodbye_said.code, expected)
    await closing
    assert await goodbye(await site.dial()) == (goodbye_said.code, expected)


async def test_a_stopping_uvicorn_closes_1001(site: Site) -> None:
    client = await site.open()
    stopping = asyncio.ensure_future(site.server.shutdown())
    assert (await goodbye(client))[0] == 1001
    await stopping
    assert not site.server.server_state.connections
