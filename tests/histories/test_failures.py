"""A broker that dies, hangs, or loses what it kept: no place is good that is not, and streams go on."""

from __future__ import annotations

import asyncio
import json
import re
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from nats.aio.client import Client
from redis import Redis

from tests.brokers.service import Service, service
from tests.brokers.test_redis_cluster import Nodes, nodes  # noqa: F401 - a fixture
from walkwire.brokers import open_broker
from walkwire.brokers.keeping import Names
from walkwire.errors import Unreached
from walkwire.histories import history_kind_of, jetstream, nats, open_checked_history, open_history, redis
from walkwire.histories.probe import Probe, Told, messages, topic
from walkwire.history import RECENT, Mark, NoHistory, Page

pytestmark = pytest.mark.long

SOON = 15.0  # seconds: two, but on a machine where others are at work
Connect = Callable[[], object]


@pytest.fixture(params=["redis", "nats"])
def running(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Service]:
    options = ("-js", "-sd", str(tmp_path / "store")) if request.param == "nats" else ()
    with service(request.param, tmp_path, *options) as started:
        yield started


@pytest.fixture
async def join() -> AsyncIterator[Callable[..., object]]:
    """Start a server at a broker: `await join(service)`."""
    started: list[Probe] = []

    async def start(running: Service | Nodes, prefix: str = "walkwire.") -> Probe:
        url = running.url(prefix) if isinstance(running, Nodes) else running.url
        server = Probe(open_broker(url), open_history(url))
        started.append(server)
        await server.start()
        return server

    yield start
    for server in started:
        await server.stop()


async def becomes(is_so: Callable[[], object], seconds: float = SOON) -> None:
    async with asyncio.timeout(seconds):
        while not is_so():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)


async def tail(server: Probe, name: str) -> Mark:
    """The tail, when the history is reached again."""
    async with asyncio.timeout(SOON):
        while True:
            with suppress(Unreached):
                return (await server.history.tails([name]))[name]
            await asyncio.sleep(0.05)


async def page(server: Probe, name: str, after: Mark) -> Page:
    async with asyncio.timeout(SOON):
        while True:
            with suppress(Unreached):
                return await server.history.read(name, 100, after=after)
            await asyncio.sleep(0.05)


async def say(server: Probe, name: str, message: bytes) -> None:
    """Publish, when the broker is reached again."""
    async with asyncio.timeout(SOON):
        while True:
            with suppress(Unreached):
                server.publish(name, message)
                await server.published()
                return
            await asyncio.sleep(0.05)


async def hears(server: Probe, message: bytes) -> Told:
    """What was heard when this message was."""
    async with asyncio.timeout(SOON):
        while not (found := [told for told in server.heard if told.message == message]):
            await server.hears(len(server.heard) + 1)
    return found[-1]


async def test_a_broker_that_is_killed_begins_other_epochs_and_servers_are_told(
    running: Service, join: Callable[..., object]
) -> None:
    ann, bob = await join(running), await join(running)
    lobby = topic()
    await bob.open(lobby)
    ann.publish(lobby, b"1")
    place = (await hears(bob, b"1")).mark
    running.kill()
    with pytest.raises(Unreached):
        await bob.history.read(lobby, 10, after=place)
    with pytest.raises(Unreached):
        await bob.history.open({topic(): RECENT})
    running.start()
    await becomes(lambda: bob.losses)
    new = await tail(bob, lobby)
    assert new.epoch != place.epoch
    assert (await page(bob, lobby, place)).has_gap
    await say(ann, lobby, b"2")
    told = await hears(bob, b"2")
    assert told.mark.epoch == new.epoch
    assert messages(await page(bob, lobby, new)) == [b"2"]
    assert (await page(bob, lobby, place)).has_gap


async def test_a_broker_that_hangs_is_noticed_and_loses_nothing(
    running: Service, join: Callable[..., object]
) -> None:
    ann, bob = await join(running), await join(running)
    lobby = topic()
    await bob.open(lobby)
    ann.publish(lobby, b"1")
    place = (await hears(bob, b"1")).mark
    running.freeze()
    try:
        ann.publish(lobby, b"maybe")
        async with asyncio.timeout(SOON):
            with pytest.raises(Unreached):
                await bob.history.read(lobby, 10, after=place)
        await becomes(lambda: ann.broker.away)
    finally:
        running.thaw()
    await say(ann, lobby, b"2")
    told = await hears(bob, b"2")
    assert told.mark.epoch == place.epoch
    after = await page(bob, lobby, place)
    assert not after.has_gap
    assert messages(after) in ([b"2"], [b"maybe", b"2"])


async def test_a_server_that_was_cut_off_finds_what_it_missed(
    running: Service, join: Callable[..., object]
) -> None:
    ann, bob = await join(running), await join(running)
    lobby = topic()
    await bob.open(lobby)
    ann.publish(lobby, b"1")
    place = (await hears(bob, b"1")).mark
    link = bob.history._servers.broker if running.kind == "redis" else bob.history._link
    await link._connection.close()
    ann.publish(lobby, b"2")
    await ann.published()
    await becomes(lambda: bob.losses)
    assert messages(await page(bob, lobby, place)) == [b"2"]
    ann.publish(lobby, b"3")
    assert (await hears(bob, b"3")).mark.epoch == place.epoch


async def test_a_slot_that_moves_makes_no_place_good(
    nodes: Nodes,  # noqa: F811 - the fixture
    join: Callable[..., object],
) -> None:
    prefix = f"test-{secrets.token_hex(4)}."
    ann, bob = [await join(nodes, prefix) for _ in range(2)]
    lobby = topic()
    await bob.open(lobby)
    ann.publish(lobby, b"1")
    place = (await hears(bob, b"1")).mark
    was = nodes.node_of(prefix + lobby)
    old, new = nodes.ends[was], nodes.ends[(was + 1) % 3]
    kept = {key: old.dump(key) for key in Names(prefix).keys(lobby)}
    old.delete(*kept)
    nodes.move(prefix + lobby, (was + 1) % 3)
    for key, value in kept.items():
        new.restore(key, 60_000, value)
    try:
        await becomes(lambda: bob.losses)
        await becomes(lambda: ann.broker.away is None)
        assert (await page(bob, lobby, place)).has_gap
        async with asyncio.timeout(SOON):
            while not bob.heard or bob.heard[-1].message != b"2":
                await tail(bob, lobby)
                await say(ann, lobby, b"2")
                await asyncio.sleep(0.1)
        assert bob.heard[-1].mark.epoch != place.epoch
        assert (await page(bob, lobby, place)).has_gap
    finally:
        new.delete(*kept)
        nodes.move(prefix + lobby, was)


async def test_everything_in_redis_is_flushed(tmp_path: Path, join: Callable[..., object]) -> None:
    with service("redis", tmp_path) as running, Redis(port=running.port) as end:
        ann, bob = await join(running), await join(running)
        lobby = topic()
        await bob.open(lobby)
        ann.publish(lobby, b"1")
        place = (await hears(bob, b"1")).mark
        end.flushall()
        ann.publish(lobby, b"nobody's")
        await ann.published()
        await becomes(lambda: bob.losses)
        new = await tail(bob, lobby)
        assert new.epoch != place.epoch
        assert await bob.history.read(lobby, 10, after=place) == Page(new, (), has_gap=True)
        ann.publish(lobby, b"2")
        assert (await hears(bob, b"2")).mark == Mark(new.epoch, 1)


@pytest.mark.parametrize("key", ["walkwire.keeps", "walkwire.m.{walkwire.%s}", "walkwire.s.{walkwire.%s}"])
async def test_a_key_that_redis_evicts_makes_no_place_good(
    key: str, tmp_path: Path, join: Callable[..., object]
) -> None:
    with service("redis", tmp_path) as running, Redis(port=running.port) as end:
        ann, bob, eve = [await join(running) for _ in range(3)]
        lobby = topic()
        await bob.open(lobby)
        ann.publish(lobby, b"1")
        place = (await hears(bob, b"1")).mark
        ann.publish(lobby, b"2")
        await hears(bob, b"2")
        assert end.delete(key.replace("%s", lobby)) == 1
        ann.publish(lobby, b"3")
        await ann.published()
        lost = await bob.history.read(lobby, 10, after=place)
        assert lost.has_gap
        assert lost.tail.epoch, "the stream goes on somewhere"
        await eve.open(lobby)
        assert (await eve.history.read(lobby, 10, after=place)).has_gap
        ann.publish(lobby, b"4")
        assert (await hears(eve, b"4")).mark.epoch == (await tail(eve, lobby)).epoch
        assert (await eve.history.read(lobby, 10, after=place)).has_gap


async def test_another_process_with_the_same_data_makes_no_place_good(
    tmp_path: Path, join: Callable[..., object]
) -> None:
    with service("redis", tmp_path) as running:
        with Redis(port=running.port) as end:
            end.config_set("save", "3600 1")
            ann = await join(running)
            lobby = topic()
            await ann.open(lobby)
            ann.publish(lobby, b"1")
            place = (await hears(ann, b"1")).mark
            end.save()
        ann.publish(lobby, b"2, which is not saved")
        await ann.published()
        running.kill()
        running.start()
        with Redis(port=running.port) as end:
            assert end.keys("walkwire.m.*"), "the head of the stream came back"
        await say(ann, lobby, b"another 2")
        assert (await page(ann, lobby, place)).has_gap
        assert (await tail(ann, lobby)).epoch != place.epoch


async def test_redis_without_memory_ends_streams_and_delivers_as_before(
    tmp_path: Path, join: Callable[..., object]
) -> None:
    with service("redis", tmp_path) as running, Redis(port=running.port) as end:
        ann, bob, eve = [await join(running) for _ in range(3)]
        lobby = topic()
        (before,) = await bob.open(lobby)
        eve.broker.subscribe([lobby])
        await eve.broker.when_subscribed()
        end.config_set("maxmemory", "1mb")
        for number in range(10):
            ann.publish(lobby, b"%d" % number)
        await becomes(lambda: len(eve.received) == 10)
        assert ann.broker.away is None
        await becomes(lambda: bob.losses)
        end.config_set("maxmemory", "0")
        assert (await tail(bob, lobby)).epoch != before.epoch


async def test_an_account_that_may_only_publish_is_served_as_before(
    tmp_path: Path, join: Callable[..., object]
) -> None:
    with service("redis", tmp_path) as running, Redis(port=running.port) as end:
        rights = [
            "+hello",
            "+ping",
            "+client|setname",
            "+client|setinfo",
            "+subscribe",
            "+unsubscribe",
            "+publish",
        ]
        end.execute_command("ACL", "SETUSER", "old", "on", ">hush", "resetchannels", "&walkwire.*", *rights)
        url = running.url.replace("redis://", "redis://old:hush@")
        lack = await history_kind_of(url).lack(url)
        assert lack is not None
        assert "permission" in lack.lower()
        assert isinstance(await open_checked_history(url), NoHistory)
        running.url = url
        ann, bob = await join(running), await join(running)
        lobby = topic()
        bob.broker.subscribe([lobby])
        await bob.broker.when_subscribed()
        ann.publish(lobby, b"1")
        await becomes(lambda: bob.received == [(lobby, b"1")])


async def test_an_account_with_the_rights_of_the_page_has_streams(
    tmp_path: Path, join: Callable[..., object]
) -> None:
    page = Path(__file__).parent.parent.parent / "docs" / "brokers.md"
    first, second = re.findall(r"`([^`]*(?:\+hello|~walkwire)[^`]*)`", page.read_text().replace("\n", " "))
    rights = [*first.split()[4:], *second.split()]
    with service("redis", tmp_path) as running, Redis(port=running.port) as end:
        end.execute_command("ACL", "SETUSER", "new", "on", ">hush", *rights)
        running.url = running.url.replace("redis://", "redis://new:hush@")
        assert await history_kind_of(running.url).lack(running.url) is None
        assert not end.keys(), "nothing is left of the trial"
        ann, bob = await join(running), await join(running)
        lobby = topic()
        (place,) = await bob.open(lobby)
        ann.publish(lobby, b"1")
        await hears(bob, b"1")
        assert messages(await bob.history.read(lobby, 10, after=place)) == [b"1"]


async def test_nats_without_jetstream_does_not_offer_version_2(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with service("nats", tmp_path) as running:
        assert isinstance(await open_checked_history(running.url), NoHistory)
        assert "JetStream is not enabled" in caplog.text


async def test_a_jetstream_stream_that_is_deleted_makes_no_place_good(
    tmp_path: Path, join: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nats, "REFRESH_SECONDS", 0.2)
    with service("nats", tmp_path, "-js", "-sd", str(tmp_path / "store")) as running:
        ann, bob = await join(running), await join(running)
        lobby = topic()
        await bob.open(lobby)
        ann.publish(lobby, b"1")
        place = (await hears(bob, b"1")).mark
        client = Client()
        await client.connect(running.url)
        answer = await client.request("$JS.API.STREAM.DELETE.walkwire_streams", b"")
        assert json.loads(answer.data)["success"]
        await client.close()
        ann.publish(lobby, b"nobody's")
        await ann.published()
        await becomes(lambda: bob.losses)
        new = await tail(bob, lobby)
        assert new.epoch != place.epoch
        assert (await page(bob, lobby, place)).has_gap
        ann.publish(lobby, b"2")
        assert (await hears(bob, b"2")).mark.epoch == new.epoch


@pytest.mark.parametrize("ends", ["deleted", "restarted"])
async def test_numbers_that_begin_again_do_not_continue_the_stream_before(
    ends: str, tmp_path: Path, join: Callable[..., object]
) -> None:
    """By chance, what is told in a new JetStream stream follows a message with the number of the last one that was heard."""
    with service("nats", tmp_path, "-js", "-sd", str(tmp_path / "store")) as running:
        ann, bob = await join(running), await join(running)
        lobby = topic()
        await bob.open(lobby)
        ann.publish(lobby, b"1")
        place = (await hears(bob, b"1")).mark
        client = Client()
        await client.connect(running.url)
        if ends == "restarted":
            await client.close()
            running.kill()
            running.start()
            await becomes(lambda: bob.losses)
            client = Client()
            await client.connect(running.url)
        else:
            await client.request("$JS.API.STREAM.DELETE.walkwire_streams", b"")
        assert await jetstream.make_stream(client, "walkwire.", nats.MOST_AGE) is None
        for number in range(1, place.offset):
            answer = await client.request(f"walkwire.c.{topic()}", b"")
            assert json.loads(answer.data)["seq"] == number
        for message in (b"2, which is not heard", b"3"):
            await client.request(f"walkwire.{lobby}", message)
        told = await hears(bob, b"3")
        assert told.mark.epoch != place.epoch or told.previous > place.offset
        assert (await page(bob, lobby, place)).has_gap
        await client.close()


async def test_a_quiet_stream_in_jetstream_has_good_places_for_as_long_as_it_is_open(
    tmp_path: Path, join: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"MOST_AGE": 4.0, "NOTE_SECONDS": 1.0, "REFRESH_SECONDS": 0.2}.items():
        monkeypatch.setattr(nats, name, value)
    with service("nats", tmp_path, "-js", "-sd", str(tmp_path / "store")) as running:
        ann, bob, eve = [await join(running) for _ in range(3)]
        lobby, left = topic(), topic()
        await bob.open(lobby, left)
        await ann.open(lobby)
        for name in (lobby, left):
            ann.publish(name, b"1")
        await bob.hears(2)
        places = {told.topic: told.mark for told in bob.heard}
        bob.history.close([left])
        async with asyncio.timeout(SOON):
            while not (await bob.history.read(left, 10, after=places[left])).has_gap:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        assert await bob.history.read(lobby, 10, after=places[lobby]) == Page(places[lobby], ())
        assert (await eve.open(lobby)) == [places[lobby]]
        assert (await bob.open(left)) != [places[left]]
        assert (await bob.history.read(left, 10, after=places[left])).has_gap
        ann.publish(lobby, b"2")
        await hears(bob, b"2")
        assert messages(await eve.history.read(lobby, 10, after=places[lobby])) == [b"2"]
        assert not [told for told in bob.heard if told.message.startswith(b"[")], "notes are not heard"


async def test_streams_stay_open_while_a_server_says_so(
    tmp_path: Path, join: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis, "REFRESH_SECONDS", 0.2)
    monkeypatch.setattr(redis, "GRACE_SECONDS", 1)
    with service("redis", tmp_path) as running, Redis(port=running.port) as end:
        ann = await join(running)
        lobby, left = topic(), topic()
        level = RECENT._replace(seconds=1.0)
        (place, _) = await ann.open(lobby, left, level=level)
        ann.history.close([left])
        await becomes(lambda: not end.exists(f"walkwire.m.{{walkwire.{left}}}"))
        assert (await tail(ann, lobby)) == place
