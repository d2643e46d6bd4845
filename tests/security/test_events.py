"""What a client sends over the WebSocket: each finding of the audit, at the front door where it can be seen there."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode

from tests.serving import CHAT, PATIENCE, Server, Socket
from tests.wire.conftest import House, build, settle  # noqa: F401  # a fixture
from tests.wire.delivery.test_lag import BOUND, Peer, turns
from walkwire.brokers.memory import Bus, MemoryBroker
from walkwire.wire.delivery.turn import Turn
from walkwire.wire.message.envelope import Head, channel_topic
from walkwire.wire.peers import Peers

Build = Callable[..., Awaitable[House]]

SECRET = "s" * 32
LONG = " " * 70_000  # makes an event longer than what an error repeats
FAST = {
    "event_rate": "1000",
    "rate_burst": "1",
    "rate_patience": "0",
}  # a client that floods is closed at once


def production(folder: Path, **settings: str) -> Server:
    return Server(CHAT, folder, "--production", token_secret=SECRET, **settings)


async def close_code(socket: Socket) -> int | None:
    with suppress(ConnectionClosed):
        async with asyncio.timeout(PATIENCE):
            while True:
                await socket.wire.recv()
    return socket.wire.close_code


# A 9: one mebibyte of deep JSON with an unknown type held the loop


async def test_a9_the_type_is_looked_at_before_anything_else_is_parsed(tmp_path: Path) -> None:
    deep = "[" * 70 + "]" * 70
    with Server(CHAT, tmp_path) as server:
        async with server.connect() as socket:
            answer = await socket.ask(f'{{"type":"nope","data":{deep}}}{LONG}')
            (problem,) = answer["error"]
            assert (problem["type"], problem["input"]) == ("union_tag_invalid", None)
            answer = await socket.ask(f'{{"type":"channel","channel_ids":["a"],"data":{deep}}}{LONG}')
            assert "nested deeper than 64" in answer["error"]


# A 11: an event to 1,000 channels was published 1,000 times; joins and leaves were queued without bound


class Counting(MemoryBroker):
    """Counts what it is asked for."""

    def __init__(self, bus: Bus | None = None) -> None:
        super().__init__(bus or Bus())
        self.published: list[str] = []
        self.subscribed: Counter[str] = Counter()
        self.pending: list[asyncio.Future[None]] | None = None

    def publish(self, topic: str, message: bytes) -> None:
        self.published.append(topic)
        super().publish(topic, message)

    def subscribe(self, topics: Iterable[str]) -> None:
        topics = tuple(topics)
        self.subscribed.update(topics)
        super().subscribe(topics)

    def when_subscribed(self) -> asyncio.Future[None] | None:
        if self.pending is None:
            return None
        self.pending.append(asyncio.get_running_loop().create_future())
        return self.pending[-1]


async def test_a11_an_event_to_many_channels_is_published_once() -> None:
    bus = Bus()
    broker, received = Counting(bus), list[tuple[Head, bytes]]()
    here, there = Peers(broker, "aaaaaaaa"), Peers(MemoryBroker(bus), "bbbbbbbb")

    def receive(head: Head, data: bytes) -> None:
        received.append((head, data))

    await here.start(receive)
    await there.start(receive)
    names = tuple(f"room {number}" for number in range(1000))
    assert here.publish("channels", names, map(channel_topic, names), b"{}")
    assert len(broker.published) == 1
    await settle()
    assert [(head.targets, data) for head, data in received] == [(names, b"{}")]
    await here.stop()
    await there.stop()


async def test_a11_large_copies_are_few() -> None:
    broker = Counting()
    peers = Peers(broker, "aaaaaaaa")
    await peers.start(lambda head, data: None)
    names = ("a", "b", "c", "d")
    peers.publish("channels", names, map(channel_topic, names), b"{}")
    assert len(broker.published) == 4
    peers.publish("channels", names, map(channel_topic, names), b"x" * 500_000)
    assert len(broker.published) == 5
    await peers.stop()


async def test_a11_a_loop_of_joins_and_leaves_waits_for_the_broker(build: Build) -> None:  # noqa: F811
    broker = Counting()
    house = await build(broker=broker)
    socket = await house.open()
    broker.pending = []
    before = broker.subscribed.total()
    for number in range(1000):
        event = {"type": "join" if number % 2 == 0 else "leave", "channel_ids": ["den"]}
        socket.connection.hear(json.dumps(event).encode())
    assert broker.subscribed.total() - before == 1
    assert not socket._is_read.is_set()
    pending, broker.pending = broker.pending, None
    pending[0].set_result(None)
    await settle()
    assert socket._is_read.is_set()


# A 17: what was lost by an overflow policy, and what came twice


async def test_a17_the_newest_message_is_never_dropped() -> None:
    turn = Turn(BOUND)
    peer = Peer(turn)
    peer.write(b"x" * BOUND)
    first, second, large = (b'"%b"' % (letter * size) for letter, size in SIZES)
    turn.spread({peer.client}, first, "drop_oldest")
    turn.spread({peer.client}, second, "drop_oldest")
    turn.spread({peer.client}, large, "latest", "targets")
    turn.flush()
    await turns()
    peer.waiting.clear()
    heard = await peer.read_all()
    assert heard[-1] == large


async def test_a17_of_two_messages_that_are_too_large_together_the_newer_stays() -> None:
    turn = Turn(BOUND)
    peer = Peer(turn)
    peer.write(b"x" * BOUND)
    first, second, _ = (b'"%b"' % (letter * size) for letter, size in SIZES)
    turn.spread({peer.client}, first, "drop_oldest")
    turn.spread({peer.client}, second, "drop_oldest")
    turn.flush()
    await turns()
    peer.waiting.clear()
    assert await peer.read_all() == [second]


SIZES = ((b"a", BOUND * 6 // 10), (b"b", BOUND * 6 // 10), (b"c", 2 * BOUND))


async def test_a17_a_copy_that_comes_after_many_others_is_not_delivered_again() -> None:
    received: list[int] = []
    peers = Peers(MemoryBroker(), "aaaaaaaa")
    await peers.start(lambda head, data: received.append(head.number))

    def deliver(number: int) -> None:
        peers.deliver("u.x", b'["cccccccc",%d,"users",["x"],"",true]\n3' % number)

    for number in range(1, 3000):
        deliver(number)
    deliver(1)
    assert received == list(range(1, 3000))
    await peers.stop()


# A 20: a mebibyte of anybody; wide messages


async def test_a20_a_stranger_sends_64_kib_and_a_user_a_mebibyte(tmp_path: Path) -> None:
    text = json.dumps({"type": "connection", "id": 1, "x": "x" * 100_000})
    with production(tmp_path) as server:
        ann = await server.person("ann")
        async with server.connect() as socket:
            await socket.say(text)
            assert await close_code(socket) == 1009
        async with server.connect() as socket:
            await socket.say({"type": "change_user", "token": ann.token})
            await socket.say(text)  # before the token is checked
            assert [(await socket.hear())["type"] for _ in range(2)] == ["connection", "reply"]
        async with connect(
            server.socket_url, additional_headers={"Authorization": ann.token}, proxy=None, max_size=None
        ) as wire:
            await wire.send(text)  # before the greeting
            assert [json.loads(await wire.recv())["type"] for _ in range(2)] == ["connection", "reply"]


async def test_a20_a_message_of_too_many_values_is_refused_and_long_text_is_not(tmp_path: Path) -> None:
    with Server(CHAT, tmp_path, element_limit="1000") as server:
        async with server.connect() as socket:
            wide = ",".join(["{}"] * 2000)
            answer = await socket.ask(f'{{"type":"connection","id":1,"x":[{wide}]}}')
            assert answer["error"]["code"] == "too_large"
            text = json.dumps({"type": "connection", "id": 2, "x": ",[{" * 3000})
            assert (await socket.ask(text))["ok"]  # type: ignore[index]


# A 21, A 24: floods of what costs the server more than the client


def pieces(count: int) -> list[bytes]:
    start = Frame(Opcode.TEXT, b"", fin=False).serialize(mask=True)
    return [start, *[Frame(Opcode.CONT, b"a", fin=False).serialize(mask=True)] * count]


FLOODS = {
    "pings": [Frame(Opcode.PING, b"").serialize(mask=True)] * 8000,
    "pongs": [Frame(Opcode.PONG, b"").serialize(mask=True)] * 8000,
    "fragments": pieces(8000),
    "garbage": [Frame(Opcode.TEXT, b"{}").serialize(mask=True)] * 2000,
    "events": [Frame(Opcode.TEXT, b'{"type":"connection"}').serialize(mask=True)] * 4000,
    "joins": [Frame(Opcode.TEXT, b'{"type":"join","channel_ids":["a"]}').serialize(mask=True)] * 2000,
}


@pytest.mark.long
@pytest.mark.parametrize("name", FLOODS)
async def test_a21_a_flood_is_closed_with_4129(name: str, tmp_path: Path) -> None:
    with Server(CHAT, tmp_path, **FAST) as server:
        async with server.connect() as socket:
            socket.wire.transport.write(b"".join(FLOODS[name]))
            assert await close_code(socket) == 4129


async def test_a21_limits_are_counted_by_reason(tmp_path: Path) -> None:
    with Server(CHAT, tmp_path, metrics="true", **FAST) as server:
        async with server.connect() as socket:
            socket.wire.transport.write(b"".join(FLOODS["garbage"]))
            await close_code(socket)
        text = (await server.request("GET", "/metrics")).text
        assert 'walkwire_limited_total{reason="closed"} 1.0' in text


async def test_a24_a_compressed_message_counts_as_long_as_it_is(tmp_path: Path) -> None:
    slow = {"byte_rate": "10KiB", "rate_burst": "10", "rate_patience": "0"}
    text = json.dumps({"type": "connection", "x": " " * 500_000})
    with Server(CHAT, tmp_path, compression="true", **slow) as server:
        async with connect(server.socket_url, compression="deflate", proxy=None, max_size=None) as wire:
            await wire.recv()
            await wire.send(text)
            async with asyncio.timeout(PATIENCE):
                await wire.wait_closed()
            assert wire.close_code == 4129


# A 31: what a client makes the server keep, and repeat


async def test_a31_the_ids_of_a_connections_channels_are_bounded_together(tmp_path: Path) -> None:
    with Server(CHAT, tmp_path) as server:
        async with server.connect() as socket:
            names = [f"{number:04d}" + "\U0001f600" * 1020 for number in range(120)]
            event = {"type": "join", "channel_ids": names, "id": 1}
            await socket.say(json.dumps(event, ensure_ascii=False))
            answer = await socket.hear()
            assert answer["error"]["code"] == "limited"
            answer = await socket.ask({"type": "join", "channel_ids": names[:10], "id": 2})
            assert answer["ok"]
            short = [str(number) for number in range(100)]
            assert (await socket.ask({"type": "join", "channel_ids": short, "id": 3}))["ok"]


@pytest.mark.parametrize("size", [60_000, 900_000])
async def test_a31_a_long_type_is_not_repeated(size: int, tmp_path: Path) -> None:
    with Server(CHAT, tmp_path) as server:
        async with server.connect() as socket:
            await socket.say(json.dumps({"type": "x" * size}))
            assert len(await socket.wire.recv()) < size + 2000


# B: limits


@pytest.mark.long
async def test_an_event_that_comes_too_early_is_answered_and_says_when_to_try_again(tmp_path: Path) -> None:
    with Server(CHAT, tmp_path, event_rate="10", rate_burst="1") as server:
        async with server.connect() as socket:
            for number in range(50):
                await socket.say({"type": "connection", "id": number})
            answers: list[Any] = [await socket.hear()]
            while answers[-1]["ok"]:
                answers.append(await socket.hear())
            assert answers[-1]["error"]["code"] == "limited"
            assert answers[-1]["error"]["retry_in"] > 0


async def test_an_event_names_few_targets_in_production(tmp_path: Path) -> None:
    with production(tmp_path) as server:
        ann = await server.person("ann")
        async with server.connect(ann.token) as socket:
            names = [str(number) for number in range(101)]
            event = {"type": "channel", "channel_ids": names, "data": {}, "id": 1}
            assert (await socket.ask(event))["error"]["code"] == "limited"
            assert (await socket.ask(event | {"channel_ids": names[:100], "id": 2}))["ok"]
