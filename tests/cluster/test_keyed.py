"""Calls with a key on several servers: each has one effect, whatever breaks between the call and its answer."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from websockets.exceptions import ConnectionClosed

from tests.brokers.service import service
from tests.cluster.cluster import PROGRAM, Cluster, new_database, until
from tests.postgres import Line, PostgresServer, postgres_server
from tests.serving import Server, Socket, client

EQUAL = pytest.mark.parametrize("calls", [200, pytest.param(1000, marks=pytest.mark.long)])
AT_ONCE = 50  # calls on a connection of HTTP
RETRIED = {"busy", "conflict", "timeout", "in_doubt"}

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def on_postgres(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[list[Server]]:
    folder = tmp_path_factory.mktemp("keyed")
    async with AsyncExitStack() as stack:
        database = stack.enter_context(new_database())
        broker = stack.enter_context(service("redis", folder))
        made = Cluster(broker, folder, database, stack, is_direct=True)
        yield await made.start_all(3, walk_seconds="15")


@pytest.fixture(scope="module")
def on_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Server]]:
    """Two processes on one file."""
    folder = tmp_path_factory.mktemp("keyed")
    with Server(PROGRAM, folder) as one, Server(PROGRAM, folder) as two:
        yield [one, two]


@pytest.fixture(scope="module")
def database() -> Iterator[PostgresServer]:
    with postgres_server() as server:
        yield server


@pytest.fixture
def line(database: PostgresServer) -> Iterator[Line]:
    with Line(database.port) as line:
        yield line


def new_key() -> str:
    return str(uuid.uuid4())


def post(http: httpx.AsyncClient, walker: str, key: str, **fields: Any) -> Any:
    return http.post(f"/walker/{walker}", json=fields, headers={"Idempotency-Key": key})


async def send_equal(
    servers: list[Server], walker: str, calls: int, **fields: Any
) -> Counter[tuple[int, str]]:
    """Calls with one key, at once and spread over the servers; gives their answers."""
    key = new_key()
    limits = httpx.Limits(max_connections=AT_ONCE)
    async with AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(client(base_url=server.url, limits=limits, timeout=60))
            for server in servers
        ]
        answers = await asyncio.gather(
            *(post(clients[n % len(clients)], walker, key, **fields) for n in range(calls))
        )
    return Counter((answer.status_code, answer.text) for answer in answers)


def cut_answer(line: Line, sent: bytes) -> list[bytes]:
    """Break all connections in place of the answer to a statement that has `sent` in it. What was cut is in the list."""
    is_sent = False
    cut: list[bytes] = []

    def look(data: bytes, is_answer: bool) -> bytes:
        nonlocal is_sent
        is_sent = is_sent or (sent in data and not is_answer)
        if is_sent and not cut and is_answer and b"SELECT 1\0" in data:
            cut.append(data)
            line.cut()
        return data

    line.before = look
    return cut


async def written(server: Server) -> list[int]:
    (numbers,) = await server.walk("written")
    return list(numbers)


@EQUAL
async def test_equal_calls_on_several_servers_are_one_walk_and_one_answer(
    calls: int, on_postgres: list[Server], tmp_path: Path
) -> None:
    walks, gate = tmp_path / "walks", tmp_path / "gate"
    number = calls
    fields = {"number": number, "walks": str(walks), "gate": str(gate)}
    sending = asyncio.create_task(send_equal(on_postgres, "write_when_let", calls, **fields))
    await until(walks.exists)
    await asyncio.sleep(0.3)  # what the other servers do is in other processes
    gate.touch()
    assert await sending == {(200, f'{{"status":200,"reports":[{number}]}}'): calls}
    assert walks.read_text() == "walk\n"
    assert (await written(on_postgres[0])).count(number) == 1


@EQUAL
async def test_equal_calls_are_one_effect_where_only_the_commit_decides(
    calls: int, on_sqlite: list[Server]
) -> None:
    answers = await send_equal(on_sqlite, "write", calls, channel_id="a", number=calls)
    assert answers == {(200, f'{{"status":200,"reports":[{calls}]}}'): calls}
    assert (await written(on_sqlite[0])).count(calls) == 1


async def test_a_call_on_another_server_waits_for_a_walk_that_has_committed_a_part(
    on_postgres: list[Server], tmp_path: Path
) -> None:
    walks, gate, key = tmp_path / "walks", tmp_path / "gate", new_key()
    fields = {"number": 3, "walks": str(walks), "gate": str(gate), "in_parts": True}
    one, two = on_postgres[:2]
    async with client(base_url=one.url) as here, client(base_url=two.url) as there:
        first = asyncio.create_task(post(here, "write_when_let", key, **fields))
        while 3 not in await written(one):
            pass
        second = asyncio.create_task(post(there, "write_when_let", key, **fields))
        await asyncio.sleep(0.3)
        assert not second.done()
        gate.touch()
        assert [(await one).json()["reports"] for one in (first, second)] == [[3], [3]]
    assert walks.read_text() == "walk\n"


async def test_after_the_death_of_a_server_another_one_walks_unless_a_part_was_committed(
    tmp_path: Path,
) -> None:
    async with AsyncExitStack() as stack:
        folder = tmp_path
        made_on = stack.enter_context(new_database())
        broker = stack.enter_context(service("redis", folder))
        made = Cluster(broker, folder, made_on, stack, is_direct=True)
        one, two = await made.start_all(2)
        gate, keys = tmp_path / "gate", [new_key(), new_key()]
        fields = [
            {"number": n, "walks": str(tmp_path / f"walks{n}"), "gate": str(gate), "in_parts": n == 1}
            for n in range(2)
        ]
        async with client(base_url=one.url) as here, client(base_url=two.url) as there:
            lost = [
                asyncio.create_task(post(here, "write_when_let", key, **given))
                for key, given in zip(keys, fields, strict=True)
            ]
            while 1 not in await written(one) or not (tmp_path / "walks0").exists():
                pass
            waiting = [
                asyncio.create_task(post(there, "write_when_let", key, **given))
                for key, given in zip(keys, fields, strict=True)
            ]
            one.kill()
            gate.touch()
            whole, part = await asyncio.gather(*waiting)
            await asyncio.gather(*lost, return_exceptions=True)
        assert whole.json()["reports"] == [0]
        assert part.status_code == 409
        assert "did a part of this" in part.text
        assert await written(two) == [0, 1]


async def test_a_call_whose_commit_is_in_doubt_finds_out_by_its_key(
    database: PostgresServer, tmp_path: Path
) -> None:
    """The database says that it has committed, and nobody hears it."""
    with Line(database.port) as line:
        url = f"{database.url_at(line.port)}?connect_timeout=2"
        with Server(PROGRAM, tmp_path, database=url, database_timeout="1") as server:
            await server.walk("write", channel_id="a", number=1)
            async with client(base_url=server.url, timeout=60) as http:
                for number, is_done in ((2, True), (3, False)):
                    said = False

                    def look(
                        data: bytes, is_answer: bool, number: int = number, is_done: bool = is_done
                    ) -> bytes:
                        nonlocal said
                        mine = b'"number":%d' % number in data
                        if not said and mine and not is_answer and not is_done:
                            said = True
                            line.cut()  # before the commit has arrived
                            line.hold()
                            return b""
                        said = said or mine
                        if said and is_answer:
                            line.cut()
                            line.hold()
                        return data

                    line.before = look
                    key = new_key()
                    doubtful = await post(http, "write", key, channel_id="a", number=number)
                    assert doubtful.status_code in (503, 504), doubtful.text
                    line.before = lambda data, is_answer: data
                    line.free()
                    again = await post(http, "write", key, channel_id="a", number=number)
                    while (
                        again.status_code == 503
                    ):  # the server has not noticed yet that the database is back
                        again = await post(http, "write", key, channel_id="a", number=number)
                    assert again.json() == {"status": 200, "reports": [number]}
            assert await written(server) == [1, 2, 3]


async def test_a_commit_whose_answer_was_lost_is_answered_and_kept(
    database: PostgresServer, line: Line, tmp_path: Path
) -> None:
    with Server(PROGRAM, tmp_path, database=database.url_at(line.port)) as server:
        key = new_key()
        async with client(base_url=server.url, timeout=60) as http:
            cut = cut_answer(line, b'"number":71')
            for _ in range(2):
                answer = await post(http, "write", key, channel_id="a", number=71)
                assert answer.json()["reports"] == [71]
            line.before = lambda data, is_answer: data
        assert cut
        assert (await written(server)).count(71) == 1


@pytest.mark.parametrize(
    "seed", [1, pytest.param(2, marks=pytest.mark.long), pytest.param(3, marks=pytest.mark.long)]
)
async def test_whatever_breaks_each_key_has_one_effect(
    database: PostgresServer, line: Line, tmp_path: Path, seed: int
) -> None:
    """Clients of two servers send each call again until it is answered, on connections that break, to servers whose connections
    to the database break."""
    random_ = random.Random(seed)
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
    url = database.url_at(line.port)
    answers: dict[int, set[str]] = {}
    cuts = 0

    def look(data: bytes, is_answer: bool) -> bytes:
        nonlocal cuts
        if random_.random() < 0.01:
            cuts += 1
            line.cut()
        return data

    async def call(servers: list[Server], number: int) -> None:
        """Two clients send the same call, as one whose connection broke does."""
        key = f"{seed}-{number}-{'k' * 22}"

        async def insist(own: random.Random) -> None:
            while True:
                server = own.choice(servers)
                try:
                    async with server.connect() as socket:
                        if await ask_once(socket, own):
                            return
                except ConnectionClosed:
                    pass

        async def ask_once(socket: Socket, own: random.Random) -> bool:
            event = {"type": "walker", "id": 1, "walker": "write", "key": key}
            await socket.say(event | {"context": {"channel_id": "a", "number": number}})
            if own.random() < 0.3:
                await asyncio.sleep(own.random() * 0.02)
                socket.wire.transport.abort()
                return False
            reply = await socket.hear()
            if not reply["ok"]:
                assert reply["error"]["code"] in RETRIED, reply
                return False
            answers.setdefault(number, set()).add(str(reply["data"]))
            return True

        await asyncio.gather(*(insist(random.Random(f"{seed} {number} {n}")) for n in range(2)))

    numbers = range(1000 * seed, 1000 * seed + 150)
    with Server(PROGRAM, folders[0], database=url) as one, Server(PROGRAM, folders[1], database=url) as two:
        line.before = look
        todo = iter(numbers)

        async def work() -> None:
            for number in todo:
                await call([one, two], number)

        await asyncio.gather(*(work() for _ in range(6)))
        line.before = lambda data, is_answer: data
        done = [number for number in await written(one) if number in numbers]
    assert cuts > 5
    assert done == list(numbers), "each was done, and once"
    assert all(len(said) == 1 for said in answers.values())
    assert answers.keys() == set(numbers)
