"""Redis cluster: sharded publish and subscribe (Redis 7), so that a message stays inside the shard of its topic.

One link to each node that has slots. Who has which is asked at the start, while a link is away, and every half minute; topics
whose slots have moved are subscribed where they are now.
"""

from __future__ import annotations

import asyncio
import logging
from asyncio import Future, Task
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from redis.asyncio.connection import Connection
from redis.crc import key_slot
from redis.exceptions import RedisError

from walkwire.broker import Broker, Counts, Deliver, Returned
from walkwire.brokers.link import OPENING_SECONDS, TICK, Link
from walkwire.brokers.redis import RedisLine, place_of, read_url
from walkwire.errors import StartError, Unreached

REFRESH_SECONDS = 30.0

Node = tuple[str, int]

_log = logging.getLogger(__name__)


def open_redis_cluster(url: str) -> Broker:
    """`redis+cluster://user:password@host:6379,host:6379`, `rediss+cluster://` with TLS. Raises StartError."""
    scheme, _, rest = url.partition("://")
    head, comma, _ = rest.partition(",")
    query = rest.partition("?")[2]
    first = f"{scheme.removesuffix('+cluster')}://{head}" + (f"?{query}" if comma and query else "")
    settings, prefix = read_url(first)
    if "host" not in settings:
        raise StartError("A Redis cluster is reached at hosts and ports")
    others = [place for place in rest.partition("?")[0].split(",")[1:] if place]
    seeds = [(str(settings["host"]), int(settings.get("port", 6379))), *map(_node, others)]
    return RedisCluster(settings, prefix, seeds)


class RedisCluster:
    """The broker in front of all nodes."""

    def __init__(self, settings: dict[str, Any], prefix: str, seeds: list[Node]) -> None:
        self.counts = Counts()
        self._settings = settings
        self._prefix = prefix
        self._seeds = seeds
        self._deliver: Deliver = lambda topic, message: None
        self._returned: Returned = lambda: None
        self._slots: dict[int, Node] = {}
        self._links: dict[Node, Link] = {}
        self._places: dict[str, Link | None] = {}  # the topics asked for, and at which link
        self._task: Task[None] | None = None

    @property
    def away(self) -> str | None:
        if not self._slots:
            return "Redis cluster: nobody tells who has which slots"
        return next((link.away for link in self._links.values() if link.away is not None), None)

    async def start(self, deliver: Deliver, returned: Returned = lambda: None) -> None:
        self._deliver, self._returned = deliver, returned
        await self._refresh()
        self._task = asyncio.get_running_loop().create_task(self._follow(), name="walkwire cluster")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,))
        await asyncio.gather(*(link.stop() for link in self._links.values()))

    def subscribe(self, topics: Iterable[str]) -> None:
        for topic in topics:
            if topic not in self._places:
                link = self._places[topic] = self._link_of(topic)
                if link is not None:
                    link.subscribe((topic,))

    def unsubscribe(self, topics: Iterable[str]) -> None:
        for topic in topics:
            link = self._places.pop(topic, None)
            if link is not None:
                link.unsubscribe((topic,))

    def settled(self) -> Future[None] | None:
        return _all(link.settled() for link in self._links.values())

    def publish(self, topic: str, message: bytes) -> None:
        link = self._link_of(topic)
        if link is None:
            self.counts.lost += 1
            raise Unreached
        link.publish(topic, message)

    def taken(self) -> Future[None] | None:
        return _all(link.taken() for link in self._links.values())

    def _link_of(self, topic: str) -> Link | None:
        node = self._slots.get(key_slot(f"{self._prefix}{topic}".encode()))
        return None if node is None else self._links.get(node)

    async def _follow(self) -> None:
        ticks = returns = 0
        while True:
            await asyncio.sleep(TICK)
            ticks += 1
            if self.away is not None or self.counts.returns != returns or ticks * TICK >= REFRESH_SECONDS:
                ticks, returns = 0, self.counts.returns
                try:
                    await self._refresh()
                except Exception:
                    self.counts.faults += 1
                    _log.exception("The nodes of the Redis cluster could not be looked at")

    async def _refresh(self) -> None:
        """Ask who has which slots, and move the topics there."""
        slots = await self._ask_for_slots()
        if not slots or slots == self._slots:
            return
        was_lost = bool(self._slots)
        nodes = set(slots.values())
        new = [node for node in nodes if node not in self._links]
        old = [node for node in self._links if node not in nodes]
        self._links |= {node: self._make_link(node) for node in new}
        gone = [self._links.pop(node) for node in old]
        self._slots = slots
        for topic, link in self._places.items():
            place = self._link_of(topic)
            if place is not link and place is not None:
                if link is not None:
                    link.unsubscribe((topic,))
                place.subscribe((topic,))
                self._places[topic] = place
        await asyncio.gather(
            *(link.stop() for link in gone),
            *(self._links[node].start(self._deliver, self._tell_return) for node in new),
        )
        if was_lost:
            _log.warning("The slots of the Redis cluster have moved: %d nodes have them", len(nodes))
            self._tell_return()

    def _tell_return(self) -> None:
        self._returned()

    def _make_link(self, node: Node) -> Link:
        settings = self._settings | {"host": node[0], "port": node[1]}
        line = (settings, self._prefix, True)
        return Link(lambda: RedisLine(*line), "Redis", place_of(settings), self.counts)

    async def _ask_for_slots(self) -> dict[int, Node]:
        """Whom each slot belongs to, as the first node says that answers; nothing where none does."""
        for node in dict.fromkeys((*self._links, *self._seeds)):
            with suppress(RedisError, OSError, TimeoutError):
                async with asyncio.timeout(OPENING_SECONDS):
                    return await self._ask_node(node)
        return {}

    async def _ask_node(self, node: Node) -> dict[int, Node]:
        settings = self._settings | {"host": node[0], "port": node[1]}
        make = settings.pop("connection_class", Connection)
        connection = make(**settings, protocol=2, client_name="walkwire")
        try:
            await connection.connect()
            await connection.send_command("CLUSTER", "SLOTS")
            ranges = await connection.read_response(disable_decoding=True)
        finally:
            await connection.disconnect(nowait=True)
        return {
            slot: (host.decode() or node[0], int(port))
            for first, last, (host, port, *_), *_ in ranges
            for slot in range(first, last + 1)
        }


def _all(futures: Iterable[Future[None] | None]) -> Future[None] | None:
    waiting = [future for future in futures if future is not None]
    if len(waiting) < 2:
        return waiting[0] if waiting else None
    return asyncio.ensure_future(_each(waiting))


async def _each(waiting: list[Future[None]]) -> None:
    await asyncio.gather(*waiting)


def _node(place: str) -> Node:
    host, _, port = place.rpartition("@")[2].partition(":")
    try:
        return host, int(port or 6379)
    except ValueError:
        raise StartError(f"Not a place of a Redis node: {place!r}") from None
