"""PostgreSQL that restarts, crashes, ends connections, is slow, or hangs: what clients saw, what was lost, how long it took.

While it happens some write number after number through each of two servers, one tells a channel directly, and one listens on each
server. `-s` prints the figures.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import psycopg
import pytest

from tests.brokers.service import service
from tests.cluster.cluster import Cluster, Ear, Voice, until
from tests.postgres import Line, PostgresServer, postgres_server
from tests.serving import PATIENCE, Server

pytestmark = pytest.mark.long

WRITERS = 4  # on each server, where a test says nothing else
CHANNEL = "writing"


@pytest.fixture(scope="module")
def database() -> Iterator[PostgresServer]:
    with postgres_server() as server:
        yield server


class Load:
    """Writers, who go on until `stop`: what was acknowledged, and what was refused, with code and sentence."""

    def __init__(self, first: int) -> None:
        self.acknowledged: set[int] = set()
        self.refused: dict[int, tuple[str, str]] = {}
        self.slowest = 0.0
        self.first = first
        self._numbers = itertools.count(first)
        self._is_over = False

    async def write(self, server: Server) -> None:
        async with server.connect() as socket:
            while not self._is_over:
                number = next(self._numbers)
                start = time.monotonic()
                event = {"type": "walker", "walker": "write", "id": number}
                reply = await socket.ask(event | {"context": {"channel_id": CHANNEL, "number": number}})
                self.slowest = max(self.slowest, time.monotonic() - start)
                if reply["ok"]:
                    self.acknowledged.add(number)
                else:
                    self.refused[number] = reply["error"]["code"], reply["error"]["message"]
                    await asyncio.sleep(0.05)

    def stop(self) -> None:
        self._is_over = True

    async def more(self, count: int = 20) -> float:
        """Wait until so many more are acknowledged; gives how long that took."""
        bound = len(self.acknowledged) + count
        return await until(lambda: len(self.acknowledged) >= bound)


class Scene:
    """Two servers on the database, under load."""

    def __init__(
        self, made: Cluster, load: Load, ears: list[Ear], voice: Voice, beside: Ear, writers: int
    ) -> None:
        self.made, self.load, self.ears, self.voice, self.beside = made, load, ears, voice, beside
        self._writing = [
            asyncio.create_task(load.write(server)) for server in made.servers for _ in range(writers)
        ]

    async def check(self, what: str, may_doubt: bool = False, **times: float) -> None:
        """Stop, and look at what there is. Those who were told `busy` may try again: it was not done. `may_doubt`: a commit
        that was under way when the database fell silent for longer than is waited is `in_doubt`, and may have been done."""
        load = self.load
        await self.end()
        written = await self.made.servers[0].walk("written")
        mine = [number for number in written[0] if number >= load.first]
        gaps = [later - sooner for sooner, later in itertools.pairwise(self.beside.times.values())]
        told = Counter(code for code, _ in load.refused.values())
        print(
            f"\n{what}: {len(load.acknowledged)} writes acknowledged, {dict(told) or 'none'} refused; the slowest answer came "
            f"after {load.slowest:.2f} s; who does not need the database waited {max(gaps):.3f} s for a message at most; "
            + ", ".join(f"{name} {seconds:.2f} s" for name, seconds in times.items())
        )
        assert len(mine) == len(set(mine)), "nothing was done twice"
        assert load.acknowledged <= set(mine), "nothing that was acknowledged is lost"
        unsure = {number for number, (code, _) in load.refused.items() if code == "in_doubt" and may_doubt}
        refused = load.refused.keys() - unsure
        assert {load.refused[number][0] for number in refused} <= {"busy"}, load.refused
        assert not refused & set(mine), "what was refused was not done"
        for ear in self.ears:
            assert len(ear.heard) == len(set(ear.heard)), "nothing was told twice"
            assert set(ear.heard) == set(mine) - unsure, "what was done was told, and nothing else"
        assert max(gaps) < 1, "who does not need the database is not disturbed"

    async def end(self) -> None:
        """Let the writers end, and all that was told arrive."""
        self.load.stop()
        await asyncio.gather(*self._writing)
        await until(lambda: all(self.load.acknowledged <= set(ear.heard) for ear in self.ears))
        await self.voice.stop()


@asynccontextmanager
async def scene(
    database: PostgresServer, folder: Path, port: int | None = None, writers: int = WRITERS, **settings: str
) -> AsyncIterator[Scene]:
    """`port`: of a line to the database. `writers`: on each server."""
    async with AsyncExitStack() as stack:
        broker = stack.enter_context(service("redis", folder))
        url = database.url_at(port or database.port)
        made = Cluster(broker, folder, url, stack, is_direct=True)
        await made.start_all(2, **settings)
        here, there = made.servers
        ears = []
        for server in made.servers:
            ears.append(Ear(await stack.enter_async_context(server.connect(None, CHANNEL))))
        beside = Ear(await stack.enter_async_context(there.connect(None, "beside")))
        voice = Voice(await stack.enter_async_context(here.connect()), "beside")
        scene = Scene(made, Load(next(_FIRST)), ears, voice, beside, writers)
        try:
            await scene.load.more()
            yield scene
        finally:
            await scene.end()
            for ear in (*ears, beside):
                await ear.stop()


_FIRST = itertools.count(0, 1_000_000)  # all tests write to one database


@pytest.mark.parametrize("mode", ["fast", "immediate"])
async def test_a_database_that_restarts_or_crashes(
    database: PostgresServer, tmp_path: Path, mode: str
) -> None:
    async with scene(database, tmp_path) as now:
        await asyncio.to_thread(database.stop, mode)
        await asyncio.sleep(0.5)
        await asyncio.to_thread(database.start)
        await now.check(f"stopped ({mode}) and started", back=await now.load.more())
        assert "The database is back" in now.made.servers[0].log.read_text()


async def test_connections_that_the_database_ends(database: PostgresServer, tmp_path: Path) -> None:
    async with scene(database, tmp_path) as now:
        ended = 0
        with psycopg.connect(database.url, autocommit=True) as operator:
            for _ in range(20):
                (count,) = operator.execute(
                    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'walkwire'"
                ).fetchone() or (0,)
                ended += count
                await asyncio.sleep(0.05)
        await now.check(f"{ended} connections ended", back=await now.load.more())
        assert ended > 20


async def test_a_database_that_is_slow(database: PostgresServer, tmp_path: Path) -> None:
    with Line(database.port) as line:
        async with scene(database, tmp_path, line.port) as now:
            line.delay = 0.1
            await now.load.more(10)
            line.delay = 0
            await now.check("each way to the database and back 0.2 s slower", back=await now.load.more())
            assert not now.load.refused


async def test_more_walks_than_connections_to_a_slow_database(
    database: PostgresServer, tmp_path: Path
) -> None:
    with Line(database.port) as line:
        settings = {"database_pool": "4", "database_timeout": "0.5"}
        async with scene(database, tmp_path, line.port, writers=8, **settings) as now:
            line.delay = 0.2
            await until(lambda: len(now.load.refused) > 5)
            line.delay = 0
            await now.check("four connections for eight writers, on each server", back=await now.load.more())
            assert {message for _, message in now.load.refused.values()} == {
                "The server is busy. Please try again!"
            }


async def test_a_database_that_hangs(database: PostgresServer, tmp_path: Path) -> None:
    async with scene(database, tmp_path, database_timeout="0.5") as now:
        with database.frozen():
            # Those in the midst of a commit are told that nobody knows; whoever comes later, that the database does not answer.
            noticed = await until(
                lambda: "busy" in {code for code, _ in now.load.refused.values()}, 2 * PATIENCE
            )
        await now.check("hung", may_doubt=True, noticed=noticed, back=await now.load.more())
        assert ("busy", "The database does not answer. Please try again!") in now.load.refused.values()
