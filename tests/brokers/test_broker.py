"""The contract of `broker.py`, over every kind of broker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from walkwire.broker import Broker
from walkwire.brokers import open_broker
from walkwire.brokers.memory import Bus, MemoryBroker
from walkwire.errors import StartError


class Server:
    """A broker and what it was delivered."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self.heard: list[tuple[str, bytes]] = []
        self._news = asyncio.Event()

    def deliver(self, topic: str, message: bytes) -> None:
        self.heard.append((topic, message))
        self._news.set()

    async def subscribe(self, *topics: str) -> None:
        self.broker.subscribe(topics)
        if (settled := self.broker.settled()) is not None:
            await settled

    async def hears(self, count: int) -> list[tuple[str, bytes]]:
        """What arrived, when it is `count` messages."""
        async with asyncio.timeout(5):
            while len(self.heard) < count:
                self._news.clear()
                await self._news.wait()
        return self.heard


@pytest.fixture(params=["memory"])
async def server(request: pytest.FixtureRequest) -> AsyncIterator[Callable[[], Any]]:
    """Starts servers that hear each other: `await server()`."""
    bus = Bus()
    async with AsyncExitStack() as stack:

        async def start() -> Server:
            started = Server(MemoryBroker(bus))
            await started.broker.start(started.deliver)
            stack.push_async_callback(started.broker.stop)
            return started

        yield start


async def test_a_message_reaches_every_server_that_asked_for_its_topic(server: Any) -> None:
    ann, bob, eve = await server(), await server(), await server()
    await bob.subscribe("c.lobby")
    await eve.subscribe("c.other", "c.lobby")
    ann.broker.publish("c.lobby", b"1")
    assert await bob.hears(1) == await eve.hears(1) == [("c.lobby", b"1")]


async def test_a_server_without_interest_receives_nothing(server: Any) -> None:
    ann, bob, eve = await server(), await server(), await server()
    await bob.subscribe("c.lobby")
    await eve.subscribe("c.end")
    for _ in range(100):
        ann.broker.publish("c.elsewhere", b"1")
    ann.broker.publish("c.lobby", b"2")
    ann.broker.publish("c.end", b"3")
    await eve.hears(1)
    assert (await bob.hears(1), eve.heard) == ([("c.lobby", b"2")], [("c.end", b"3")])


async def test_messages_of_one_publisher_on_one_topic_arrive_in_order(server: Any) -> None:
    ann, bob = await server(), await server()
    await bob.subscribe("c.lobby")
    sent = [("c.lobby", b"%d" % number) for number in range(1000)]
    for topic, message in sent:
        ann.broker.publish(topic, message)
    assert await bob.hears(1000) == sent


async def test_a_topic_given_back_is_heard_no_more(server: Any) -> None:
    ann, bob = await server(), await server()
    await bob.subscribe("c.lobby", "c.end")
    bob.broker.unsubscribe(["c.lobby"])
    await bob.subscribe()
    ann.broker.publish("c.lobby", b"1")
    ann.broker.publish("c.end", b"2")
    assert await bob.hears(1) == [("c.end", b"2")]


async def test_calls_take_effect_in_their_order(server: Any) -> None:
    ann, bob = await server(), await server()
    bob.broker.subscribe(["c.lobby"])
    bob.broker.unsubscribe(["c.lobby"])
    await bob.subscribe("c.lobby")
    ann.broker.publish("c.lobby", b"1")
    assert await bob.hears(1) == [("c.lobby", b"1")]


async def test_bytes_are_not_touched(server: Any) -> None:
    ann, bob = await server(), await server()
    await bob.subscribe("s.x")
    message = bytes(range(256)) * 1000
    ann.broker.publish("s.x", message)
    assert await bob.hears(1) == [("s.x", message)]


async def test_after_stop_nothing_is_delivered(server: Any) -> None:
    ann, bob, eve = await server(), await server(), await server()
    await bob.subscribe("c.lobby")
    await eve.subscribe("c.lobby")
    ann.broker.publish("c.lobby", b"1")
    await bob.broker.stop()
    before = list(bob.heard)
    await eve.hears(1)
    assert bob.heard == before
    await bob.broker.stop()


async def test_publishing_does_not_call_back_before_it_returns(server: Any) -> None:
    ann, bob = await server(), await server()
    await bob.subscribe("c.lobby")
    ann.broker.publish("c.lobby", b"1")
    assert bob.heard == []


def test_a_broker_is_chosen_by_its_url() -> None:
    assert isinstance(open_broker("memory://"), MemoryBroker)
    assert isinstance(open_broker(), MemoryBroker)
    with pytest.raises(StartError, match="No broker of the kind 'rabbit'"):
        open_broker("rabbit://localhost")
