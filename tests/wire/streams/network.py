"""A network of servers in memory: one history behind all of them, and messages that are delayed, lost, or cut off."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Collection, Mapping
from typing import Any

from walkwire.brokers.memory import Bus, MemoryBroker
from walkwire.errors import Unreached
from walkwire.histories.memory import MemoryHistory
from walkwire.history import Hear, Mark, Page, Retention


class Network:
    """The kept streams of several servers. `chance` decides what is lost on the way to a server; `clock` returns seconds."""

    def __init__(self, chance: random.Random, clock: Callable[[], float]) -> None:
        self.bus = Bus()
        self.chance = chance
        self.losses = 0.0
        self.fronts: list[Front] = []
        self.kept = MemoryHistory(clock)
        self.kept._hear = self._spread

    def server(self) -> tuple[KeepingBroker, Front]:
        """Return the broker and the history of one more server."""
        front = Front(self)
        self.fronts.append(front)
        return KeepingBroker(self, front), front

    def forget(self) -> None:
        """Lose everything, as a broker does that keeps nothing on disk and is restarted."""
        open_ = dict.fromkeys(self.kept._kept, Retention(300, 300.0))
        clock, hear = self.kept._clock, self.kept._hear
        self.kept = MemoryHistory(clock)
        self.kept._hear = hear
        for topic, level in open_.items():
            self.kept.open_now(topic, level)

    def _spread(self, topic: str, mark: Mark, previous: int, message: bytes) -> None:
        for front in self.fronts:
            if topic in front.topics and not front.is_cut and self.chance.random() >= self.losses:
                front.arrive(topic, mark, previous, message)


class Front:
    """The history as one server sees it. While `is_cut`, nothing is reached and nothing arrives."""

    is_local = False
    is_empty = False

    def __init__(self, network: Network) -> None:
        self._network = network
        self._hear: Hear = lambda *heard: None
        self._lost: Callable[[], None] = lambda: None
        self._way: list[tuple[str, Mark, int, bytes]] = []
        self.topics: set[str] = set()
        self.is_cut = False

    def for_level(self, level: Retention) -> Front:
        return self

    async def start(self, hear: Hear, lost: Callable[[], None]) -> None:
        self._hear, self._lost = hear, lost

    async def stop(self) -> None:
        self.topics.clear()

    def cut(self) -> None:
        """Cut the server off: what is on its way is lost."""
        self.is_cut = True
        self._way.clear()

    def mend(self) -> None:
        self.is_cut = False
        self._lost()

    def arrive(self, *heard: Any) -> None:
        """Deliver in one of the next turns of the loop, in order."""
        self._way.append(heard)  # type: ignore[arg-type]
        if len(self._way) == 1:
            asyncio.get_running_loop().call_soon(self._deliver)

    def _deliver(self) -> None:
        count = self._network.chance.randint(0, len(self._way))
        now, self._way = self._way[:count], self._way[count:]
        for heard in now:
            self._hear(*heard)
        if self._way:
            asyncio.get_running_loop().call_soon(self._deliver)

    async def _reach(self) -> None:
        await asyncio.sleep(0)
        if self.is_cut:
            raise Unreached

    async def open(self, topics: Mapping[str, Retention]) -> dict[str, Mark]:
        self.topics.update(topics)
        await self._reach()
        return await self._network.kept.open(topics)

    def close(self, topics: Collection[str]) -> None:
        self.topics.difference_update(topics)
        if not any(front.topics.intersection(topics) for front in self._network.fronts):
            self._network.kept.close(topics)

    def append(self, topic: str, message: bytes) -> None:
        raise AssertionError

    async def tails(self, topics: Collection[str]) -> dict[str, Mark]:
        await self._reach()
        return await self._network.kept.tails(topics)

    async def read(
        self, topic: str, limit: int, *, after: Mark | None = None, upto: Mark | None = None
    ) -> Page:
        await self._reach()
        return await self._network.kept.read(topic, limit, after=after, upto=upto)


class KeepingBroker(MemoryBroker):
    """A broker that keeps what is published to streams."""

    def __init__(self, network: Network, front: Front) -> None:
        super().__init__(network.bus)
        self._network = network
        self._front = front

    def publish(self, topic: str, message: bytes) -> None:
        if self._front.is_cut:
            raise Unreached
        super().publish(topic, message)
        if topic[0] in "uchk":
            self._network.kept.append(topic, message)
