"""Memory: the broker of a server that runs alone. Brokers in one process that share a `Bus` reach each other."""

from __future__ import annotations

import asyncio
from asyncio import Future
from collections.abc import Collection, Iterable

from walkwire.broker import Counts, Deliver, Returned


class Bus:
    """The brokers of one process that reach each other."""

    def __init__(self) -> None:
        self.brokers: list[MemoryBroker] = []


class MemoryBroker:
    """Delivers messages to the other brokers of its bus in a later turn of the event loop, as a network would."""

    def __init__(self, bus: Bus | None = None) -> None:
        self.counts = Counts()
        self._bus = bus or Bus()
        self._topics: set[str] = set()
        self._deliver: Deliver | None = None

    @property
    def away(self) -> str | None:
        """Return None: there is nothing to lose."""
        return None

    async def start(self, deliver: Deliver, returned: Returned = lambda: None) -> None:
        """Join the bus."""
        self._deliver = deliver
        self._bus.brokers.append(self)

    async def stop(self) -> None:
        """Leave the bus."""
        self._deliver = None
        if self in self._bus.brokers:
            self._bus.brokers.remove(self)

    def subscribe(self, topics: Iterable[str]) -> None:
        """Subscribe, in force at once."""
        self._topics.update(topics)

    def unsubscribe(self, topics: Iterable[str]) -> None:
        """Unsubscribe, in force at once."""
        self._topics.difference_update(topics)

    def when_subscribed(self) -> Future[None] | None:
        """Return None: subscriptions are in force at once."""
        return None

    def publish(self, topic: str, message: bytes) -> None:
        """Schedule delivery to each other broker that subscribes to the topic. Never raises."""
        self.counts.published += 1
        for broker in self._bus.brokers:
            if broker is not self and topic in broker._topics:
                asyncio.get_running_loop().call_soon(broker._deliver_message, topic, message)

    def publish_all(
        self, topics: Collection[str], all_topic: str, head: bytes, data: bytes, kept_head: bytes
    ) -> None:
        """Publish to `all_topic`. A history in memory is appended to by its server."""
        self.publish(all_topic, head + data)

    def when_published(self) -> Future[None] | None:
        """Return None: nothing is queued."""
        return None

    def _deliver_message(self, topic: str, message: bytes) -> None:
        if self._deliver is not None:
            self.counts.received += 1
            self._deliver(topic, message)
