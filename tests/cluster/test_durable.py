"""Durable streams through the front door: told if and only if committed, in one order, whatever dies when."""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from tests.cluster.cluster import Cluster, cluster
from tests.cluster.listening import Listening
from tests.serving import Server

PROGRAM = Path(__file__).with_name("telling.py")
SETTINGS = {"history": '{"room:*": "durable 100000 1d"}'}
KILLS = pytest.mark.parametrize("times", [1, pytest.param(100, marks=pytest.mark.long)])


class KillingServer(Server):
    command = (sys.executable, "-P", Path(__file__).with_name("killing.py"))


@pytest.fixture
async def two(tmp_path: Path) -> AsyncIterator[Cluster]:
    """Two servers on PostgreSQL and Redis."""
    async with cluster("redis", tmp_path, 2, program=PROGRAM, **SETTINGS) as made:
        yield made


async def tell(server: Server, number: int, fails: bool = False) -> bool | None:
    """Return whether it was answered that it is done; None if there was no answer."""
    with suppress(httpx.TransportError):
        response = await server.post("/walker/tell", {"number": number, "fails": fails})
        assert response.is_success or fails or response.status_code in (409, 503, 504), response.text
        return response.is_success
    return None


async def kept_by(server: Server) -> list[int]:
    (numbers,) = await server.walk("kept")
    return numbers  # type: ignore[no-any-return]


def check(listening: list[Listening], committed: list[int]) -> None:
    """Everybody heard what was committed and nothing else, each once, all in the same order."""
    first, *others = listening
    assert sorted(first.heard) == committed
    offsets = [int(place.rpartition(".")[2], 16) for place in first.places]
    assert offsets == list(range(offsets[0], offsets[0] + len(offsets)))
    for other in others:
        assert other.heard == first.heard
        assert other.places == first.places
    assert all(not each.resyncs for each in listening)


async def test_what_is_told_is_what_is_committed_in_one_order_on_both_servers(two: Cluster) -> None:
    listening = [Listening(), Listening()]
    for each, server in zip(listening, two.servers, strict=True):
        await each.connect(server.socket_url)

    numbers = range(200)
    fails = {number for number in numbers if number % 5 == 0}
    await asyncio.gather(
        *(tell(two.servers[number % 2], number, fails=number in fails) for number in numbers)
    )
    committed = await kept_by(two.servers[0])
    assert committed == sorted(set(numbers) - fails)
    for each in listening:
        await each.until(lambda heard: len(heard) >= len(committed))
        await each.drop()
    check(listening, committed)


async def test_a_walk_that_loses_and_is_retried_tells_once(two: Cluster) -> None:
    await two.servers[0].walk("make_counter")
    listening = [Listening(), Listening()]
    for each, server in zip(listening, two.servers, strict=True):
        await each.connect(server.socket_url)

    async def count(server: Server, times: int) -> int:
        done = 0
        while done < times:
            response = await server.post("/walker/count_up")
            assert response.status_code in (200, 409, 503), response.text
            done += response.is_success
        return done

    done = sum(await asyncio.gather(*(count(two.servers[number % 2], 10) for number in range(8))))
    for each in listening:
        await each.until(lambda heard: len(heard) >= done)
        await each.drop()
        assert each.heard == list(range(1, done + 1))  # the order of the commits is that of the counter


async def test_several_commits_of_a_walk_and_what_is_told_at_once_are_in_the_stream(two: Cluster) -> None:
    here, there = two.servers
    listening = [Listening(), Listening()]
    for each, server in zip(listening, two.servers, strict=True):
        await each.connect(server.socket_url)
    lobby = Listening("lobby")
    await lobby.connect(there.socket_url)

    await here.walk("tell_twice", number=1)
    await here.walk("tell_now", number=3)
    await here.walk("tell", number=4)
    for each in listening:
        await each.until(lambda heard: len(heard) >= 4)
        await each.drop()
    assert listening[0].heard == listening[1].heard == [1, 2, 3, 4]
    assert listening[0].places == listening[1].places

    late = Listening(rewind=10)
    await late.connect(there.socket_url)
    await late.until(lambda heard: len(heard) >= 4)
    assert late.heard == [1, 2, 3, 4]
    await late.drop()
    await lobby.drop()


async def test_what_clients_send_is_written_before_it_is_answered(two: Cluster) -> None:
    here, there = two.servers
    old = Listening()
    await old.connect(there.socket_url)
    async with here.connect(channel_id="room:1") as speaker, there.connect(channel_id="room:1") as other:
        for number in range(50):
            await speaker.say(
                {
                    "type": "channel",
                    "channel_ids": ["room:1", "lobby"],
                    "data": {"number": number},
                    "id": number,
                }
            )
        frames = [await speaker.hear() for _ in range(100)]
        assert [frame["id"] for frame in frames if frame.get("type") == "reply"] == list(range(50))
        assert [frame["number"] for frame in frames if "number" in frame] == list(range(50))  # version 1
        assert [(await other.hear())["number"] for _ in range(50)] == list(range(50))

        late = Listening(rewind=100)
        await late.connect(there.socket_url)
        await late.until(lambda heard: len(heard) >= 50)
        assert late.heard == list(range(50))
        await late.drop()
    await old.until(lambda heard: len(heard) >= 50)
    await old.drop()
    assert old.heard == list(range(50))


@KILLS
async def test_a_server_that_is_killed_between_commit_and_sending(two: Cluster, times: int) -> None:
    chance = random.Random(times)
    steady = two.servers[0]
    listening = [Listening(), Listening()]
    await listening[0].connect(steady.socket_url)
    await listening[1].connect(steady.socket_url)
    next_url = await two._url()
    for time in range(times):
        starting = asyncio.to_thread(  # in a thread: the way to its broker is in this loop
            KillingServer,
            PROGRAM,
            two._folder,
            **{"broker": next_url, "database": two._database, "token_secret": "s" * 32, "database_pool": "8"},
            **SETTINGS,
        )
        with await starting as victim:
            await listening[1].connect(
                victim.socket_url
            )  # it hears on here, and elsewhere when this server has died
            numbers = [time * 100 + number for number in range(20)]
            fails = set(chance.sample(numbers, 4))
            before = [
                tell(chance.choice((steady, victim)), number, fails=number in fails)
                for number in numbers[:10]
            ]
            await asyncio.gather(*before)
            beside = [
                tell(chance.choice((steady, victim)), number, fails=number in fails)
                for number in numbers[10:]
            ]
            await asyncio.gather(tell(victim, time * 100 + 99), *beside)
            assert await asyncio.to_thread(victim.wait) == -9
        await listening[1].connect(steady.socket_url)

    committed = await kept_by(steady)
    assert set(range(99, times * 100, 100)) <= set(committed)
    for each in listening:
        await each.until(lambda heard: len(heard) >= len(committed))
        await each.drop()
        assert all(said["recovered"] in (None, True) for said in each.recoveries)
    check(listening, committed)


@KILLS
async def test_one_server_on_sqlite_that_is_killed_between_commit_and_sending(
    tmp_path: Path, times: int
) -> None:
    listening = Listening()
    for time in range(times):
        with KillingServer(PROGRAM, tmp_path, **SETTINGS) as victim:
            await listening.connect(victim.socket_url)
            tells = [tell(victim, time * 100 + number, fails=number == 3) for number in range(8)]
            await asyncio.gather(*tells[:4])
            await asyncio.gather(tell(victim, time * 100 + 99), *tells[4:])
            assert await asyncio.to_thread(victim.wait) == -9
    with KillingServer(PROGRAM, tmp_path, **SETTINGS) as last:
        await listening.connect(last.socket_url)
        committed = await kept_by(last)
        await listening.until(lambda heard: len(heard) >= len(committed))
        await listening.drop()
    assert [said["recovered"] for said in listening.recoveries] == [None] + [True] * times
    assert set(range(99, times * 100, 100)) <= set(committed)
    check([listening], committed)


async def test_what_was_committed_while_the_broker_was_away_is_heard(two: Cluster) -> None:
    here, there = two.servers
    listening = Listening()
    await listening.connect(there.socket_url)
    await tell(here, 1)
    await listening.until(lambda heard: heard == [1])
    two.wires[0].part()
    await asyncio.gather(*(tell(here, number) for number in range(2, 10)))
    await listening.until(lambda heard: len(heard) == 9, seconds=5)
    await listening.drop()
    check([listening], list(range(1, 10)))
