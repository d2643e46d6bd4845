"""Connections to PostgreSQL that break around commits: what was acknowledged is written, and what was refused is not."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.test_database import Line, PostgresServer, postgres_server
from tests.serving import PASSWORD, PATIENCE, Server

PROGRAM = Path(__file__).with_name("program.py")


@pytest.fixture(scope="module")
def database() -> Iterator[PostgresServer]:
    with postgres_server() as server:
        yield server


@pytest.fixture
def line(database: PostgresServer) -> Iterator[Line]:
    with Line(database.port) as line:
        yield line


@pytest.fixture
def server(database: PostgresServer, line: Line, tmp_path: Path) -> Iterator[Server]:
    """By way of the line."""
    with Server(PROGRAM, tmp_path, database=database.url_at(line.port)) as server:
        yield server


def cut_commit(line: Line, statement: bytes) -> list[bytes]:
    """Break all connections instead of forwarding that a transaction was committed which has this statement in it. What was cut
    is in the list."""
    said: list[bytes] = []
    cut: list[bytes] = []

    def look(data: bytes, is_answer: bool) -> bytes:
        if not is_answer and statement in data:
            said.append(data)
        if said and not cut and is_answer and b"COMMIT\0" in data:
            cut.append(data)
            line.cut()
        return data

    line.before = look
    return cut


async def test_a_contended_counter_behind_connections_that_break_at_random(
    server: Server, line: Line, database: PostgresServer
) -> None:
    """Each value that was acknowledged is one commit. What lost its checks and its answer was taken for done before."""
    (counter,) = await server.walk("make_counter")
    random_ = random.Random(20_261_127)
    cuts = 0

    def look(data: bytes, is_answer: bool) -> bytes:
        nonlocal cuts
        if is_answer and random_.random() < 0.01:
            cuts += 1
            line.cut()
        return data

    acknowledged: list[int] = []
    refused: set[str] = set()

    async def count() -> None:
        async with server.connect() as socket:
            while len(acknowledged) < 400:
                reply = await socket.ask(
                    {
                        "type": "walker",
                        "id": 1,
                        "walker": "count_aloud",
                        "node": counter["id"],
                        "context": {"channel_id": "counts"},
                    }
                )
                if reply["ok"]:
                    acknowledged.append(reply["data"]["reports"][0])
                else:
                    refused.add(reply["error"]["code"])

    async with server.connect(None, "counts") as listener:
        line.before = look
        await asyncio.gather(*(count() for _ in range(8)))
        line.before = lambda data, is_answer: data
        told = [message["count"] for message in await listener.settle()]

    assert cuts > 5
    assert refused <= {"busy", "conflict"}
    assert sorted(acknowledged) == list(range(1, len(acknowledged) + 1)), "each was done, and once"
    assert sorted(told) == sorted(acknowledged), "what was done was told, and nothing else"
    assert told == sorted(told), "in the order of the commits"


async def test_a_registration_that_was_done_is_told_so_although_its_answer_was_lost(
    server: Server, line: Line
) -> None:
    account = {"email": "ada@example.com", "password": PASSWORD}
    cut = cut_commit(line, b"INSERT INTO users")

    assert (await server.post("/user/register", account)).status_code == 201
    assert cut
    assert (await server.post("/user/login", account)).status_code == 200
    assert (await server.post("/user/register", account)).status_code == 409


async def test_a_password_that_was_changed_is_told_so_and_ends_the_tokens_although_the_answer_was_lost(
    server: Server, line: Line
) -> None:
    ada = await server.user()
    async with server.connect(ada.token) as socket:
        assert socket.root_id == ada.root_id
        cut = cut_commit(line, b"UPDATE users SET password")
        changed = await server.post(
            "/user/change_password", {"old_password": PASSWORD, "new_password": PASSWORD + "!"}, ada.token
        )

        assert cut
        assert changed.status_code == 200
        assert (await socket.ask({"type": "connection", "id": 1}))["data"]["root_id"] != ada.root_id
    again = {"old_password": PASSWORD + "!", "new_password": PASSWORD}
    assert (await server.post("/user/change_password", again, ada.token)).status_code in (401, 403)
    account = {"email": ada.email, "password": PASSWORD + "!"}
    assert (await server.post("/user/login", account)).status_code == 200


async def test_whoever_asks_while_the_database_goes_away_for_good_is_told_that_nobody_knows(
    database: PostgresServer, tmp_path: Path
) -> None:
    with Line(database.port) as line:
        url = f"{database.url_at(line.port)}?connect_timeout=2"
        with Server(PROGRAM, tmp_path, database=url, database_timeout="1") as server:
            await server.walk("write", channel_id="a", number=1)
            said = False

            def look(data: bytes, is_answer: bool) -> bytes:
                nonlocal said
                said = said or b'"number":2' in data
                if said and is_answer:
                    line.cut()
                    line.hold()
                return data

            line.before = look
            answer = await server.post("/walker/write", {"channel_id": "a", "number": 2})
            assert answer.status_code == 504
            assert "it was done, or nothing was" in answer.text
            line.before = lambda data, is_answer: data
            line.free()
            assert await server.walk("written") == [[1, 2]]


async def test_a_server_whose_database_is_away_is_not_ready_until_it_is_back(
    database: PostgresServer, tmp_path: Path
) -> None:
    with Line(database.port) as line:
        url = f"{database.url_at(line.port)}?connect_timeout=2"
        with Server(PROGRAM, tmp_path, database=url, database_timeout="1") as server:
            await server.walk("write", channel_id="a", number=71)
            assert (await server.request("GET", "/healthz/ready")).status_code == 200

            line.hold()
            line.cut()
            given = {"channel_id": "a", "number": 72}
            callers = [server.post("/walker/write", given) for _ in range(3)]  # the database does not answer
            assert [answer.status_code for answer in await asyncio.gather(*callers)] == [503] * 3
            ready = await server.request("GET", "/healthz/ready")
            assert (ready.status_code, ready.json()) == (
                503,
                {"ready": False, "reason": "the database is away"},
            )
            assert (await server.request("GET", "/healthz")).status_code == 200
            assert server.log.read_text().count("The database is away") == 1

            line.free()
            for _ in range(int(PATIENCE / 0.1)):  # nobody has to ask for a walk
                if (ready := await server.request("GET", "/healthz/ready")).status_code == 200:
                    break
                await asyncio.sleep(0.1)
            assert ready.json() == {"ready": True}
            assert server.log.read_text().count("The database is back") == 1
            (written,) = await server.walk("written")
            assert 71 in written
            assert 72 not in written
