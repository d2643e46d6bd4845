"""World: one system and its clients, and a schedule of random steps that is made from a seed."""

from __future__ import annotations

import asyncio
import random
from asyncio import Future
from typing import Protocol

from tests.histories.recovery.person import Counts, Person
from tests.histories.recovery.truth import Fault, Truth
from tests.wire.conftest import TOKENS, House
from walkwire.errors import PublicError
from walkwire.wire.message.notification import Kind, Notification

CHANNELS = ("den", "hall", "attic")
PERSONS = 4
BURST = 350  # notifications: more than are kept
PATIENCE = 60.0  # seconds until everybody has heard everything, once nothing is broken any more

WALKS = 0.5  # of what is told

STEPS = {
    "tell": 16,
    "drop": 22,
    "connect": 30,
    "take over": 4,
    "join": 6,
    "leave": 4,
    "change": 3,
    "wait": 1.5,
    "listen": 10,
    "burst": 0.1,
    "stall": 2,
    "strike": 3,
}


class Place(Protocol):
    """The servers of a world, and what may happen to them. `has_walks`: whether commits tell, too."""

    houses: list[House]
    has_walks: bool

    async def tell(self, house: House, notification: Notification, is_walk: bool) -> Future[None] | None:
        """Send by one of the servers, as a client does or as a walk.

        Return a future, done when it is in the stream; None: it is. Raises PublicError.
        """

    async def settle(self, house: House | None) -> None:
        """Let arrive what is on its way, if that takes no time."""

    async def wait(self, chance: random.Random) -> None:
        """Let so much time pass that something may expire."""

    async def strike(self, chance: random.Random) -> None:
        """Break something, kill a server, or mend something."""

    async def calm(self) -> None:
        """Mend everything."""

    async def close(self) -> None:
        """End."""


class World:
    """Persons at a place. `counts`: what happened."""

    def __init__(self, place: Place, seed: int) -> None:
        self.counts = Counts()
        self._place = place
        self._chance = random.Random(seed)
        self._truth = Truth()
        self._people = [
            Person(
                lambda: place.houses,
                self._chance,
                self._truth,
                self._chance.choice(tuple(TOKENS)),
                self.counts,
            )
            for _ in range(PERSONS)
        ]

    async def play(self, steps: int) -> None:
        """Do so many steps. Raises Fault."""
        for _ in range(steps):
            step = self._chance.choices(tuple(STEPS), tuple(STEPS.values()))[0]
            await self._do(step, self._chance.choice(self._people))

    async def finish(self) -> None:
        """Let everybody come back. Raises Fault if something was lost, or out of order."""
        await self._place.calm()
        try:
            async with asyncio.timeout(PATIENCE):
                while not await self._is_whole():  # noqa: ASYNC110 - nobody tells
                    await asyncio.sleep(0.02)
        except TimeoutError:
            away = [person for person in self._people if person.socket is None]
            raise Fault(f"not back: {away}; {'; '.join(self._truth.missing())}") from None
        self._truth.check()
        self.counts.sent = len(self._truth.sent)

    async def close(self) -> None:
        """End."""
        for person in self._people:
            if person.socket is not None:
                person.socket.leave()
        await asyncio.sleep(0)
        await self._place.close()

    async def _is_whole(self) -> bool:
        for person in self._people:
            if not await self._listen(person):
                await person.connect()
                return False
        if self._truth.missing():
            self._truth.check_passed()
            return False
        return True

    async def _listen(self, person: Person) -> bool:
        if person.socket is not None:
            person.socket.is_stalled = False
        await self._place.settle(person.house)
        return person.listen()

    async def _do(self, step: str, person: Person) -> None:
        chance = self._chance
        if person.house not in self._place.houses:
            person.drop()  # its server was killed
        match step:
            case "tell":
                for _ in range(chance.randint(1, 3)):
                    await self._tell("channels", chance.choice(CHANNELS))
                    await self._tell("users", chance.choice(tuple(TOKENS.values())))
                    if person.client_id:
                        await self._tell("clients", person.client_id)
            case "burst":
                name = chance.choice(CHANNELS)
                for _ in range(BURST):
                    await self._tell("channels", name)
            case "drop":
                person.drop()
            case "connect" if person.socket is None:
                await person.connect()
            case "take over" if await self._listen(person):
                person.abandon()
                await person.connect()
            case "join" if await self._listen(person):
                name = chance.choice(CHANNELS)
                if name not in person.channels:
                    await person.join(name)
            case "leave" if await self._listen(person) and person.channels:
                await person.leave(chance.choice(sorted(person.channels)))
            case "change" if await self._listen(person):
                name = chance.choice(tuple(TOKENS))
                if name != person.name:
                    await person.change(name)
            case "wait":
                await self._place.wait(chance)
            case "listen":
                await self._listen(person)
            case "stall":
                person.stall()
            case "strike":
                await self._place.strike(chance)

    async def _tell(self, kind: Kind, name: str) -> None:
        house = self._chance.choice(self._place.houses)
        is_walk = self._place.has_walks and self._chance.random() < WALKS
        # Walks run side by side: only those that end before another begins have an order.
        number = self._truth.send((kind, name), None if is_walk else house.wire.ids.server)
        notification = Notification(kind, (name,), b'{"n":%d}' % number)
        try:
            taken = await self._place.tell(house, notification, is_walk)
        except PublicError:
            return  # perhaps it arrives, perhaps not
        if taken is None:
            self._truth.confirm(number)
            return

        def confirm(taken: Future[None]) -> None:
            if not taken.cancelled() and taken.exception() is None:
                self._truth.confirm(number)

        taken.add_done_callback(confirm)
