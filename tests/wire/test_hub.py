"""Who is here, and how a notification finds them: on one server, and between servers."""

from __future__ import annotations

import asyncio
from asyncio import Future
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.wire.conftest import ANN, BOB, House
from walkwire.brokers.memory import Bus, MemoryBroker
from walkwire.errors import Limited, Refused
from walkwire.ids import PUBLIC_ROOT
from walkwire.wire.hub import Hub
from walkwire.wire.limits import Limits
from walkwire.wire.message import envelope
from walkwire.wire.message.notification import Kind, Notification
from walkwire.wire.policy import Policies

Build = Callable[..., Awaitable[House]]


async def until(is_so: Callable[[], bool]) -> None:
    for _ in range(1000):  # turns of the loop
        if is_so():
            return
        await asyncio.sleep(0)
    raise AssertionError


def tell(hub: Hub, kind: Kind, *targets: str, data: bytes = b'{"n":1}') -> None:
    hub.notify(Notification(kind, targets, data))


# One server


async def test_a_notification_reaches_every_socket_of_a_user_and_no_other(house: House) -> None:
    one, two, other, public = [await house.open(token) for token in ("ann", "ann", "bob", None)]
    tell(house.hub, "users", ANN)
    assert [await socket.quiet() for socket in (one, two, other, public)] == [[{"n": 1}], [{"n": 1}], [], []]


async def test_a_notification_reaches_every_socket_in_a_channel(house: House) -> None:
    one, two, other = [await house.open(channel_id=name) for name in ("lobby", "lobby", "attic")]
    tell(house.hub, "channels", "lobby")
    assert [await socket.quiet() for socket in (one, two, other)] == [[{"n": 1}], [{"n": 1}], []]


async def test_a_notification_reaches_single_clients(house: House) -> None:
    one, two, other = [await house.open() for _ in range(3)]
    tell(house.hub, "clients", one.connection.client.id, two.connection.client.id, "1:nobody")
    assert [await socket.quiet() for socket in (one, two, other)] == [[{"n": 1}], [{"n": 1}], []]


async def test_one_who_is_meant_several_times_hears_once(house: House) -> None:
    socket = await house.open("ann", "lobby")
    house.hub.join(socket.connection.client.id, "attic")
    tell(house.hub, "channels", "lobby", "attic", "lobby", "nowhere")
    assert await socket.quiet() == [{"n": 1}]


async def test_the_public_user_is_everybody_who_has_not_signed_in(house: House) -> None:
    public, too, user = await house.open(), await house.open("bad"), await house.open("ann")
    tell(house.hub, "users", PUBLIC_ROOT)
    assert [await socket.quiet() for socket in (public, too, user)] == [[{"n": 1}], [{"n": 1}], []]


async def test_notifications_arrive_in_the_order_in_which_they_were_made(house: House) -> None:
    socket = await house.open("ann", "lobby")
    client_id = socket.connection.client.id
    audiences: list[tuple[Kind, str]] = [("users", ANN), ("channels", "lobby"), ("clients", client_id)]
    for number in range(60):
        kind, target = audiences[number * 7 % 3]
        tell(house.hub, kind, target, data=b"%d" % number)
    assert await socket.quiet() == list(range(60))


async def test_members_that_leave_during_a_burst_hear_what_came_before(house: House) -> None:
    goes, stays = await house.open(channel_id="lobby"), await house.open(channel_id="lobby")
    for number in range(4):
        tell(house.hub, "channels", "lobby", data=b"%d" % number)
        if number == 1:
            house.hub.leave(goes.connection.client.id, "lobby")
    assert [await goes.quiet(), await stays.quiet()] == [[0, 1], [0, 1, 2, 3]]


async def test_a_notification_larger_than_a_frame_goes_into_the_log_and_nowhere_else(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    socket = await house.open(channel_id="lobby")
    tell(house.hub, "channels", "lobby", data=b'"' + b"x" * 2**24 + b'"')
    assert await socket.quiet() == []
    assert "was not sent" in caplog.text


async def test_nothing_is_left_of_clients_that_have_gone(house: House) -> None:
    sockets = [await house.open("ann", "lobby") for _ in range(3)] + [await house.open() for _ in range(3)]
    house.hub.join(sockets[0].connection.client.id, "attic")
    for socket in sockets:
        socket.leave()
    await asyncio.sleep(0)
    assert house.hub.clients == {}
    assert (len(house.hub._users), len(house.hub._channels)) == (0, 0)


async def test_a_walker_may_put_a_client_into_a_channel_and_take_it_out(build: Build) -> None:
    house = await build(policies=Policies(join="none"))
    socket = await house.open()
    client_id = socket.connection.client.id
    house.hub.join(client_id, "vip")
    house.hub.join(client_id, "vip")
    house.hub.join("1:nobody", "vip")
    tell(house.hub, "channels", "vip", data=b"1")
    house.hub.leave(client_id, "vip")
    house.hub.leave("1:nobody", "vip")
    tell(house.hub, "channels", "vip", data=b"2")
    assert await socket.quiet() == [1]


async def test_a_walker_cannot_put_a_client_into_more_channels_than_it_may_have(
    build: Build, caplog: pytest.LogCaptureFixture
) -> None:
    house = await build(limits=Limits(channels=2))
    socket = await house.open()
    for name in ("a", "b"):
        house.hub.join(socket.connection.client.id, name)
    tell(house.hub, "channels", "a", data=b"1")
    tell(house.hub, "channels", "b", data=b"2")
    assert await socket.quiet() == [1]
    assert "may be in 2 channels at most" in caplog.text


async def test_a_client_asks_for_all_its_channels_or_gets_none(build: Build) -> None:
    house = await build(limits=Limits(channels=3))
    client = (await house.open()).connection.client
    with pytest.raises(Limited):
        house.hub.admit(client, ["a", "b", "c"])
    assert len(client.channels) == 1
    house.hub.admit(client, ["a", "b"])
    house.hub.admit(client, ["a", "b"])
    assert len(client.channels) == 3


# Policies of joining


async def test_a_refused_channel_is_entered_when_a_user_who_may_has_come(build: Build) -> None:
    house = await build(policies=Policies(join="authenticated"))
    socket = await house.open(channel_id="lobby")
    client = socket.connection.client
    tell(house.hub, "channels", "lobby", data=b"1")
    house.hub.change(client, ANN)
    tell(house.hub, "channels", "lobby", data=b"2")
    house.hub.admit(client, ["attic"])
    tell(house.hub, "channels", "attic", data=b"3")
    house.hub.change(client, PUBLIC_ROOT)
    tell(house.hub, "channels", "lobby", "attic", data=b"4")
    house.hub.change(client, BOB)
    tell(house.hub, "channels", "lobby", data=b"5")
    tell(house.hub, "channels", "attic", data=b"6")
    assert await socket.quiet() == [2, 3, 5, 6]


async def test_a_random_channel_of_ones_own_is_always_allowed(build: Build) -> None:
    house = await build(policies=Policies(join="none"))
    socket, stranger = await house.open(), await house.open("ann")
    client = socket.connection.client
    tell(house.hub, "channels", client.channel_id, data=b"1")
    house.hub.leave(client.id, client.channel_id)
    tell(house.hub, "channels", client.channel_id, data=b"2")
    house.hub.admit(client, [client.channel_id])
    tell(house.hub, "channels", client.channel_id, data=b"3")
    with pytest.raises(Refused):
        house.hub.admit(stranger.connection.client, [client.channel_id])
    assert await socket.quiet() == [1, 3]


async def test_a_chosen_channel_is_never_ones_own(build: Build) -> None:
    house = await build(policies=Policies(join="none"))
    first = await house.open()
    thief = await house.open(channel_id=first.connection.client.channel_id)
    tell(house.hub, "channels", first.connection.client.channel_id)
    assert await thief.quiet() == []


async def test_what_a_walker_gave_is_asked_about_when_the_user_changes(build: Build) -> None:
    house = await build(policies=Policies(join="none"))
    socket = await house.open("ann")
    house.hub.join(socket.connection.client.id, "vip")
    house.hub.change(socket.connection.client, BOB)
    tell(house.hub, "channels", "vip")
    assert await socket.quiet() == []


async def test_a_user_who_is_signed_out_has_public_sockets_that_are_told_nothing(build: Build) -> None:
    house = await build(policies=Policies(join="authenticated"))
    one, two, other = [await house.open(token, "lobby") for token in ("ann", "ann", "bob")]
    house.hub.sign_out(ANN)
    assert [socket.connection.client.root_id for socket in (one, two, other)] == [
        PUBLIC_ROOT,
        PUBLIC_ROOT,
        BOB,
    ]
    tell(house.hub, "users", ANN, data=b"1")
    tell(house.hub, "channels", "lobby", data=b"2")
    tell(house.hub, "users", PUBLIC_ROOT, data=b"3")
    assert [await socket.quiet() for socket in (one, two, other)] == [[3], [3], [2]]
    house.hub.sign_out(PUBLIC_ROOT)
    assert not house.hub.is_here(ANN)


# Several servers


class Counting(MemoryBroker):
    """A broker that counts what it is asked and what arrives."""

    def __init__(self, bus: Bus) -> None:
        super().__init__(bus)
        self.arrived: list[str] = []
        self.topics: list[str] = []
        self.settling: Future[None] | None = None

    def when_subscribed(self) -> Future[None] | None:
        return self.settling

    def subscribe(self, topics: Any) -> None:
        self.topics += topics
        super().subscribe(topics)

    def _deliver_message(self, topic: str, message: bytes) -> None:
        self.arrived.append(topic)
        super()._deliver_message(topic, message)


@pytest.fixture
async def cluster(build: Build) -> tuple[House, House, House]:
    """Three servers on one bus."""
    bus = Bus()
    one, two, three = [await build(broker=Counting(bus)) for _ in range(3)]
    return one, two, three


def arrived(house: House) -> list[str]:
    broker = house.wire.peers._broker
    assert isinstance(broker, Counting)
    return broker.arrived


async def test_users_channels_and_clients_are_reached_on_other_servers(
    cluster: tuple[House, House, House],
) -> None:
    here, there, elsewhere = cluster
    sender = await here.open("ann", "lobby")
    socket = await there.open("ann", "lobby")
    bystander = await elsewhere.open("bob", "attic")
    tell(here.hub, "users", ANN, data=b"1")
    tell(here.hub, "channels", "lobby", data=b"2")
    tell(here.hub, "clients", socket.connection.client.id, data=b"3")
    assert await socket.quiet() == [1, 2, 3]
    assert await sender.quiet() == [1, 2]
    assert await bystander.quiet() == []
    assert (len(arrived(there)), arrived(elsewhere), arrived(here)) == (3, [], [])


async def test_one_meant_by_several_targets_on_another_server_hears_once(
    cluster: tuple[House, House, House],
) -> None:
    here, there, _ = cluster
    socket = await there.open("ann", "lobby")
    there.hub.join(socket.connection.client.id, "attic")
    for number in range(2):
        tell(here.hub, "channels", "lobby", "attic", data=b"%d" % number)
    assert await socket.quiet() == [0, 1]


async def test_a_random_channel_is_reached_where_it_was_made_and_where_it_was_joined(
    cluster: tuple[House, House, House],
) -> None:
    here, there, elsewhere = cluster
    owner, guest = await there.open(), await elsewhere.open()
    channel_id = owner.connection.client.channel_id
    elsewhere.hub.join(guest.connection.client.id, channel_id)
    for number, house in enumerate((here, there, elsewhere)):
        tell(house.hub, "channels", channel_id, data=b"%d" % number)
        assert (await owner.quiet(), await guest.quiet()) == ([number], [number])


async def test_a_socket_that_chose_nothing_costs_the_broker_no_topic_of_its_own(
    cluster: tuple[House, House, House],
) -> None:
    here, *_ = cluster
    for _ in range(5):
        await here.open()
    broker = here.wire.peers._broker
    assert isinstance(broker, Counting)
    assert sorted(broker.topics) == [
        envelope.ALL,
        envelope.REVOKED,
        f"s.{here.wire.ids.server}",
        f"u.{PUBLIC_ROOT}",
    ]


async def test_a_walker_may_let_a_client_of_another_server_join_and_leave(
    cluster: tuple[House, House, House],
) -> None:
    here, there, _ = cluster
    socket = await there.open()
    here.hub.join(socket.connection.client.id, "vip")
    await socket.quiet()
    tell(there.hub, "channels", "vip", data=b"1")
    assert await socket.quiet() == [1]
    here.hub.leave(socket.connection.client.id, "vip")
    await socket.quiet()
    tell(there.hub, "channels", "vip", data=b"2")
    assert await socket.quiet() == []


async def test_revoked_tokens_are_told_to_every_server_also_to_one_without_a_socket_of_the_user(
    cluster: tuple[House, House, House],
) -> None:
    here, there, elsewhere = cluster
    socket = await there.open("ann")
    heard: dict[str, list[tuple[Any, ...]]] = {}
    for house in cluster:
        told = heard.setdefault(house.wire.ids.server, [])
        await house.wire.peers.stop()
        await house.wire.peers.start(house.hub.receive, lambda *revoked, told=told: told.append(revoked))
    here.hub.tell_revoked(ANN, 3)
    await socket.quiet()
    assert [heard[house.wire.ids.server] for house in (here, there, elsewhere)] == [
        [],
        [(ANN, 3)],
        [(ANN, 3)],
    ]


async def test_one_is_told_connected_when_other_servers_reach_it_and_what_came_meanwhile_comes_after(
    build: Build,
) -> None:
    broker = Counting(Bus())
    house = await build(broker=broker)
    broker.settling = asyncio.get_running_loop().create_future()
    opening = asyncio.ensure_future(house.open("ann", "lobby"))
    await until(lambda: bool(house.hub.clients))
    tell(house.hub, "channels", "lobby", data=b"1")
    for _ in range(5):
        await asyncio.sleep(0)
    assert not opening.done()
    broker.settling.set_result(None)
    socket = await opening
    assert await socket.quiet() == [1]


async def test_after_the_answer_to_change_user_nothing_for_the_old_user_arrives(build: Build) -> None:
    broker = Counting(Bus())
    house = await build(broker=broker)
    socket = await house.open("ann")
    broker.settling = asyncio.get_running_loop().create_future()
    tell(house.hub, "users", ANN, data=b"1")
    await socket.send({"type": "change_user", "token": "bob"})
    await until(lambda: socket.connection.client.root_id == BOB)
    tell(house.hub, "users", ANN, data=b"2")
    tell(house.hub, "users", BOB, data=b"3")
    await asyncio.sleep(0)
    broker.settling.set_result(None)
    first, second, third = await socket.quiet()
    assert (first, second["data"]["root_id"], third) == (1, f"n::{BOB}", 3)


async def test_a_join_is_acknowledged_when_other_servers_know_it(build: Build) -> None:
    broker = Counting(Bus())
    house = await build(broker=broker)
    socket = await house.open()
    broker.settling = asyncio.get_running_loop().create_future()
    await socket.send({"type": "join", "channel_ids": ["lobby"], "id": 1})
    await socket.send({"type": "connection", "id": 2})
    tell(house.hub, "channels", "lobby", data=b"1")
    assert await socket.receive() == 1
    broker.settling.set_result(None)
    assert [each["id"] for each in await socket.quiet()] == [1, 2]
