"""Suite: the contract of `broker.py` as checks that every broker has to pass, yours too. Needs no test library.

    @pytest.mark.parametrize("check", suite.CHECKS, ids=suite.name)
    async def test_my_broker(check):
        await check(lambda: MyBroker("my://…"))

Each check takes a callable that returns one more broker of the same system, not started. It raises AssertionError, or
TimeoutError if a message did not arrive within PATIENCE seconds.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

from walkwire.broker import Broker

PATIENCE = 10.0

Make = Callable[[], Broker]
Check = Callable[[Make], Awaitable[None]]


class Server:
    """A broker, and the messages that it delivered."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self.heard: list[tuple[str, bytes]] = []
        self._news = asyncio.Event()

    def deliver(self, topic: str, message: bytes) -> None:
        """Append a message."""
        self.heard.append((topic, message))
        self._news.set()

    async def subscribe(self, *topics: str) -> None:
        """Subscribe to topics and wait until the subscriptions are in force."""
        self.broker.subscribe(topics)
        if (settled := self.broker.when_subscribed()) is not None:
            await asyncio.wait_for(settled, PATIENCE)

    async def hears(self, count: int) -> list[tuple[str, bytes]]:
        """Wait until `count` messages have arrived and return them all. Raises TimeoutError."""
        async with asyncio.timeout(PATIENCE):
            while len(self.heard) < count:
                self._news.clear()
                await self._news.wait()
        return self.heard


@asynccontextmanager
async def servers(make: Make, count: int) -> AsyncIterator[list[Server]]:
    """Yield `count` connected servers of one system."""
    async with AsyncExitStack() as stack:
        started = [Server(make()) for _ in range(count)]
        for server in started:
            stack.push_async_callback(server.broker.stop)
            await server.broker.start(server.deliver)
            assert server.broker.away is None, server.broker.away
        yield started


def topic() -> str:
    """Return a topic that no other test uses, as long as the longest that walkwire makes."""
    return f"c.{secrets.token_hex(8)}:A-z_{'0' * 83}"


async def a_message_reaches_every_server_that_asked_for_its_topic(make: Make) -> None:
    """Check that each subscriber gets a message once."""
    async with servers(make, 3) as (ann, bob, eve):
        lobby = topic()
        await bob.subscribe(lobby)
        await eve.subscribe(topic(), lobby)
        ann.broker.publish(lobby, b"1")
        assert await bob.hears(1) == await eve.hears(1) == [(lobby, b"1")]


async def a_server_without_interest_receives_nothing(make: Make) -> None:
    """Check that a server gets no messages on topics that it does not subscribe to."""
    async with servers(make, 3) as (ann, bob, eve):
        lobby, end = topic(), topic()
        await bob.subscribe(lobby)
        await eve.subscribe(end)
        for number in range(100):
            ann.broker.publish(lobby, b"%d" % number)
        ann.broker.publish(topic(), b"nobody")
        ann.broker.publish(end, b"end")
        await bob.hears(100)
        await eve.hears(1)
        assert eve.heard == [(end, b"end")]
        assert (ann.broker.counts.received, bob.broker.counts.received) == (0, 100)
        assert eve.broker.counts.received == 1
        assert ann.broker.counts.published == 102


async def messages_of_one_publisher_on_one_topic_arrive_in_order(make: Make) -> None:
    """Check the order of 10,000 messages."""
    async with servers(make, 2) as (ann, bob):
        lobby = topic()
        await bob.subscribe(lobby)
        sent = [(lobby, b"%d" % number) for number in range(10_000)]
        for name, message in sent:
            ann.broker.publish(name, message)
        assert await bob.hears(len(sent)) == sent


async def a_topic_given_back_is_heard_no_more(make: Make) -> None:
    """Check that nothing arrives after `unsubscribe`."""
    async with servers(make, 2) as (ann, bob):
        lobby, end = topic(), topic()
        await bob.subscribe(lobby, end)
        bob.broker.unsubscribe([lobby])
        await bob.subscribe(topic())
        ann.broker.publish(lobby, b"1")
        ann.broker.publish(end, b"2")
        assert await bob.hears(1) == [(end, b"2")]


async def calls_take_effect_in_their_order(make: Make) -> None:
    """Check that subscribe, unsubscribe, subscribe leaves the topic subscribed."""
    async with servers(make, 2) as (ann, bob):
        lobby = topic()
        bob.broker.subscribe([lobby])
        bob.broker.unsubscribe([lobby])
        await bob.subscribe(lobby)
        ann.broker.publish(lobby, b"1")
        assert await bob.hears(1) == [(lobby, b"1")]


async def a_topic_asked_for_twice_is_heard_once(make: Make) -> None:
    """Check that a second `subscribe` has no effect."""
    async with servers(make, 2) as (ann, bob):
        lobby = topic()
        await bob.subscribe(lobby, lobby)
        await bob.subscribe(lobby)
        bob.broker.unsubscribe([topic()])
        ann.broker.publish(lobby, b"1")
        ann.broker.publish(lobby, b"2")
        assert await bob.hears(2) == [(lobby, b"1"), (lobby, b"2")]
        bob.broker.unsubscribe([lobby])


async def a_server_that_has_all_it_asked_for_has_nothing_to_wait_for(make: Make) -> None:
    """Check that `when_subscribed` returns None if nothing new was subscribed."""
    async with servers(make, 1) as (ann,):
        lobby = topic()
        await ann.subscribe(lobby)
        ann.broker.subscribe([lobby])
        ann.broker.publish(topic(), b"1")
        assert ann.broker.when_subscribed() is None


async def bytes_are_not_touched(make: Make) -> None:
    """Check that any bytes arrive unchanged, up to 512,000."""
    async with servers(make, 2) as (ann, bob):
        lobby = topic()
        await bob.subscribe(lobby)
        messages = [b"", b"\r\n", bytes(range(256)) * 2000, b"PING\r\n"]
        for message in messages:
            ann.broker.publish(lobby, message)
        assert await bob.hears(4) == [(lobby, message) for message in messages]


async def what_was_published_is_known_to_be_taken(make: Make) -> None:
    """Check that `when_published` resolves, also if another caller cancelled its future."""
    async with servers(make, 1) as (ann,):
        assert ann.broker.when_published() is None
        for _ in range(5000):
            ann.broker.publish(topic(), b"1")
        first, second = ann.broker.when_published(), ann.broker.when_published()
        if first is not None and second is not None:
            first.cancel()  # one caller gives up, the other still waits
            await asyncio.wait_for(second, PATIENCE)
        assert ann.broker.when_published() is None


async def many_topics_at_once_are_in_force_when_it_says_so(make: Make) -> None:
    """Check that `when_subscribed` covers 5,000 topics at once."""
    async with servers(make, 2) as (ann, bob):
        lobbies = [topic() for _ in range(5000)]
        await bob.subscribe(*lobbies)
        for lobby in lobbies:
            ann.broker.publish(lobby, b"1")
        assert sorted(await bob.hears(5000)) == sorted((lobby, b"1") for lobby in lobbies)


async def what_was_published_before_the_stop_is_sent(make: Make) -> None:
    """Check that `stop` sends what is queued."""
    async with servers(make, 2) as (ann, bob):
        lobby = topic()
        await bob.subscribe(lobby)
        for _ in range(3000):
            ann.broker.publish(lobby, b"1")
        await ann.broker.stop()
        assert len(await bob.hears(3000)) == 3000


async def after_stop_nothing_is_delivered(make: Make) -> None:
    """Check that `deliver` is not called after `stop`."""
    async with servers(make, 3) as (ann, bob, eve):
        lobby = topic()
        await bob.subscribe(lobby)
        await eve.subscribe(lobby)
        ann.broker.publish(lobby, b"1")
        await bob.broker.stop()
        before = list(bob.heard)
        ann.broker.publish(lobby, b"2")
        await eve.hears(2)
        assert bob.heard == before
        await bob.broker.stop()


async def publishing_does_not_call_back_before_it_returns(make: Make) -> None:
    """Check that `publish` does not call `deliver` itself."""
    async with servers(make, 2) as (ann, bob):
        lobby = topic()
        await bob.subscribe(lobby)
        ann.broker.publish(lobby, b"1")
        assert bob.heard == []


CHECKS: tuple[Check, ...] = (
    a_message_reaches_every_server_that_asked_for_its_topic,
    a_server_without_interest_receives_nothing,
    messages_of_one_publisher_on_one_topic_arrive_in_order,
    a_topic_given_back_is_heard_no_more,
    calls_take_effect_in_their_order,
    a_topic_asked_for_twice_is_heard_once,
    a_server_that_has_all_it_asked_for_has_nothing_to_wait_for,
    bytes_are_not_touched,
    what_was_published_is_known_to_be_taken,
    many_topics_at_once_are_in_force_when_it_says_so,
    what_was_published_before_the_stop_is_sent,
    after_stop_nothing_is_delivered,
    publishing_does_not_call_back_before_it_returns,
)


def name(check: Check) -> str:
    """Return the name of a check, for test ids."""
    return str(getattr(check, "__name__", check))
