"""Who is in a channel, on three servers with Redis: also when one of them is killed, and when it cannot reach the others."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.cluster.cluster import Cluster, cluster
from tests.serving import Server

pytestmark = pytest.mark.long

GONE_SECONDS = 15.0  # the promise
TOLD_SECONDS = 2.0  # two ticks, on a machine where others are at work
LEFT_SECONDS = 10.0  # after which a user whose connection was dropped has left


@pytest.fixture
async def three(tmp_path: Path) -> AsyncIterator[Cluster]:
    async with cluster("redis", tmp_path, 3) as made:
        yield made


async def until_there(server: Server, count: int, seconds: float) -> float:
    """Wait until the server says that so many are there; gives how long that took."""
    begun = time.monotonic()
    while (found := (await server.walk("there", channel_id="den"))[0])["count"] != count:
        assert time.monotonic() - begun < seconds, found
        await asyncio.sleep(0.05)
    return time.monotonic() - begun


async def test_all_servers_know_who_is_there_and_a_killed_one_is_gone(three: Cluster) -> None:
    here, there, third = three.servers
    ann, bob, eve = await here.person("ann"), await there.person("bob"), await third.person("eve")
    async with here.connect(ann.token, "den"), there.connect(bob.token, "den"):
        reports = await third.walk("there", channel_id="den", roots=[ann.root_id, bob.root_id, eve.root_id])
        assert {user["root_id"] for user in reports[0]["users"]} == {ann.root_id, bob.root_id}
        assert set(reports[1]) == {ann.root_id, bob.root_id}
        async with third.connect(eve.token, "den") as dropped:
            await until_there(here, 3, TOLD_SECONDS)
            await dropped.say({"type": "leave", "channel_ids": ["den"]})
            await until_there(here, 2, TOLD_SECONDS)
            await dropped.say({"type": "join", "channel_ids": ["den"]})
            await until_there(here, 3, TOLD_SECONDS)
            begun = time.monotonic()
        await until_there(here, 2, LEFT_SECONDS + TOLD_SECONDS)
        assert time.monotonic() - begun > LEFT_SECONDS - 0.5
        there.kill()
        took = await until_there(here, 1, GONE_SECONDS)
        print(f"\nThe users of a killed server had left after {took:.1f} s")


async def test_servers_that_lost_each_other_agree_when_they_are_back(three: Cluster) -> None:
    here, there, _ = three.servers
    ann, bob = await here.person("ann"), await there.person("bob")
    async with here.connect(ann.token, "den"), there.connect(bob.token, "den"):
        await until_there(here, 2, TOLD_SECONDS)
        three.wires[1].part()
        await until_there(here, 1, GONE_SECONDS)
        three.wires[1].heal()
        await three.ready(there)
        await until_there(here, 2, GONE_SECONDS)
