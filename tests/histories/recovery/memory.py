"""Memory: one server with a history in memory, and three with a simulated network between them. Time is moved by the schedule."""

from __future__ import annotations

import random
from asyncio import Future
from collections.abc import Callable

from tests.histories.recovery import ground
from tests.wire.conftest import House
from tests.wire.streams.network import Network
from walkwire.brokers.memory import MemoryBroker
from walkwire.histories.memory import MemoryHistory
from walkwire.history import RECENT
from walkwire.wire.message.notification import Notification

SERVERS = 3


class Clock:
    """Unix seconds that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """Return them."""
        return self.now

    def move(self, chance: random.Random) -> None:
        """Let time pass."""
        self.now += chance.choice((1, ground.SHORT + 1, 100, RECENT.seconds + 1))


class Alone:
    """One server, which may be killed with all that it kept. `history`: makes its history."""

    has_walks = False

    def __init__(self, history: Callable[[Callable[[], float]], MemoryHistory]) -> None:
        self.houses: list[House] = []
        self._make = history
        self._clock = Clock()

    async def start(self) -> Alone:
        self.houses = [await ground.serve(MemoryBroker(), self._make(self._clock), self._clock)]
        return self

    async def tell(self, house: House, notification: Notification, is_walk: bool) -> Future[None] | None:
        return await ground.tell(house, notification)

    async def settle(self, house: House | None) -> None:
        await ground.settle(house)

    async def wait(self, chance: random.Random) -> None:
        self._clock.move(chance)

    async def strike(self, chance: random.Random) -> None:
        if chance.random() < 0.1:
            await ground.die(self.houses[0])
            await self.start()

    async def calm(self) -> None:
        pass

    async def close(self) -> None:
        await self.houses[0].wire.stop()


class Across:
    """Three servers that lose messages, are cut off, and are killed; and a history behind them that is lost now and then."""

    has_walks = False

    def __init__(self, chance: random.Random) -> None:
        self.houses: list[House] = []
        self._clock = Clock()
        self.network = Network(chance, self._clock)

    async def start(self) -> Across:
        for _ in range(SERVERS):
            await self._add()
        return self

    async def _add(self) -> None:
        broker, front = self.network.server()
        self.houses.append(await ground.serve(broker, front, self._clock))

    async def tell(self, house: House, notification: Notification, is_walk: bool) -> Future[None] | None:
        return await ground.tell(house, notification)

    async def settle(self, house: House | None) -> None:
        await ground.settle(house)

    async def wait(self, chance: random.Random) -> None:
        self._clock.move(chance)

    async def strike(self, chance: random.Random) -> None:
        front = chance.choice(self.network.fronts)
        match chance.choice(("cut", "mend", "mend", "lossy", "whole", "forget", "kill")):
            case "cut":
                front.cut()
            case "mend":
                front.mend()
            case "lossy":
                self.network.losses = 0.2
            case "whole":
                self.network.losses = 0.0
            case "forget" if chance.random() < 0.2:
                self.network.forget()
                for each in self.network.fronts:
                    each.mend()
            case "kill" if chance.random() < 0.3:
                number = chance.randrange(SERVERS)
                front = self.network.fronts.pop(number)
                front.cut()
                await ground.die(self.houses.pop(number))
                await self._add()

    async def calm(self) -> None:
        self.network.losses = 0.0
        for front in self.network.fronts:
            front.mend()

    async def close(self) -> None:
        for house in self.houses:
            await house.wire.stop()


class MemoryGround:
    """No services. `is_shared`: whether there are several servers. `history`: what keeps the streams of all of them."""

    def __init__(self, is_shared: bool, history: type[MemoryHistory] = MemoryHistory) -> None:
        self._is_shared = is_shared
        self._history = history

    async def __aenter__(self) -> MemoryGround:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    def close(self) -> None:
        pass

    async def place(self, number: int, chance: random.Random) -> Alone | Across:
        if not self._is_shared:
            return await Alone(self._history).start()
        place = await Across(chance).start()
        place.network.kept.__class__ = self._history
        return place

    async def storm(self, chance: random.Random) -> None:
        pass

    async def calm(self) -> None:
        pass

    def lose_appends(self) -> None:
        self._history = Forgetful


class Forgetful(MemoryHistory):
    """A history that loses an entry now and then, and does not say so."""

    def append(self, topic: str, message: bytes) -> None:
        super().append(topic, message)
        kept = self._kept.get(topic)
        if kept is not None and kept.offset % 100 == 3 and kept.entries:
            kept.entries.pop()
            kept.times.pop()
