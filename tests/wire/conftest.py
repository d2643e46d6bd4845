"""A server's wire without sockets: a hub, a dispatch whose walkers the test gives, and clients in memory."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest

from walkwire.account.auth import without_scheme
from walkwire.broker import Broker
from walkwire.brokers.memory import MemoryBroker
from walkwire.errors import UnknownWalker
from walkwire.histories.memory import MemoryHistory
from walkwire.history import History
from walkwire.server.socket.loopback import Loopback
from walkwire.server.streams.sessions import SignedSessions
from walkwire.wire.delivery.client import Term
from walkwire.wire.door import NOBODY, Call, Door, SignIn
from walkwire.wire.hub import Hub
from walkwire.wire.limits import Limits
from walkwire.wire.policy import Policies
from walkwire.wire.streams.streams import LevelOf, recent
from walkwire.wire.wire import Wire

ANN = "a" * 24
BOB = "b" * 24
TOKENS = {"ann": ANN, "bob": BOB}


@dataclass
class House:
    """`walkers` answers by name; `open` connects a client and takes its greeting, kept in `who`."""

    wire: Wire
    stack: AsyncExitStack
    walkers: dict[str, Callable[[Call], Awaitable[bytes]]] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=lambda: dict(TOKENS))
    terms: dict[str, Term] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    sessions: SignedSessions = field(default_factory=lambda: SignedSessions(b"a secret of all servers"))

    @property
    def hub(self) -> Hub:
        return self.wire.hub

    @property
    def door(self) -> Door:
        return self.wire.door(
            self.dispatch, self.authenticate, lambda origin, host: True, sessions=self.sessions
        )

    async def dispatch(self, call: Call) -> bytes:
        self.calls.append(call)
        if call.walker not in self.walkers:
            raise UnknownWalker
        return await self.walkers[call.walker](call)

    async def authenticate(self, token: str | None) -> SignIn:
        await asyncio.sleep(0)
        name = without_scheme(token or "")
        return SignIn(self.tokens[name], self.terms.get(name)) if name in self.tokens else NOBODY

    async def open(
        self, token: str | None = None, channel_id: str | None = None, notice: int = 0
    ) -> Loopback:
        socket = await self.stack.enter_async_context(Loopback(self.door, token, channel_id, notice=notice))
        assert (await socket.receive())["type"] == "connection"
        return socket

    async def connect(self, token: str | None = None, *channels: Any, **fields: Any) -> Listener:
        """Open a client of version 2, and connect it to channels: ids, or objects as in `connect`."""
        socket = await self.stack.enter_async_context(Loopback(self.door, version=2))
        listener = Listener(socket)
        await listener.connect(token, *channels, **fields)
        return listener


class Listener:
    """A client of version 2. `who`: the data of the reply to its `connect`."""

    def __init__(self, socket: Loopback) -> None:
        self.socket = socket
        self.who: dict[str, Any] = {}

    async def connect(self, token: str | None = None, *channels: Any, **fields: Any) -> dict[str, Any]:
        wishes = [{"channel_id": each} if isinstance(each, str) else each for each in channels]
        reply = await self.ask("connect", token=token, channels=wishes, **fields)
        self.who = reply["data"] if reply["ok"] else {}
        return reply

    async def ask(self, kind: str, **fields: Any) -> dict[str, Any]:
        """Send an event, and return the next frame, its reply."""
        await self.socket.send({"type": kind, "id": kind} | fields)
        reply: dict[str, Any] = await self.socket.receive()
        assert reply["type"] == "reply", reply
        return reply

    async def heard(self) -> list[dict[str, Any]]:
        return await self.socket.quiet()


@pytest.fixture
async def build() -> AsyncIterator[Callable[..., Awaitable[House]]]:
    """Makes a server: `await build(policies=…, limits=…, broker=…)`."""
    async with AsyncExitStack() as stack:

        async def make(
            policies: Policies | None = None,
            limits: Limits | None = None,
            broker: Broker | None = None,
            clock: Callable[[], float] = time.time,
            history: History | None = None,
            level_of: LevelOf = recent,
        ) -> House:
            history = MemoryHistory() if history is None else history
            wire = Wire(
                broker or MemoryBroker(),
                policies=policies,
                limits=limits,
                clock=clock,
                history=history,
                level_of=level_of,
            )
            await wire.start()
            stack.push_async_callback(wire.stop)
            return House(wire, stack)

        yield make


@pytest.fixture
async def house(build: Callable[..., Awaitable[House]]) -> House:
    """A server as in development."""
    return await build()


def notice(**data: Any) -> dict[str, Any]:
    """Some data to send."""
    return {"type": "chat", "data": data}


class Gate:
    """A walker that waits until it is let go, call by call."""

    def __init__(self) -> None:
        self.inside = 0
        self.most = 0
        self.order: list[bytes] = []
        self._open = asyncio.Semaphore(0)
        self._came = asyncio.Event()

    def let_go(self, count: int = 1) -> None:
        for _ in range(count):
            self._open.release()

    async def came(self, count: int) -> None:
        async with asyncio.timeout(30):
            while len(self.order) < count:
                self._came.clear()
                await self._came.wait()

    async def __call__(self, call: Call) -> bytes:
        self.inside += 1
        self.most = max(self.most, self.inside)
        self.order.append(call.context)
        self._came.set()
        await self._open.acquire()
        self.inside -= 1
        return call.context


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)
