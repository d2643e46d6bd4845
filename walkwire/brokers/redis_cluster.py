"""Redis cluster: sharded publish and subscribe (Redis 7), so that a message stays inside the shard of its topic.

There is one link for each node that has slots. The slots are queried at the start, while a link is away, and every half minute.
Topics whose slots have moved are subscribed at their new node.
"""

from __future__ import annotations

import asyncio
import logging
from asyncio import Future, Task
from collections.abc import Collection, Iterable
from contextlib import suppress
from typing import Any

from redis.asyncio.connection import Connection
from redis.crc import key_slot
from redis.exceptions import RedisError

from walkwire.broker import Broker, Counts, Deliver, Returned
from walkwire.brokers.link import OPENING_SECONDS, TICK, Link
from walkwire.brokers.redis import RedisConnection, place_of, read_url
from walkwire.brokers.spread import COPIED_BYTES, Spread
from walkwire.ending import end_tasks
from walkwire.errors import StartError, Unreached

REFRESH_SECONDS = 30.0

ClusterNode = tuple[str, int]

_log = logging.getLogger(__name__)


def open_redis_cluster(url: str) -> Broker:
    """Return a broker for `redis+cluster://user:password@host:6379,host:6379`, or `rediss+cluster://` with TLS, not started yet.

    Raises StartError.
    """
    return RedisCluster(*read_cluster_url(url))


def read_cluster_url(url: str) -> tuple[dict[str, Any], str, list[ClusterNode]]:
    """Return the driver's settings, the prefix of topics, and the nodes that the URL names. Raises StartError."""
    rest = url.partition("://")[2]
    settings, prefix = read_url(first_node(url))
    if "host" not in settings:
        raise StartError("A Redis cluster is reached at hosts and ports")
    others = [place for place in rest.partition("?")[0].split(",")[1:] if place]
    seeds = [(str(settings["host"]), int(settings.get("port", 6379))), *map(_node, others)]
    return settings, prefix, seeds


def first_node(url: str) -> str:
    """Return the URL of the first node that the URL of a cluster names."""
    scheme, _, rest = url.partition("://")
    head, comma, _ = rest.partition(",")
    query = rest.partition("?")[2]
    return f"{scheme.removesuffix('+cluster')}://{head}" + (f"?{query}" if comma and query else "")


class RedisCluster:
    """A broker in front of the links to all nodes."""

    def __init__(self, settings: dict[str, Any], prefix: str, seeds: list[ClusterNode]) -> None:
        self.counts = Counts()
        self._settings = settings
        self._prefix = prefix
        self._seeds = seeds
        self._deliver: Deliver = lambda topic, message: None
        self._returned: Returned = lambda: None
        self._slots: dict[int, ClusterNode] = {}
        self._links: dict[ClusterNode, Link] = {}
        self._places: dict[str, Link | None] = {}  # the subscribed topics, and the link of each
        self._task: Task[None] | None = None

    @property
    def away(self) -> str | None:
        """Return why one of the nodes is unreachable; see `Broker.away`."""
        if not self._slots:
            return "Redis cluster: no node tells which nodes have which slots"
        return next((link.away for link in self._links.values() if link.away is not None), None)

    async def start(self, deliver: Deliver, returned: Returned = lambda: None) -> None:
        """Query the slots and connect to all nodes; see `Broker.start`."""
        self._deliver, self._returned = deliver, returned
        await self._refresh()
        self._task = asyncio.get_running_loop().create_task(self._follow(), name="walkwire cluster")

    async def stop(self) -> None:
        """Stop the links to all nodes; see `Broker.stop`."""
        await end_tasks(self._task)
        await asyncio.gather(*(link.stop() for link in self._links.values()))

    def subscribe(self, topics: Iterable[str]) -> None:
        """Subscribe each topic at the node that has its slot; see `Broker.subscribe`."""
        for topic in topics:
            if topic not in self._places:
                link = self._places[topic] = self._link_of(topic)
                if link is not None:
                    link.subscribe((topic,))

    def unsubscribe(self, topics: Iterable[str]) -> None:
        """Unsubscribe each topic at the node where it is subscribed; see `Broker.unsubscribe`."""
        for topic in topics:
            link = self._places.pop(topic, None)
            if link is not None:
                link.unsubscribe((topic,))

    def when_subscribed(self) -> Future[None] | None:
        """Return a future for all nodes; see `Broker.settled`."""
        return _all(link.when_subscribed() for link in self._links.values())

    def publish(self, topic: str, message: bytes) -> None:
        """Send to the node that has the topic's slot. Raises Unreached if none is known to have it; see `Broker.publish`."""
        link = self._link_of(topic)
        if link is None:
            self.counts.lost += 1
            raise Unreached
        link.publish(topic, message)

    def publish_all(
        self, topics: Collection[str], all_topic: str, head: bytes, data: bytes, kept_head: bytes
    ) -> None:
        """Publish to `all_topic`, and send a copy to the stream of each topic; see `Broker.publish_all`.

        If the copies are more than COPIED_BYTES, the streams end instead. Their listeners learn that they missed something.
        """
        self.publish(all_topic, head + data)
        if len(topics) * (len(kept_head) + len(data)) > COPIED_BYTES:
            kept_head = data = b""
        for topic in topics:
            self.publish(topic, Spread.of((topic,), kept_head, data, kept_head))

    def when_published(self) -> Future[None] | None:
        """Return a future for all nodes; see `Broker.taken`."""
        return _all(link.when_published() for link in self._links.values())

    def node_of(self, topic: str) -> ClusterNode | None:
        """Return the node that has the topic's slot, None if none is known to have it."""
        return self._slots.get(key_slot(f"{self._prefix}{topic}".encode()))

    def _link_of(self, topic: str) -> Link | None:
        node = self.node_of(topic)
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
                    _log.exception("The slots of the Redis cluster could not be queried")

    async def _refresh(self) -> None:
        """Query which node has which slots, and move the topics there."""
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

    def _make_link(self, node: ClusterNode) -> Link:
        settings = self._settings | {"host": node[0], "port": node[1]}
        arguments = (settings, self._prefix, True)
        return Link(lambda: RedisConnection(*arguments), "Redis", place_of(settings), self.counts)

    async def _ask_for_slots(self) -> dict[int, ClusterNode]:
        """Return the node of each slot, as told by the first node that answers; nothing if none answers."""
        for node in dict.fromkeys((*self._links, *self._seeds)):
            with suppress(RedisError, OSError, TimeoutError):
                async with asyncio.timeout(OPENING_SECONDS):
                    return await self._ask_node(node)
        return {}

    async def _ask_node(self, node: ClusterNode) -> dict[int, ClusterNode]:
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


def _node(place: str) -> ClusterNode:
    host, _, port = place.rpartition("@")[2].partition(":")
    try:
        return host, int(port or 6379)
    except ValueError:
        raise StartError(f"Not a place of a Redis node: {place!r}") from None
