"""A Redis cluster of three nodes: the contract over sharded topics, slots that move, a node that dies."""

from __future__ import annotations

import asyncio
import secrets
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import pytest
from redis import Redis
from redis.crc import key_slot

from tests.brokers.service import Service, missing, service
from walkwire.brokers import open_broker, suite
from walkwire.errors import Unreached

SLOTS = 16384


class Nodes:
    """Three masters without replicas."""

    def __init__(self, services: list[Service]) -> None:
        self.services = services
        self.ends = [Redis(port=node.port) for node in services]
        share = SLOTS // len(self.ends)
        for number, end in enumerate(self.ends):
            last = SLOTS - 1 if number == len(self.ends) - 1 else (number + 1) * share - 1
            end.execute_command("CLUSTER", "ADDSLOTSRANGE", number * share, last)
            end.execute_command("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        for node in services[1:]:
            self.ends[0].execute_command("CLUSTER", "MEET", "127.0.0.1", node.port)
        deadline = time.monotonic() + 20
        while not all(self._is_whole(end) for end in self.ends):
            assert time.monotonic() < deadline, "the cluster does not come up"
            time.sleep(0.05)

    def url(self, prefix: str) -> str:
        places = ",".join(f"127.0.0.1:{node.port}" for node in self.services)
        return f"redis+cluster://{places}?prefix={prefix}"

    def node_of(self, name: str) -> int:
        """Which node has the slot of this topic."""
        slot = key_slot(name.encode())
        share = SLOTS // len(self.ends)
        return min(slot // share, len(self.ends) - 1)

    def move(self, name: str, to: int) -> None:
        """Give the slot of this topic to another node."""
        slot, owner = key_slot(name.encode()), str(self.ends[to].execute_command("CLUSTER", "MYID"), "ascii")
        for end in (self.ends[to], *self.ends):
            end.execute_command("CLUSTER", "SETSLOT", slot, "NODE", owner)

    @staticmethod
    def _is_whole(end: Redis) -> bool:
        info = end.cluster("info")
        return info["cluster_state"] == "ok" and info["cluster_slots_ok"] == str(SLOTS)


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    if subprocess.run(["redis-server", "--version"], check=False, capture_output=True).returncode:
        missing("redis-server")
    with ExitStack() as stack:
        started = [
            stack.enter_context(
                service(
                    "redis",
                    tmp_path_factory.mktemp("node"),
                    "--cluster-enabled",
                    "yes",
                    "--cluster-node-timeout",
                    "5000",
                )
            )
            for _ in range(3)
        ]
        made = Nodes(started)
        for end in made.ends:
            stack.callback(end.close)
        yield made


@pytest.fixture
def prefix() -> str:
    return f"test-{secrets.token_hex(4)}."


@pytest.fixture
def make(nodes: Nodes, prefix: str) -> suite.Make:
    return lambda: open_broker(nodes.url(prefix))


@pytest.mark.parametrize("check", suite.CHECKS, ids=suite.name)
async def test_the_contract(check: suite.Check, make: suite.Make) -> None:
    await check(make)


async def test_topics_whose_slot_moves_are_heard_again(nodes: Nodes, make: suite.Make, prefix: str) -> None:
    async with suite.servers(make, 2) as (ann, bob):
        lobby, other = suite.topic(), suite.topic()
        await bob.subscribe(lobby, other)
        was = nodes.node_of(prefix + lobby)
        nodes.move(prefix + lobby, (was + 1) % 3)
        try:
            async with asyncio.timeout(30):
                while (lobby, b"1") not in bob.heard:
                    with suppress(Unreached):
                        ann.broker.publish(lobby, b"1")
                    await asyncio.sleep(0.05)
            async with asyncio.timeout(30):  # links that were refused come back one after the other
                while ann.broker.away is not None or bob.broker.away is not None:  # noqa: ASYNC110 - nobody tells
                    await asyncio.sleep(0.01)
            heard = len(bob.heard)
            ann.broker.publish(other, b"2")
            ann.broker.publish(lobby, b"2")
            async with asyncio.timeout(30):
                while not {(other, b"2"), (lobby, b"2")} <= set(bob.heard[heard:]):
                    await bob.hears(len(bob.heard) + 1)
        finally:
            nodes.move(prefix + lobby, was)


async def test_a_node_that_dies_is_told_and_heard_again_when_it_is_back(
    nodes: Nodes, make: suite.Make, prefix: str
) -> None:
    async with suite.servers(make, 2) as (ann, bob):
        topics = [suite.topic() for _ in range(30)]
        await bob.subscribe(*topics)
        dead = next(topic for topic in topics if nodes.node_of(prefix + topic) == 1)
        nodes.services[1].kill()
        async with asyncio.timeout(30):
            while ann.broker.away is None or bob.broker.away is None:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.01)
        with pytest.raises(Unreached):
            ann.broker.publish(dead, b"lost")
        nodes.services[1].start()
        async with asyncio.timeout(15):
            while ann.broker.away is not None or bob.broker.away is not None:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.01)
        async with asyncio.timeout(15):
            while len({name for name, message in bob.heard if message == b"1"}) < len(topics):
                for topic in topics:
                    with suppress(Unreached):
                        ann.broker.publish(topic, b"1")
                await asyncio.sleep(0.1)
