"""Servers in memory on one bus, whose presence goes by a clock that tests move."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any, TypeVar

import pytest

from tests.wire.conftest import House, Listener, settle
from walkwire.brokers.memory import Bus, MemoryBroker
from walkwire.histories.memory import MemoryHistory
from walkwire.wire.policy import Policies
from walkwire.wire.presence.presence import TICK
from walkwire.wire.wire import Wire

Result = TypeVar("Result")


class Clock:
    """The time of all servers, in seconds. `advance` ticks those that want to."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.ticks: dict[ByHand, Callable[[], None]] = {}

    def __call__(self) -> float:
        return self.now

    async def advance(self, seconds: float) -> None:
        end = self.now + seconds
        while self.now < end - 1e-9:
            self.now = min(end, self.now + TICK)
            for tick in list(self.ticks.values()):
                tick()
            await settle()


class ByHand:
    """A ticker that the clock moves."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def start(self, tick: Callable[[], None]) -> None:
        self._clock.ticks[self] = tick

    def stop(self) -> None:
        self._clock.ticks.pop(self, None)


class FrailBroker(MemoryBroker):
    """A broker that loses messages.

    - loss: how many of a hundred
    - is_cut: all of them, in both directions
    - is_networked: it takes a while until a message is published
    """

    loss = 0
    is_networked = False
    is_cut = False
    dice = random.Random(1)

    def when_published(self) -> asyncio.Future[None] | None:
        if not self.is_networked:
            return None
        future = asyncio.get_running_loop().create_future()
        future.set_result(None)
        return future

    def publish(self, topic: str, message: bytes) -> None:
        self.counts.published += 1
        for broker in self._bus.brokers:
            is_lost = self.is_cut or getattr(broker, "is_cut", False) or self.dice.randrange(100) < self.loss
            if broker is not self and topic in broker._topics and not is_lost:
                asyncio.get_running_loop().call_soon(broker._deliver_message, topic, message)


class Town:
    """Several servers. `clock`: their time; `brokers`: of each."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self.bus = Bus()
        self.clock = Clock()
        self.brokers: dict[str, FrailBroker] = {}
        self._stack = stack

    async def start(self, policies: Policies | None = None) -> House:
        """One more server."""
        ticker = ByHand(self.clock)
        broker = FrailBroker(self.bus)
        wire = Wire(
            broker,
            policies=policies,
            history=MemoryHistory(),
            ticker=ticker,
            monotonic=self.clock,
        )
        await wire.start()
        self.brokers[wire.ids.server] = broker
        self._stack.push_async_callback(wire.stop)
        return House(wire, self._stack)

    async def run(self, work: Awaitable[Result]) -> Result:
        """Wait for something while the clock goes on."""
        task = asyncio.ensure_future(work)
        await settle()
        for _ in range(100):
            if task.done():
                break
            await self.clock.advance(TICK)
        return await task

    async def kill(self, house: House) -> None:
        """End a server as `kill -9` does: it says nothing any more."""
        house.wire.hub.presence.stop()
        await house.wire.peers.stop()


class Seen:
    """What a client of version 2 has put together from its reply and its frames: `users` with their info, and `count`."""

    def __init__(self, listener: Listener, presence: dict[str, Any], channel_id: str = "den") -> None:
        self.listener = listener
        self.users: dict[str, Any] | None = None
        self.count = 0
        self.frames: list[dict[str, Any]] = []
        self._channel_id = channel_id
        self._take(presence)

    async def look(self) -> Seen:
        """Read the frames that have come. `frames`: these."""
        self.frames = [
            each
            for each in await self.listener.heard()
            if each["type"] == "presence" and each["channel_id"] == self._channel_id
        ]
        for each in self.frames:
            self._take(each)
        return self

    def _take(self, told: dict[str, Any]) -> None:
        self.count = told["count"]
        if "users" in told:
            self.users = {each["root_id"]: each["info"] for each in told["users"]}
        elif "joined" not in told:
            self.users = None
        elif self.users is not None:
            for each in told["joined"]:
                self.users[each["root_id"]] = each["info"]
            for each in told["left"]:
                self.users.pop(each["root_id"], None)

    @property
    def names(self) -> set[str]:
        """The first letters of the users' roots."""
        assert self.users is not None
        return {root_id[3] for root_id in self.users}


async def watch(
    house: House, token: str | None, how: str = "list", channel_id: str = "den", **fields: Any
) -> Seen:
    """Connect a client that watches a channel."""
    listener = await house.connect(token, {"channel_id": channel_id, "presence": how}, **fields)
    return Seen(listener, listener.who["streams"]["channels"][channel_id]["presence"], channel_id)


@pytest.fixture
async def town() -> AsyncIterator[Town]:
    """No server yet."""
    async with AsyncExitStack() as stack:
        yield Town(stack)


Start = Callable[..., Awaitable[House]]


@pytest.fixture
async def house(town: Town) -> House:
    """One server."""
    return await town.start()
