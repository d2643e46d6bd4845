"""Requests over HTTP share the time of a turn of the event loop with everything else. Their limits: `test_gateway.py`."""

from __future__ import annotations

import asyncio
import math
import socket
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack
from typing import Any

import pytest
import uvicorn

from walkwire.brokers import open_broker
from walkwire.server.socket.gateway import gateway
from walkwire.server.socket.requests import BODY_BYTE
from walkwire.wire.budget import REQUEST, TURN, Budget
from walkwire.wire.door import NOBODY, Call, SignIn
from walkwire.wire.wire import Wire

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
MOST = round(1.6 * TURN / REQUEST)  # that begin in one turn: new ones and those of earlier turns


class Site:
    """A server whose application notes in which turn of the event loop it has a request with its body."""

    def __init__(self) -> None:
        self.begun: Counter[int] = Counter()  # by turn
        self._turn = 0
        self.wire = Wire(open_broker())
        door = self.wire.door(self._dispatch, self._authenticate, lambda origin, host: True)
        config = uvicorn.Config(
            self._app, port=0, http=gateway(door), lifespan="off", log_config=None, interface="asgi3"
        )
        config.load()
        self.server = uvicorn.Server(config)
        self.server.lifespan = config.lifespan_class(config)

    @property
    def port(self) -> int:
        return int(self.server.servers[0].sockets[0].getsockname()[1])

    def count_turns(self) -> None:
        self._turn += 1
        asyncio.get_running_loop().call_soon(self.count_turns)

    async def connect(self, count: int, stack: ExitStack) -> list[socket.socket]:
        """So many clients, each accepted, until the stack is left."""
        clients = []
        for number in range(1, count + 1):
            clients.append(stack.enter_context(socket.create_connection(("127.0.0.1", self.port))))
            await self.until(lambda number=number: len(self.server.server_state.connections) == number)
        return clients

    async def until(self, is_so: Callable[[], bool]) -> None:
        async with asyncio.timeout(30):
            while not is_so():  # noqa: ASYNC110 what is waited for is the other end of a socket
                await asyncio.sleep(0)

    async def _app(self, scope: Any, receive: Any, send: Any) -> None:
        while scope["path"] != "/unread" and (await receive()).get("more_body"):
            pass
        self.begun[self._turn] += 1
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body"})

    async def _dispatch(self, call: Call) -> bytes:
        raise NotImplementedError

    async def _authenticate(self, token: str | None) -> SignIn:
        return NOBODY


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    site = Site()
    await site.wire.start()
    await site.server.startup()
    site.count_turns()
    yield site
    for listener in site.server.servers:
        listener.close()
    for connection in list(site.server.server_state.connections):
        connection.shutdown()
    await site.wire.stop()


async def test_requests_of_many_connections_begin_in_several_turns(site: Site) -> None:
    with ExitStack() as stack:
        for client in await site.connect(200, stack):
            client.sendall(GET * 4)
        await site.until(lambda: site.begun.total() == 800)
        assert max(site.begun.values()) <= MOST


async def test_bodies_of_many_connections_are_handled_in_several_turns(site: Site) -> None:
    post = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n" + bytes(60_000)
    with ExitStack() as stack:
        for client in await site.connect(100, stack):
            client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 18)  # whether or not anybody reads
            client.sendall(post)
        await site.until(lambda: site.begun.total() == 100)
        assert max(site.begun.values()) <= round(1.6 * TURN / (REQUEST + 60_000 * BODY_BYTE))


class Crowd:
    """Stands in line for ever, and took less than everybody else."""

    taken = 0.0
    is_narrow = False

    def __init__(self, budget: Budget) -> None:
        self._budget = budget

    def narrow(self, is_narrow: bool) -> None: ...

    def read_rest(self) -> None:
        self._budget.wait(self)


async def test_a_long_pipeline_stands_in_line_and_is_answered(site: Site) -> None:
    budget = site.wire.budget
    budget.wait(Crowd(budget))
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    writer.write(GET * 1000)
    async with asyncio.timeout(30):
        for _ in range(1000):
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
    assert budget.place < math.inf  # the crowd was there all the time
    writer.close()


async def test_the_rest_of_a_body_that_nobody_reads_is_dropped_and_a_request_behind_it_is_answered(
    site: Site,
) -> None:
    budget = site.wire.budget
    budget.wait(Crowd(budget))  # so that the body is handled in slices
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    writer.write(b"POST /unread HTTP/1.1\r\nHost: x\r\nContent-Length: 4000000\r\n\r\n" + bytes(4_000_000))
    writer.write(GET)
    async with asyncio.timeout(30):
        for _ in range(2):
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
    writer.close()
