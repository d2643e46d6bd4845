"""A hub whose broker is away, or loses what it was given: who is told what."""

from __future__ import annotations

import asyncio
from asyncio import Future
from collections.abc import Awaitable, Callable

import pytest

from tests.wire.conftest import ANN, House, notice
from walkwire.broker import Deliver, Returned
from walkwire.brokers.memory import Bus, MemoryBroker
from walkwire.errors import Unreached
from walkwire.wire.message.notification import Notification

Build = Callable[..., Awaitable[House]]
SENTENCE = "Only those on this server were told: the others cannot be reached at the moment."


class Moody(MemoryBroker):
    """A broker that can be away, and that tells late what it has taken."""

    def __init__(self, bus: Bus | None = None) -> None:
        super().__init__(bus)
        self.mood: str | None = None
        self.waiting: Future[None] | None = None
        self.topics: list[str] = []

    @property
    def away(self) -> str | None:
        return self.mood

    async def start(self, deliver: Deliver, returned: Returned = lambda: None) -> None:
        await super().start(deliver)
        self.returned = returned

    def publish(self, topic: str, message: bytes) -> None:
        if self.mood is not None:
            raise Unreached
        self.topics.append(topic)
        super().publish(topic, message)

    def when_published(self) -> Future[None] | None:
        return self.waiting


@pytest.fixture
def broker() -> Moody:
    return Moody()


@pytest.fixture
async def house(build: Build, broker: Moody) -> House:
    return await build(broker=broker)


async def test_with_the_broker_away_those_here_are_told_and_the_sender_learns_the_rest(
    house: House, broker: Moody
) -> None:
    ann, eve = await house.open("ann", "lobby"), await house.open(channel_id="lobby")
    broker.mood = "it is gone"
    await ann.send({"type": "channel", "channel_ids": ["lobby"], "data": notice(), "id": 1})
    assert await ann.quiet() == [
        notice(),
        {"type": "reply", "id": 1, "ok": False, "error": {"code": "busy", "message": SENTENCE}},
    ]
    assert await eve.quiet() == [notice()]


async def test_the_sender_of_an_event_without_an_id_learns_it_too(house: House, broker: Moody) -> None:
    ann = await house.open("ann")
    broker.mood = "it is gone"
    await ann.send({"type": "user", "root_ids": [f"n::{ANN}"], "data": notice()})
    assert await ann.quiet() == [notice(), {"error": SENTENCE}]


async def test_what_needs_no_other_server_is_told_as_ever(house: House, broker: Moody) -> None:
    ann = await house.open("ann")
    client_id, channel_id = ann.connection.client.id, ann.connection.client.channel_id
    broker.mood = "it is gone"
    await ann.send({"type": "client", "client_ids": [client_id], "data": notice(), "id": 1})
    await ann.send({"type": "connection", "id": 2})
    assert [frame.get("ok") for frame in await ann.quiet()] == [None, True, True]
    assert channel_id.count(":") == 1


async def test_an_event_with_an_id_is_acknowledged_when_the_broker_has_it_and_holds_up_nothing(
    house: House, broker: Moody
) -> None:
    ann = await house.open("ann", "lobby")
    broker.waiting = asyncio.get_running_loop().create_future()
    await ann.send({"type": "channel", "channel_ids": ["lobby"], "data": notice(), "id": 1})
    await ann.send({"type": "connection", "id": 2})
    assert [await ann.receive(), (await ann.receive())["id"]] == [notice(), 2]
    broker.waiting.set_result(None)
    assert await ann.receive() == {"type": "reply", "id": 1, "ok": True, "data": None}


async def test_a_broker_that_went_with_the_message_is_told_to_the_sender(house: House, broker: Moody) -> None:
    ann = await house.open("ann", "lobby")
    broker.waiting = asyncio.get_running_loop().create_future()
    await ann.send({"type": "channel", "channel_ids": ["lobby"], "data": notice(), "id": 1})
    assert await ann.receive() == notice()
    broker.waiting.set_exception(Unreached())
    assert await ann.receive() == {
        "type": "reply",
        "id": 1,
        "ok": False,
        "error": {"code": "busy", "message": SENTENCE},
    }


async def test_a_walkers_notifications_are_counted_and_logged_once(
    house: House, broker: Moody, caplog: pytest.LogCaptureFixture
) -> None:
    socket = await house.open(channel_id="lobby")
    broker.mood = "it is gone"
    for _ in range(3):
        house.hub.notify(Notification("channels", ("lobby",), b"1"))
    house.hub.join("1:" + "f" * 32, "lobby")
    assert await socket.quiet() == [1, 1, 1]
    assert house.wire.peers.untold == 4
    assert caplog.text.count("reached only this server: it is gone") == 1
    broker.mood = None
    returns: list[int] = []
    await house.wire.peers.start(house.hub.receive, on_return=lambda: returns.append(1))
    broker.returned()
    assert "4 notifications reached only this server meanwhile" in caplog.text
    assert returns == [1]


async def test_one_who_was_just_sent_into_a_channel_elsewhere_hears_what_is_told_there(build: Build) -> None:
    bus = Bus()
    here, there = await build(broker=Moody(bus)), await build(broker=Moody(bus))
    socket = await there.open()
    here.hub.join(socket.connection.client.id, "room")
    for number in range(3):
        here.hub.notify(Notification("channels", ("room",), b"%d" % number))
    assert await socket.quiet() == [0, 1, 2]
    here.hub.notify(Notification("channels", ("room",), b"3"))
    assert await socket.quiet() == [3], "a copy comes on the channel's topic now, and is told once"
