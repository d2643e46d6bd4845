"""What arrives from other servers, and what is published to them."""

from __future__ import annotations

import asyncio

import pytest

from tests.wire.conftest import House
from walkwire.brokers.memory import Bus, MemoryBroker
from walkwire.errors import Unreached
from walkwire.wire.message.envelope import Head, server_topic
from walkwire.wire.peers import Peers

HERE, THERE = "aaaaaaaa", "bbbbbbbb"


async def test_a_message_that_is_no_letter_or_of_a_kind_to_come_is_passed_over(house: House) -> None:
    socket = await house.open(channel_id="lobby")
    house.wire.peers.deliver("c.lobby", b"nonsense")
    house.wire.peers.deliver("c.lobby", b'["ffffffff",1,"presence",["lobby"]]\n{}')
    house.wire.peers.deliver("revoked", b'["ffffffff",3,"revoked",["lobby"]]\nnonsense')
    house.wire.peers.deliver("c.lobby", b'["ffffffff",2,"channels",["lobby"]]\n{"n":1}')
    assert await socket.quiet() == [{"n": 1}]


async def test_a_server_drops_its_own_echo(house: House) -> None:
    socket = await house.open(channel_id="lobby")
    house.wire.peers.deliver(
        "c.lobby", b'["%b",1,"channels",["lobby"]]\n{"n":1}' % house.wire.ids.server.encode()
    )
    assert await socket.quiet() == []


async def test_an_envelope_to_several_topics_is_received_once_and_never_by_its_own_server() -> None:
    bus = Bus()
    here, there = Peers(MemoryBroker(bus), HERE), Peers(MemoryBroker(bus), THERE)
    received: list[tuple[Head, bytes]] = []

    def receive(head: Head, data: bytes) -> None:
        received.append((head, data))

    def refuse(head: Head, data: bytes) -> None:
        raise AssertionError

    await here.start(refuse)
    await there.start(receive)
    assert not here.publish("users", ("x",), [server_topic(HERE)], b"1"), "there is nobody to publish to"
    own = server_topic(THERE)
    assert here.publish("users", ("x",), [own, own, server_topic(HERE)], b"2")
    there.deliver(own, b'["cccccccc",7,"users",["x"],"",true]\n3')
    there.deliver("u.x", b'["cccccccc",7,"users",["x"],"",true]\n3')
    for _ in range(5):
        await asyncio.sleep(0)
    assert sorted(data for _, data in received) == [b"2", b"3"]
    for peers in (here, there):
        await peers.stop()


async def test_an_ended_session_is_told_to_the_other_servers() -> None:
    bus = Bus()
    here, there = Peers(MemoryBroker(bus), HERE), Peers(MemoryBroker(bus), THERE)
    heard: list[tuple[str, str]] = []

    def refuse(*anything: object) -> None:
        raise AssertionError

    await here.start(refuse, refuse, refuse, refuse)
    await there.start(refuse, refuse, refuse, lambda root_id, session: heard.append((root_id, session)))
    here.tell_ended("x", "s")
    for _ in range(5):
        await asyncio.sleep(0)
    assert heard == [("x", "s")]
    for peers in (here, there):
        await peers.stop()


async def test_what_cannot_be_published_is_counted() -> None:
    class Away(MemoryBroker):
        def publish(self, topic: str, message: bytes) -> None:
            raise Unreached

    peers = Peers(Away(), HERE)
    with pytest.raises(Unreached):
        peers.publish("users", ("x",), ["u.x"])
    peers.tell_revoked("x", 1)
    peers.tell_ended("x", "s")
    assert peers.untold == 3
