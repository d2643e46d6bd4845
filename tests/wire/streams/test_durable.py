"""Durable streams on the wire: heard from the server that wrote them, or else from the database, once and in order."""

from __future__ import annotations

import asyncio
from asyncio import Future
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any

import pytest

from tests.wire.conftest import House, Listener
from walkwire.brokers.memory import Bus, MemoryBroker
from walkwire.errors import Busy, Unreached
from walkwire.histories.layered import LayeredHistory
from walkwire.histories.memory import MemoryHistory
from walkwire.history import RECENT, Hear, History, Mark, Page, Retention
from walkwire.server.streams.levels import Levels
from walkwire.wire.message import envelope
from walkwire.wire.message.notification import Kept, Notification
from walkwire.wire.streams import following

DURABLE = Retention(1000, 3600.0, is_durable=True)
LEVELS = Levels({"room": DURABLE})
TOPIC = "c.room"

Build = Callable[..., Awaitable[House]]


class Database:
    """The kept streams, as a database has them. While it `is_away`, it cannot be asked."""

    def __init__(self) -> None:
        self.kept = MemoryHistory()
        self.is_away = False
        self.reads = 0

    def write(self, data: bytes) -> Kept:
        """Append to the stream, as a commit does."""
        if TOPIC not in self.kept._kept:
            self.kept.open_now(TOPIC, DURABLE)
        self.kept.append(TOPIC, envelope.bare("channels", data))
        return Kept(TOPIC, self.kept.open_now(TOPIC, DURABLE))


class Front:
    """The durable history of one server."""

    is_local = False
    is_empty = True

    def __init__(self, database: Database, broker: MemoryBroker) -> None:
        self._database = database
        self._broker = broker

    def for_level(self, level: Retention) -> History:
        return self

    async def start(self, hear: Hear, lost: Callable[[], None]) -> None:
        pass

    async def stop(self) -> None:
        pass

    async def open(self, topics: Mapping[str, Retention]) -> dict[str, Mark]:
        self._broker.subscribe(map(envelope.kept_topic, topics))
        await self._reach()
        return await self._database.kept.open(topics)

    def close(self, topics: Collection[str]) -> None:
        self._broker.unsubscribe(map(envelope.kept_topic, topics))

    def append(self, topic: str, message: bytes) -> None:
        raise AssertionError

    async def tails(self, topics: Collection[str]) -> dict[str, Mark]:
        await self._reach()
        return await self._database.kept.tails(topics)

    async def read(
        self, topic: str, limit: int, *, after: Mark | None = None, upto: Mark | None = None
    ) -> Page:
        await self._reach()
        self._database.reads += 1
        return await self._database.kept.read(topic, limit, after=after, upto=upto)

    async def _reach(self) -> None:
        await asyncio.sleep(0)
        if self._database.is_away:
            raise Unreached


class Scene:
    """Two servers on one database and one broker."""

    def __init__(self, build: Build) -> None:
        self.database = Database()
        self._build = build
        self._bus = Bus()

    async def server(self) -> House:
        broker = MemoryBroker(self._bus)
        history = LayeredHistory(MemoryHistory(), Front(self.database, broker))
        return await self._build(broker=broker, history=history, level_of=LEVELS)

    def commit(self, number: int) -> Notification:
        """Return what is to be sent of a notification that was written."""
        data = b"%d" % number
        return Notification("channels", ("room", "lobby"), data, None, (self.database.write(data),))


@pytest.fixture
def scene(build: Build, monkeypatch: pytest.MonkeyPatch) -> Scene:
    monkeypatch.setattr(following, "DURABLE_SECONDS", 0.01)
    monkeypatch.setattr(following, "ON_ITS_WAY", 0.01)
    return Scene(build)


async def hears(listener: Listener, count: int) -> list[Any]:
    """The data of the next notifications to the durable channel."""
    found: list[Any] = []
    while len(found) < count:
        async with asyncio.timeout(30):
            frame = await listener.socket.receive()
        assert frame["type"] == "channel", frame
        if frame["channel_id"] == "room":
            found.append(frame["data"])
    return found


async def test_what_was_written_is_heard_on_both_servers_at_once(scene: Scene) -> None:
    here, there = await scene.server(), await scene.server()
    ann, bob = await here.connect(None, "room", "lobby"), await there.connect(None, "room")
    old, far = await here.open(channel_id="room"), await there.open(channel_id="room")
    for number in range(3):
        here.hub.notify(scene.commit(number))

    assert await hears(ann, 3) == await hears(bob, 3) == [0, 1, 2]
    assert [await old.receive() for _ in range(3)] == [0, 1, 2]  # version 1
    assert [await far.receive() for _ in range(3)] == [0, 1, 2]
    assert scene.database.reads == 0


async def test_what_a_server_wrote_that_died_is_heard_and_in_its_place(scene: Scene) -> None:
    here, there = await scene.server(), await scene.server()
    ann, bob = await here.connect(None, "room"), await there.connect(None, "room")
    scene.commit(0)
    assert await hears(ann, 1) == await hears(bob, 1) == [0]

    scene.commit(1)
    here.hub.notify(scene.commit(2))
    assert await hears(ann, 2) == await hears(bob, 2) == [1, 2]

    late, later = scene.commit(3), scene.commit(4)
    here.hub.notify(later)
    there.hub.notify(late)
    assert await hears(ann, 2) == await hears(bob, 2) == [3, 4]
    assert await ann.heard() == await bob.heard() == []


async def test_a_place_that_is_not_known_is_found_in_the_database(scene: Scene) -> None:
    here = await scene.server()
    ann = await here.connect(None, "room")
    scene.commit(0)
    here.hub.notify(Notification("channels", ("room",), b"0", None, (Kept(TOPIC, None),)))
    assert await hears(ann, 1) == [0]


async def test_while_the_database_is_away_others_hear_and_later_all_is_heard(scene: Scene) -> None:
    here = await scene.server()
    ann = await here.connect(None, "room", "lobby")
    scene.database.is_away = True
    reply = await ann.ask("join", channel_ids=["room"])
    assert reply["ok"]
    scene.commit(0)
    here.hub.notify(scene.commit(1))
    assert (await ann.socket.receive())["channel_id"] == "lobby"
    scene.database.is_away = False
    assert await hears(ann, 2) == [0, 1]


async def test_what_clients_send_is_given_to_the_writer_and_answered_when_it_is_written(scene: Scene) -> None:
    here = await scene.server()
    ann = await here.connect(None, "room")
    writing: list[tuple[Notification, Future[None]]] = []

    def write(notification: Notification) -> Future[None] | None:
        if notification.targets != ("room",):
            return None
        writing.append((notification, asyncio.get_running_loop().create_future()))
        return writing[-1][1]

    here.hub.use_writer(write)
    await ann.socket.send({"type": "channel", "id": 1, "channel_ids": ["room"], "data": {"n": 7}})
    await ann.socket.send({"type": "channel", "id": 2, "channel_ids": ["room"], "data": {"n": 8}})
    await ann.socket.send({"type": "channel", "id": 3, "channel_ids": ["elsewhere"], "data": {"n": 9}})
    assert (await ann.socket.receive())["id"] == 3

    (first, written), (_, refused) = writing
    here.hub.notify(
        Notification("channels", first.targets, first.data, None, (scene.database.write(first.data),))
    )
    written.set_result(None)
    refused.set_exception(Busy())
    said, *replies = [await ann.socket.receive() for _ in range(3)]
    assert (said["type"], said["data"]) == ("channel", {"n": 7})
    assert [(reply["id"], reply["ok"]) for reply in replies] == [(1, True), (2, False)]


async def test_a_server_without_durable_listeners_asks_nothing(scene: Scene) -> None:
    here = await scene.server()
    ann = await here.connect(None, "lobby", "room")
    await ann.ask("leave", channel_ids=["room"])
    assert LEVELS("channels", "lobby") == RECENT
    await here.hub.streams.following._look_at_durable()
    assert here.hub.streams.following._durable_looks is None
