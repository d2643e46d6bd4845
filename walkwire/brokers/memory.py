"""Memory: the broker of a server that is alone. Servers in one process hear each other where they are given one `Bus`."""

from __future__ import annotations

import asyncio
from asyncio import Future
from collections.abc import Iterable

from walkwire.broker import Counts, Deliver, Returned


class Bus:
    """What the brokers of one process share: who wants which topic."""

    def __init__(self) -> None:
        self.brokers: list[MemoryBroker] = []


class MemoryBroker:
    """Hands messages to the other brokers of its bus, in a later turn of the loop, as a network would."""

    def __init__(self, bus: Bus | None = None) -> None:
        self.counts = Counts()
        self._bus = bus or Bus()
        self._topics: set[str] = set()
        self._deliver: Deliver | None = None

    @property
    def away(self) -> str | None:
        return None

    async def start(self, deliver: Deliver, returned: Returned = lambda: None) -> None:
        self._deliver = deliver
        self._bus.brokers.append(self)

    async def stop(self) -> None:
        self._deliver = None
        if self in self._bus.brokers:
            self._bus.brokers.remove(self)

    def subscribe(self, topics: Iterable[str]) -> None:
        self._topics.update(topics)

    def unsubscribe(self, topics: Iterable[str]) -> None:
        self._topics.difference_update(topics)

    def settled(self) -> Future[None] | None:
        return None

    def publish(self, topic: str, message: bytes) -> None:
        self.counts.published += 1
        for broker in self._bus.brokers:
            if broker is not self and topic in broker._topics:
                asyncio.get_running_loop().call_soon(broker._take, topic, message)

    def taken(self) -> Future[None] | None:
        return None

    def _take(self, topic: str, message: bytes) -> None:
        if self._deliver is not None:
            self.counts.received += 1
            self._deliver(topic, message)
