"""A model knows who is where. Whatever happens, what watchers have put together from their frames comes to be the same.

Random schedules over servers that share a bus: clients of both versions come, join, leave, change their user, are dropped and
resume on any server; servers start, are killed, are cut off; messages between them are lost.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.wire.conftest import House, Listener
from tests.wire.presence.conftest import FrailBroker, Seen, Town
from walkwire.server.socket.loopback import Loopback
from walkwire.wire.presence.exchange import BEAT
from walkwire.wire.presence.presence import KEEP, LINGER, TICK

CHANNELS = ("den", "hall")
USERS = (None, *"abcdef")
STEPS = 112
SETTLED = 3 * LINGER  # seconds after which all is as it should be, if nothing more is lost
SEEDS = [*range(6), *(pytest.param(seed, marks=pytest.mark.long) for seed in range(6, 100))]


@dataclass
class Person:
    """A client. `listener`: of version 2, else `socket` is of version 1."""

    house: House
    user: str | None
    socket: Loopback
    listener: Listener | None
    channels: set[str]
    seen: dict[str, Seen] = field(default_factory=dict)


class World:
    """Does one thing after another. `people`: all connected clients."""

    def __init__(self, town: Town, seed: int) -> None:
        self.town = town
        self.dice = random.Random(seed)
        FrailBroker.dice = random.Random(seed)
        self.houses: list[House] = []
        self.people: list[Person] = []
        self.dropped: list[Person] = []
        self.last_drop = 0.0

    async def start(self) -> None:
        house = await self.town.start()
        house.tokens |= {user: user * 24 for user in "abcdef"}
        self.houses.append(house)

    async def step(self) -> None:
        dice = self.dice
        deeds: list[Any] = [self._come] * 6 + [self._come_1] * 2 + [self._drop] * 4 + [self._resume] * 4
        deeds += [self._join, self._leave, self._leave, self._change, self._change] + [self._wait] * 6
        deeds += [self._kill, self._open, self._cut, self._lose, self._lose]
        await dice.choice(deeds)()

    async def settle(self) -> None:
        for broker in self.town.brokers.values():
            broker.loss, broker.is_cut = 0, False
        await self.town.clock.advance(SETTLED)

    async def check(self) -> None:
        """Every watcher knows who is where."""
        for person in self.people:
            await self._read(person)
            for channel_id, seen in person.seen.items():
                here = [each for each in self.people if channel_id in each.channels]
                users = {each.user for each in here if each.user is not None}
                public = sum(each.user is None for each in here)
                assert seen.count == len(users) + public, channel_id
                if seen.users is not None:
                    assert seen.names == users, channel_id
                    assert all(info in ({}, {"u": root_id[3]}) for root_id, info in seen.users.items())

    async def _come(self) -> None:
        await self._connect(self.dice.choice(self.houses), self.dice.choice(USERS))

    async def _connect(self, house: House, user: str | None, **fields: Any) -> None:
        names = self.dice.sample(CHANNELS, self.dice.randint(0, 2))
        wishes = [
            {"channel_id": name, "presence": self.dice.choice([None, "list", "count"])} for name in names
        ]
        if self.dice.randrange(2):
            fields["info"] = {} if user is None else {"u": user}
        listener = await self.town.run(house.connect(user, *wishes, **fields))
        person = Person(house, user, listener.socket, listener, set(names))
        self._watch(person, wishes, listener.who["streams"]["channels"])
        self.people.append(person)

    def _watch(self, person: Person, wishes: list[dict[str, Any]], told: dict[str, Any]) -> None:
        assert person.listener is not None
        for wish in wishes:
            name = wish["channel_id"]
            assert ("presence" in told[name]) == (wish["presence"] is not None)
            if wish["presence"] is not None:
                person.seen[name] = Seen(person.listener, told[name]["presence"], name)

    async def _come_1(self) -> None:
        house, user, channel_id = (self.dice.choice(each) for each in (self.houses, USERS, CHANNELS))
        socket = await house.open(user, channel_id)
        self.people.append(Person(house, user, socket, None, {channel_id}))

    async def _drop(self) -> None:
        if self.people:
            person = self.people.pop(self.dice.randrange(len(self.people)))
            person.socket.leave()
            await person.socket.quiet()
            self.dropped.append(person)
            self.last_drop = self.town.clock.now

    async def _resume(self) -> None:
        if self.dropped:
            person = self.dropped.pop()
            session = None if person.listener is None else person.listener.who["session"]
            await self._connect(self.dice.choice(self.houses), person.user, session=session)

    async def _join(self) -> None:
        person = self._any()
        if person is not None and person.listener is not None:
            name = self.dice.choice(CHANNELS)
            wish = {"channel_id": name, "presence": "list"}
            await person.socket.send({"type": "join", "id": 1, "channels": [wish]})
            frames: list[dict[str, Any]] = []
            while not any(frame["type"] == "reply" for frame in frames):
                await self.town.clock.advance(TICK)
                frames += [json.loads(payload) for payload in person.socket.take()]
            person.channels.add(name)
            for frame in frames:
                if frame["type"] == "reply":
                    self._watch(person, [wish], frame["data"]["channels"])
                else:
                    self._take(person, frame)

    async def _leave(self) -> None:
        person = self._any()
        if person is not None and person.channels:
            await self._read(person)
            name = self.dice.choice(sorted(person.channels))
            person.channels.discard(name)
            person.seen.pop(name, None)
            await person.socket.send({"type": "leave", "channel_ids": [name]})
            await self._read(person)

    async def _change(self) -> None:
        person = self._any()
        if person is not None:
            await self._read(person)
            person.user = self.dice.choice(USERS)
            await person.socket.send({"type": "change_user", "token": person.user or "", "id": 1})
            frames = await self._read(person)
            assert [frame["ok"] for frame in frames if frame["type"] == "reply"] == [True]

    async def _wait(self) -> None:
        await self.town.clock.advance(
            self.dice.choice([TICK, TICK, 2 * TICK, 1, BEAT, LINGER / 2, LINGER, KEEP + 1])
        )

    async def _kill(self) -> None:
        if len(self.houses) > 1:
            house = self.houses.pop(self.dice.randrange(len(self.houses)))
            await self.town.kill(house)
            self.people = [person for person in self.people if person.house is not house]

    async def _open(self) -> None:
        if len(self.houses) < 4:
            await self.start()

    async def _cut(self) -> None:
        broker = self.dice.choice(list(self.town.brokers.values()))
        broker.is_cut = not broker.is_cut

    async def _lose(self) -> None:
        for broker in self.town.brokers.values():
            broker.loss = self.dice.choice([0, 30, 60])

    async def _read(self, person: Person) -> list[dict[str, Any]]:
        """Take in what has come, and return it."""
        frames = await person.socket.quiet()
        for frame in frames:
            self._take(person, frame)
        return frames

    def _take(self, person: Person, frame: dict[str, Any]) -> None:
        if frame.get("type") == "presence" and frame["channel_id"] in person.seen:
            person.seen[frame["channel_id"]]._take(frame)

    def _any(self) -> Person | None:
        return self.dice.choice(self.people) if self.people else None


@pytest.mark.parametrize("seed", SEEDS)
async def test_watchers_come_to_know_the_truth(town: Town, seed: int) -> None:
    world = World(town, seed)
    for _ in range(3):
        await world.start()
    for step in range(STEPS):
        await world.step()
        if step % 16 == 15:
            await world.settle()
            await world.check()


@pytest.mark.parametrize("seed", SEEDS)
async def test_without_losses_they_know_it_after_a_beat(town: Town, seed: int) -> None:
    world = World(town, seed)
    world._lose = world._cut = world._kill = world._wait  # type: ignore[method-assign]
    for _ in range(3):
        await world.start()
    await world._come()
    for _ in range(STEPS):
        await world.step()
        await town.clock.advance(BEAT + 1)
        if town.clock.now > world.last_drop + LINGER + 1:
            await world.check()
    await world.settle()
    await world.check()


async def test_nothing_stays_behind(town: Town) -> None:
    world = World(town, 1)
    for _ in range(3):
        await world.start()
    for _ in range(STEPS):
        await world.step()
    await world.settle()
    for person in world.people:
        person.socket.leave()
    await town.clock.advance(KEEP + SETTLED)
    for house in world.houses:
        presence = house.hub.presence
        assert not (presence._rosters)
        assert not (presence._watches)
        assert not (presence._lingering)
        assert not presence._exchange.wanted
    assert not town.clock.ticks
