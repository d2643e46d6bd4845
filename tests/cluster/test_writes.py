"""Many write the same at once through three servers: no update is lost, and no reader sees half of one."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.cluster.cluster import Cluster, cluster
from tests.serving import PROGRAMS, Person, Server


@pytest.fixture
async def three(tmp_path: Path) -> AsyncIterator[Cluster]:
    async with cluster("redis", tmp_path, 3, is_direct=True, program=PROGRAMS / "ledger.py") as made:
        yield made


async def ask_until_done(
    server: Server, person: Person, events: list[dict[str, object]], at_once: int = 8
) -> int:
    """Ask for all of these over one socket, so many at a time, and again after a conflict; gives the number of conflicts."""
    conflicts = 0
    waiting = dict(enumerate(events))
    open_: set[int] = set()
    async with server.connect(person.token) as socket:
        while waiting:
            for number in list(waiting):
                if number not in open_ and len(open_) < at_once:
                    open_.add(number)
                    await socket.say(waiting[number] | {"type": "walker", "id": number})
            reply = await socket.hear()
            open_.discard(reply["id"])
            if reply["ok"]:
                del waiting[reply["id"]]
            else:
                assert reply["error"]["code"] in {"conflict", "busy"}, reply
                conflicts += 1
    return conflicts


@pytest.mark.long
async def test_a_thousand_increments_through_three_servers_are_a_thousand(three: Cluster) -> None:
    ada = await three.servers[0].user()
    (counter,) = await three.servers[0].walk("make_counter", ada.token)
    start = time.monotonic()
    conflicts = await asyncio.gather(
        *(
            ask_until_done(server, ada, [{"walker": "add_one", "node": counter["id"]}] * 125)
            for server in (*three.servers, *three.servers, *three.servers[:2])
        )
    )
    print(
        f"\n1,000 increments of one counter in {time.monotonic() - start:.1f} s, {sum(conflicts)} asked again"
    )
    for server in three.servers:
        assert await server.walk("read_counter", ada.token, counter["id"]) == [1000]


async def test_the_sum_of_a_hundred_accounts_never_moves(three: Cluster) -> None:
    bank = await three.servers[0].user()
    (accounts,) = await three.servers[0].walk("open_accounts", bank.token, count=100, balance=100)
    ids = [account["id"] for account in accounts]
    chance = random.Random(5)

    def transfers(count: int) -> list[dict[str, object]]:
        pairs = [chance.sample(ids, 2) for _ in range(count)]
        return [
            {
                "walker": "transfer",
                "context": {"source": one, "target": other, "amount": chance.randint(1, 9)},
            }
            for one, other in pairs
        ]

    async def watch(server: Server) -> int:
        looks = 0
        while not done.is_set():
            assert sum((await server.walk("balances", bank.token))[0]) == 10_000
            looks += 1
        return looks

    done = asyncio.Event()
    watchers = [asyncio.create_task(watch(server)) for server in three.servers]
    start = time.monotonic()
    conflicts = await asyncio.gather(
        *(ask_until_done(server, bank, transfers(100)) for server in three.servers for _ in range(2))
    )
    took = time.monotonic() - start
    done.set()
    looks = sum(await asyncio.gather(*watchers))
    print(f"\n600 transfers in {took:.1f} s, {sum(conflicts)} asked again; the sum was read {looks} times")
    assert looks > 5
