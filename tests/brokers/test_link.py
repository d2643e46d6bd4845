"""A broker that dies, hangs, falls silent and comes back: what a server notices, when, and what it does about it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.brokers.service import KINDS, Service, Wire, service
from walkwire.broker import Deliver
from walkwire.brokers import open_broker
from walkwire.brokers.link import Ask, BrokerConnectionError, Link
from walkwire.brokers.suite import Server, topic
from walkwire.errors import Limited, Unreached

NOTICED = 5.0  # seconds: the promise of `Broker.away`
BACK = 10.0  # seconds: a second, but on a machine where others are at work


@pytest.fixture(params=KINDS)
def running(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Service]:
    with service(request.param, tmp_path) as started:
        yield started


@pytest.fixture
async def connect() -> AsyncIterator[Callable[..., object]]:
    """Connects a server: `await connect(url)`."""
    started: list[Server] = []

    async def start(url: str, returned: Callable[[], None] = lambda: None) -> Server:
        server = Server(open_broker(url))
        await server.broker.start(server.deliver, returned)
        started.append(server)
        return server

    yield start
    for server in started:
        await server.broker.stop()


async def becomes(what: Callable[[], object], seconds: float) -> float:
    """Waits until it is so; gives how long that took."""
    start = time.monotonic()
    while not what():
        assert time.monotonic() - start < seconds, f"not so after {seconds} s"
        await asyncio.sleep(0.01)
    return time.monotonic() - start


async def test_death_is_noticed_at_once_and_on_its_return_every_topic_is_heard_again(
    running: Service, connect: Callable[..., object]
) -> None:
    returned: list[str] = []
    ann, bob = await connect(running.url), await connect(running.url, lambda: returned.append("bob"))
    lobby, late = topic(), topic()
    await bob.subscribe(lobby)
    running.kill()
    await becomes(lambda: ann.broker.away and bob.broker.away, 1)
    await becomes(lambda: "refused" in ann.broker.away, 1)
    assert str(running.port) not in ann.broker.away, "strangers may read it"
    bob.broker.subscribe([late])
    assert bob.broker.when_subscribed() is None, "nobody waits for a broker that is away"
    with pytest.raises(Unreached):
        ann.broker.publish(lobby, b"lost")
    assert ann.broker.counts.lost == 1
    running.start()
    await becomes(lambda: ann.broker.away is None and bob.broker.away is None, BACK)
    assert returned == ["bob"]
    ann.broker.publish(lobby, b"1")
    ann.broker.publish(late, b"2")
    assert await bob.hears(2) == [(lobby, b"1"), (late, b"2")]
    assert bob.broker.counts.returns == 1


async def test_what_is_published_on_its_return_waits_for_servers_that_come_back_later(
    running: Service, connect: Callable[..., object]
) -> None:
    async with Wire(running) as wire:
        ann, bob = await connect(running.url), await connect(wire.url)
        lobby = topic()
        await bob.subscribe(lobby)
        running.kill()
        await becomes(lambda: bob.broker.away and "refused" in (ann.broker.away or ""), 1)
        wire.part()
        running.start()
        await becomes(lambda: ann.broker.away is None, BACK)
        ann.broker.publish(lobby, b"1")
        taken = ann.broker.when_published()
        assert taken is not None
        assert bob.broker.away, "the test comes in time"
        wire.heal()
        assert await bob.hears(1) == [(lobby, b"1")]
        await asyncio.wait_for(taken, 5)
        assert ann.broker.when_published() is None


async def test_what_waits_is_sent_before_a_server_stops_and_lost_when_the_broker_goes_again(
    running: Service, connect: Callable[..., object]
) -> None:
    ann, bob, eve = await connect(running.url), await connect(running.url), await connect(running.url)
    lobby = topic()
    await bob.subscribe(lobby)
    running.kill()
    await becomes(lambda: all("refused" in (one.broker.away or "") for one in (ann, bob, eve)), 1)
    running.start()
    await becomes(lambda: all(one.broker.away is None for one in (ann, bob, eve)), BACK)
    ann.broker.publish(lobby, b"1")
    eve.broker.publish(lobby, b"2")
    await ann.broker.stop()
    assert await bob.hears(1) == [(lobby, b"1")]
    taken = eve.broker.when_published()
    running.kill()
    with pytest.raises(Unreached):
        await asyncio.wait_for(taken, 5)
    assert eve.broker.counts.lost == 1


async def test_a_frozen_broker_is_noticed_in_time_and_who_waits_for_it_is_told(
    running: Service, connect: Callable[..., object]
) -> None:
    ann, bob = await connect(running.url), await connect(running.url)
    lobby = topic()
    await bob.subscribe(lobby)
    running.freeze()
    try:
        ann.broker.publish(lobby, b"maybe")
        taken = ann.broker.when_published()
        bob.broker.subscribe([topic()])
        settled = bob.broker.when_subscribed()
        assert taken is not None
        assert settled is not None
        with pytest.raises(Unreached):
            await asyncio.wait_for(taken, NOTICED)
        await asyncio.wait_for(settled, NOTICED)
        await becomes(lambda: bob.broker.away, NOTICED)
        assert "does not answer" in ann.broker.away
        assert ann.broker.counts.lost == 1
        with pytest.raises(Unreached):
            ann.broker.publish(lobby, b"lost")
    finally:
        running.thaw()
    await becomes(lambda: ann.broker.away is None and bob.broker.away is None, BACK)
    ann.broker.publish(lobby, b"1")
    async with asyncio.timeout(30):
        while (lobby, b"1") not in bob.heard:
            await bob.hears(len(bob.heard) + 1)


async def test_a_network_that_forwards_nothing_is_noticed_in_time(
    running: Service, connect: Callable[..., object]
) -> None:
    async with Wire(running) as wire:
        ann, bob = await connect(running.url), await connect(wire.url)
        lobby = topic()
        await bob.subscribe(lobby)
        wire.part()
        await becomes(lambda: bob.broker.away, NOTICED)
        assert ann.broker.away is None
        ann.broker.publish(lobby, b"not heard")
        wire.heal()
        await becomes(lambda: bob.broker.away is None, BACK)
        ann.broker.publish(lobby, b"heard")
        await bob.hears(1)
        assert bob.heard[-1] == (lobby, b"heard")


async def test_a_server_starts_without_its_broker_and_finds_it_later(
    running: Service, connect: Callable[..., object]
) -> None:
    running.kill()
    ann, bob = await connect(running.url), await connect(running.url)
    lobby = topic()
    bob.broker.subscribe([lobby])
    assert ann.broker.away
    running.start()
    await becomes(lambda: ann.broker.away is None and bob.broker.away is None, BACK)
    ann.broker.publish(lobby, b"1")
    assert await bob.hears(1) == [(lobby, b"1")]


@pytest.mark.alone
async def test_a_hundred_thousand_topics_are_subscribed_again_in_less_than_three_seconds(
    running: Service, connect: Callable[..., object]
) -> None:
    bob = await connect(running.url)
    await bob.subscribe(*(f"u.{number:024x}" for number in range(100_000)))
    running.kill()
    await becomes(lambda: bob.broker.away, 1)
    running.start()
    work = time.process_time()
    took = await becomes(lambda: bob.broker.away is None, 20)
    print(f"{running.kind}: 100,000 topics subscribed again {took:.2f} s after the broker was back")
    assert time.process_time() - work < 3  # our own seconds: others may be at work on this machine


async def test_a_message_that_cannot_be_delivered_takes_nothing_with_it(
    running: Service, connect: Callable[..., object]
) -> None:
    ann, bob = await connect(running.url), await connect(running.url)
    lobby = topic()
    take = bob.deliver

    def deliver(name: str, message: bytes) -> None:
        if message == b"bad":
            raise RuntimeError("a fault of the receiver")
        take(name, message)

    await bob.broker.stop()
    await bob.broker.start(deliver)
    await bob.subscribe(lobby)
    ann.broker.publish(lobby, b"bad")
    ann.broker.publish(lobby, b"good")
    assert await bob.hears(1) == [(lobby, b"good")]
    assert bob.broker.counts.faults == 1


async def test_a_listener_that_dies_is_started_again_and_counted(
    running: Service, connect: Callable[..., object]
) -> None:
    ann, bob = await connect(running.url), await connect(running.url)
    lobby = topic()
    await bob.subscribe(lobby)
    before = asyncio.all_tasks()
    eve = await connect(running.url)
    for task in asyncio.all_tasks() - before:
        if task.get_name() == "walkwire broker":
            task.cancel()
    await eve.subscribe(lobby)
    await becomes(lambda: eve.broker.counts.faults == 1 and eve.broker.away is None, BACK)
    await eve.subscribe(lobby)
    ann.broker.publish(lobby, b"1")
    assert await bob.hears(1) == await eve.hears(1) == [(lobby, b"1")]


@pytest.mark.alone
async def test_fifty_thousand_messages_a_second_are_published(
    running: Service, connect: Callable[..., object]
) -> None:
    ann = await connect(running.url)
    count, lobby, message = 100_000, topic(), b"m" * 200
    start, work = time.monotonic(), time.process_time()
    for number in range(count):
        ann.broker.publish(lobby, message)
        if number % 100 == 99:
            await asyncio.sleep(0)  # as from events that come in turns of the loop
    taken = ann.broker.when_published()
    if taken is not None:
        await taken
    print(f"{running.kind}: {count / (time.monotonic() - start):,.0f} messages published a second")
    assert count / (time.process_time() - work) > 50_000  # of our own seconds


async def test_what_waits_for_a_broker_that_hangs_is_bounded(
    running: Service, connect: Callable[..., object]
) -> None:
    ann = await connect(running.url)
    running.freeze()
    try:
        message = bytes(1024 * 1000)
        for _ in range(66):
            ann.broker.publish(topic(), message)
        with pytest.raises(Unreached):
            ann.broker.publish(topic(), message)
        assert ann.broker.counts.published == 66, "64 MiB, and the one that passed the bound"
    finally:
        running.thaw()


async def test_a_message_larger_than_the_broker_takes_is_refused(
    running: Service, connect: Callable[..., object]
) -> None:
    ann = await connect(running.url)
    with pytest.raises(Limited, match=r"This is too large for other servers: \d+ bytes at most\."):
        ann.broker.publish(topic(), bytes(40_000_000))
    assert ann.broker.away is None


class Stubborn:
    """A connection that cannot be opened, and closes late; a cancellation that arrives meanwhile is lost, as in drivers."""

    limit = 0

    def __init__(self) -> None:
        self.is_closing = asyncio.Event()

    async def open(self) -> None:
        raise BrokerConnectionError("nobody is there")

    async def send(self, asks: list[Ask]) -> None: ...

    async def listen(self, deliver: Deliver, passed: Callable[[], None]) -> None: ...

    async def close(self) -> None:
        self.is_closing.set()
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()


async def test_it_stops_although_its_driver_swallows_a_cancellation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("walkwire.ending.AGAIN_SECONDS", 0.01)
    connection = Stubborn()
    link = Link(lambda: connection, "a broker", "nowhere")
    starting = asyncio.create_task(link.start(lambda topic, message: None))
    await connection.is_closing.wait()
    async with asyncio.timeout(BACK):
        await link.stop()
    await starting
