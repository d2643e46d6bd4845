"""Brokers: three servers on a Redis or NATS of its own, which is killed, frozen and emptied. The network to one of them parts."""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import tempfile
import time
from asyncio import Future
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from nats.aio.client import Client
from redis.asyncio import Redis

from tests.brokers.service import Kind, Service, Wire
from tests.histories.recovery import ground
from tests.wire.conftest import House
from walkwire.brokers import link, open_broker
from walkwire.brokers import nats as nats_broker
from walkwire.brokers import redis as redis_broker
from walkwire.brokers.link import Link
from walkwire.histories import jetstream, nats, open_history, redis, requests
from walkwire.histories.nats import NatsHistory
from walkwire.histories.redis import RedisHistory
from walkwire.history import History, Mark
from walkwire.wire.message.notification import Notification
from walkwire.wire.streams import following

SERVERS = 3
LOSSES = 0.01  # of the entries that a server should hear
# All that waits for something broken waits for a shorter time, so that more happens.
HASTY: tuple[tuple[Any, str, float], ...] = (
    (link, "TICK", 0.3),
    (link, "LONGEST_PAUSE", 0.5),
    (link, "HOLD_SECONDS", 1.0),
    (redis_broker, "OPENING_SECONDS", 1.5),
    (nats_broker, "OPENING_SECONDS", 1.5),
    (jetstream, "OPENING_SECONDS", 1.5),
    (jetstream, "ANSWER_SECONDS", 1.5),
    (requests, "ANSWER_SECONDS", 1.5),
    (redis, "REFRESH_SECONDS", 2.0),
    (nats, "REFRESH_SECONDS", 2.0),
    (following, "LOOK_SECONDS", 3.0),
    (jetstream, "MOST_BYTES", 32 * 1024 * 1024),
)


class Apart:
    """The servers of one world. The last of them reaches the broker through a network that stops in silence."""

    has_walks = False

    def __init__(self, service: Service, prefix: str, chance: random.Random, loses: bool) -> None:
        self.houses: list[House] = []
        self._links: dict[int, list[Link]] = {}
        self._stack = AsyncExitStack()
        self._wire = Wire(service)
        self._url = service.url
        self._prefix = prefix
        self._chance = chance
        self._loses = loses

    async def start(self) -> Apart:
        await self._stack.enter_async_context(self._wire)
        self.houses = [await self._serve(number) for number in range(SERVERS)]
        return self

    async def _serve(self, number: int) -> House:
        url = f"{self._url if number < SERVERS - 1 else self._wire.url}?prefix={self._prefix}"
        broker, history = open_broker(url), open_history(url)
        assert isinstance(broker, Link)
        self._links[number] = [broker, _link_of(history)]
        if self._loses:
            _lose_some(broker)
        house = await ground.serve(broker, history, time.time)
        _lose_news(history, self._chance)
        return house

    async def tell(self, house: House, notification: Notification, is_walk: bool) -> Future[None] | None:
        return await ground.tell(house, notification)

    async def settle(self, house: House | None) -> None:
        await asyncio.sleep(0.001)

    async def wait(self, chance: random.Random) -> None:
        await asyncio.sleep(chance.uniform(0, 1.2 * ground.SHORT))

    async def strike(self, chance: random.Random) -> None:
        match chance.choice(("part", "heal", "heal", "kill")):
            case "part":
                self._wire.part()
            case "heal":
                self._wire.heal()
            case "kill" if chance.random() < 0.4:
                number = chance.randrange(SERVERS)
                await ground.die(self.houses[number], *self._links[number])
                self.houses[number] = await self._serve(number)

    async def calm(self) -> None:
        self._wire.heal()

    async def close(self) -> None:
        for number, house in enumerate(self.houses):
            await ground.die(house, *self._links[number])
        await self._stack.aclose()


class BrokerGround:
    """A service of its own, started anew for each run."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind
        self._loses = False
        self._folder = tempfile.TemporaryDirectory()
        options = ("-js", "-sd", f"{self._folder.name}/store") if kind == "nats" else ()
        self._service = Service(kind, Path(self._folder.name), *options)
        self._is_frozen = False

    async def __aenter__(self) -> BrokerGround:
        self._service.kill()
        self._service.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._service.kill()

    def close(self) -> None:
        """End."""
        self._service.kill()
        self._folder.cleanup()

    def lose_appends(self) -> None:
        self._loses = True

    async def place(self, number: int, chance: random.Random) -> Apart:
        return await Apart(self._service, f"world-{number}.", chance, self._loses).start()

    async def storm(self, chance: random.Random) -> None:
        while True:
            await asyncio.sleep(chance.uniform(1, 4))
            match chance.choice(("freeze", "freeze", "kill", "lose", "lose")):
                case "freeze":
                    self._service.freeze()
                    self._is_frozen = True
                    await asyncio.sleep(chance.choice((0.1, 0.5, 2.5)))
                    await self.calm()
                case "kill":
                    self._service.kill()
                    await asyncio.sleep(chance.choice((0, 0.5)))
                    self._service.start()
                case "lose":
                    await (
                        self._lose_in_redis(chance) if self._kind == "redis" else self._lose_in_nats(chance)
                    )

    async def calm(self) -> None:
        """Let the service be there again, whatever the storm was at when it ended."""
        if not self._service.is_running:
            self._service.start()
        if self._is_frozen:
            self._service.thaw()
            self._is_frozen = False

    async def _lose_in_redis(self, chance: random.Random) -> None:
        """Evict some keys, or all."""
        client = Redis.from_url(self._service.url)
        if chance.random() < 0.2:
            await client.flushall()
        elif keys := sorted(await client.keys("world-*")):
            await client.delete(*chance.sample(keys, 1 + len(keys) // 20))
        await client.aclose()

    async def _lose_in_nats(self, chance: random.Random) -> None:
        """Delete the JetStream stream of a world."""
        client = Client()
        await client.connect(self._service.url)
        names = json.loads((await client.request("$JS.API.STREAM.NAMES", b"")).data).get("streams")
        if names:
            await client.request(f"$JS.API.STREAM.DELETE.{chance.choice(sorted(names))}", b"")
        await client.close()


def _lose_news(history: History, chance: random.Random) -> None:
    """Let a server miss some of what it should hear, so that it has to read it."""
    assert isinstance(history, RedisHistory | NatsHistory)
    hear = history._hear

    def hear_less(topic: str, mark: Mark, previous: int, message: bytes) -> None:
        if chance.random() >= LOSSES:
            hear(topic, mark, previous, message)

    history._hear = hear_less


def _lose_some(broker: Link) -> None:
    """Let the broker say of some messages that they were published, and publish nothing."""
    publish, numbers = broker.publish, itertools.count(1)

    def publish_less(topic: str, message: bytes) -> None:
        if next(numbers) % 30:
            publish(topic, message)

    broker.publish = publish_less  # type: ignore[method-assign]


def _link_of(history: History) -> Link:
    if isinstance(history, RedisHistory):
        broker = history._servers.broker
        assert isinstance(broker, Link)
        return broker
    assert isinstance(history, NatsHistory)
    return history._link
