"""Several server processes on one database and one broker, each with a network of its own to the broker, and traffic on them."""

from __future__ import annotations

import asyncio
import json
import secrets
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed

from tests.brokers.service import Kind, Service, Wire, is_open, missing, service
from tests.serving import Server, Socket, client
from walkwire.stores import open_store

# For what the kind of broker has no part in: the other kind is left to `make long`.
ONE_KIND = ("redis", pytest.param("nats", marks=pytest.mark.long))
PROGRAM = Path(__file__).with_name("program.py")
PATIENCE = 60.0
TOKEN_SECRET = "s" * 32
POOL = "8"  # connections of a server to PostgreSQL, which takes 100 of all the tests that run at once


class Cluster:
    """`servers`, and for each the `wires` to the `broker` unless they reach it directly. What was started is stopped at last."""

    def __init__(
        self,
        broker: Service,
        folder: Path,
        database: str,
        stack: AsyncExitStack,
        *,
        is_direct: bool = False,
        program: Path = PROGRAM,
    ) -> None:
        self.broker = broker
        self.servers: list[Server] = []
        self.wires: list[Wire] = []
        self._folder = folder
        self._database = database
        self._stack = stack
        self._is_direct = is_direct
        self._program = program

    async def start(self, **settings: str) -> Server:
        """One more server."""
        return (await self.start_all(1, **settings))[0]

    async def start_all(self, count: int, **settings: str) -> list[Server]:
        """So many more, all at the same time."""
        urls = [await self._url() for _ in range(count)]
        started = await asyncio.gather(*(asyncio.to_thread(self._start, url, settings) for url in urls))
        for server in started:
            self._stack.push_async_callback(asyncio.to_thread, _end, server)
            self.servers.append(server)
        await asyncio.gather(*map(self.ready, started))
        return started

    async def _url(self) -> str:
        if self._is_direct:
            return self.broker.url
        self.wires.append(await self._stack.enter_async_context(Wire(self.broker)))
        return self.wires[-1].url

    def _start(self, url: str, settings: dict[str, str]) -> Server:
        ours = {
            "broker": url,
            "database": self._database,
            "token_secret": TOKEN_SECRET,
            "database_pool": POOL,
        }
        return Server(self._program, self._folder, **(ours | settings))

    async def ready(self, server: Server, is_ready: bool = True, seconds: float = PATIENCE) -> float:
        """Wait until the server says that it is ready, or that it is not; gives how long that took."""
        start = time.monotonic()
        while await readiness(server) != (200 if is_ready else 503):
            assert time.monotonic() - start < seconds
            await asyncio.sleep(0.05)
        return time.monotonic() - start


@asynccontextmanager
async def cluster(
    kind: Kind,
    folder: Path,
    count: int,
    *,
    is_direct: bool = False,
    program: Path = PROGRAM,
    **settings: str,
) -> AsyncIterator[Cluster]:
    """So many servers on one database and a broker of their own."""
    async with AsyncExitStack() as stack:
        database = stack.enter_context(new_database())
        options = ("-js", "-sd", str(folder / "jetstream")) if kind == "nats" else ()
        broker = stack.enter_context(service(kind, folder, *options))
        open_store(
            database
        ).close()  # its tables are there: servers that start at once would wait for one of them
        made = Cluster(broker, folder, database, stack, is_direct=is_direct, program=program)
        await made.start_all(count, **settings)
        yield made


@contextmanager
def new_database() -> Iterator[str]:
    """A database of one's own in the PostgreSQL of this machine."""
    if not is_open(5432):
        missing("PostgreSQL at port 5432")
    name = f"walkwire_cluster_{secrets.token_hex(6)}"
    ask = ["psql", "-q", "-h", "127.0.0.1", "-U", "postgres", "-c"]
    subprocess.run([*ask, f"CREATE DATABASE {name}"], check=True)
    try:
        yield f"postgresql://postgres@127.0.0.1:5432/{name}"
    finally:
        subprocess.run([*ask, f"DROP DATABASE {name} WITH (FORCE)"], check=True)


async def readiness(server: Server) -> int | None:
    """The status of /healthz/ready, None where nobody answers."""
    async with client(base_url=server.url) as http:
        try:
            return (await http.get("/healthz/ready")).status_code
        except httpx.TransportError:
            return None


async def until(is_so: Callable[[], bool], seconds: float = PATIENCE) -> float:
    """Wait until it is so; gives how long that took."""
    start = time.monotonic()
    while not is_so():
        assert time.monotonic() - start < seconds
        await asyncio.sleep(0.005)
    return time.monotonic() - start


class Ear:
    """Listens on a socket: `heard` numbers in the order of their arrival, each with its moment."""

    def __init__(self, socket: Socket) -> None:
        self.heard: list[int] = []
        self.times: dict[int, float] = {}
        self.code: int | None = None
        self._socket = socket
        self._task = asyncio.create_task(self._listen())

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _listen(self) -> None:
        try:
            async for message in self._socket.wire:
                number = _number(message)
                if number is not None:
                    self.heard.append(number)
                    self.times[number] = time.monotonic()
        except ConnectionClosed:
            pass
        self.code = self._socket.wire.close_code


class Voice:
    """Says number after number in a channel, one every `pause` seconds: `answers` by number, True where it was told."""

    def __init__(self, socket: Socket, channel_id: str, pause: float = 0.01, first: int = 0) -> None:
        self.answers: dict[int, bool] = {}
        self.times: dict[int, float] = {}
        self.sent = 0
        self.messages: set[str] = set()
        self._socket = socket
        self._channel_id = channel_id
        self._pause = pause
        self._first = first
        self._tasks = [asyncio.create_task(work) for work in (self._speak(), self._listen())]

    async def stop(self) -> None:
        """Say no more, and wait for the answers."""
        self._tasks[0].cancel()
        with suppress(AssertionError):
            await until(lambda: len(self.answers) == self.sent, 10)
        self._tasks[1].cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def refused(self) -> set[int]:
        return {number for number, is_told in self.answers.items() if not is_told}

    @property
    def told(self) -> set[int]:
        return {number for number, is_told in self.answers.items() if is_told}

    async def _speak(self) -> None:
        number = self._first
        with suppress(ConnectionClosed):
            while True:
                event = {
                    "type": "channel",
                    "channel_ids": [self._channel_id],
                    "data": {"number": number},
                    "id": number,
                }
                self.times[number] = time.monotonic()
                await self._socket.say(event)
                self.sent += 1
                number += 1
                await asyncio.sleep(self._pause)

    async def _listen(self) -> None:
        with suppress(ConnectionClosed):
            while True:
                frame = await self._socket.hear()
                if frame.get("type") == "reply":
                    self.answers[frame["id"]] = frame["ok"]
                    if not frame["ok"]:
                        self.messages.add(frame["error"]["message"])


def _number(message: Any) -> int | None:
    frame = json.loads(message)
    return frame.get("number") if isinstance(frame, dict) else None


def _end(server: Server) -> None:
    if server.process.poll() is None:
        server.stop()
