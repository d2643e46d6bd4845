"""The console of a server with several worker processes: whichever is reached shows and does the same."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.brokers.service import service, url_of
from tests.cluster.cluster import PROGRAM, Ear, new_database, until
from tests.databases import database
from tests.server.console import town
from tests.server.console.conftest import OWN, Operator
from tests.serving import Server, client
from walkwire.server.console import opening
from walkwire.server.console.console import Console, ConsoleParts
from walkwire.testing import Served, serve

WORKERS, SOCKETS, REQUESTS = 3, 18, 8


class FreshOperator:
    """Asks each time over a new connection, which the system may give to any worker."""

    def __init__(self, server: Server, **headers: str) -> None:
        self._url = server.url
        self._headers = OWN | headers

    @asynccontextmanager
    async def _http(self) -> AsyncIterator[httpx.AsyncClient]:
        async with client(base_url=f"{self._url}/console/api/", headers=self._headers) as http:
            yield http

    async def ask(self, path: str, **query: Any) -> Any:
        async with self._http() as http:
            answer = await http.get(path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def act(self, path: str, **body: Any) -> Any:
        async with self._http() as http:
            answer = await http.post(path, json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()


async def test_whichever_worker_is_reached_shows_and_does_the_same(tmp_path: Path) -> None:
    settings = {"workers": str(WORKERS), "token_secret": "s" * 32}
    async with AsyncExitStack() as stack:
        broker = stack.enter_context(service("redis", tmp_path))
        url = stack.enter_context(new_database())
        server = stack.enter_context(Server(PROGRAM, tmp_path, database=url, broker=broker.url, **settings))
        operator = FreshOperator(server)
        reached = {(await operator.ask("server"))["server"] for _ in range(4 * REQUESTS)}
        assert len(reached) > 1, "the system shares connections out"

        sockets = [await stack.enter_async_context(server.connect(None, "lobby")) for _ in range(SOCKETS)]
        ears = [Ear(socket) for socket in sockets]
        ids = {socket.client_id for socket in sockets}
        for _ in range(REQUESTS):
            shown = await operator.ask("connections")
            assert ({row["id"] for row in shown["rows"]}, shown["total"]) == (ids, SOCKETS)
            assert (await operator.ask("channel", id="lobby"))["count"] == SOCKETS
            (lobby,) = [
                one for one in (await operator.ask("channels", find="lobby"))["rows"] if one["id"] == "lobby"
            ]
            assert lobby["members"] == SOCKETS

        assert await operator.act("broadcast", data={"number": 1}) == {"sent": SOCKETS}
        await until(lambda: all(ear.heard == [1] for ear in ears))

        some = sorted(ids)[: SOCKETS // 2]
        assert await operator.act("disconnect", clients=some, again=False) == {"closed": len(some)}
        await until(lambda: sum(ear.code == 4003 for ear in ears) == len(some))

        assert await operator.act("drain", on=True) == {"draining": True}
        for _ in range(REQUESTS):
            assert (await operator.ask("server"))["draining"]
        assert await operator.act("drain", on=False) == {"draining": False}
        for _ in range(REQUESTS):
            assert not (await operator.ask("server"))["draining"]


@pytest.fixture
async def servers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Served, Served, list[Console]]]:
    consoles: list[Console] = []

    class Kept(Console):
        def __init__(self, parts: ConsoleParts) -> None:
            super().__init__(parts)
            consoles.append(self)

    monkeypatch.setattr(opening, "Console", Kept)
    with database("postgres", tmp_path) as url:
        settings: dict[str, Any] = {"database": url, "broker": url_of("redis"), "console": True}
        async with serve(town, **settings) as one, serve(town, **settings) as other:
            yield one, other, consoles


async def test_a_walk_is_shown_whichever_server_is_asked(
    servers: tuple[Served, Served, list[Console]],
) -> None:
    one, other, (console, _) = servers
    console.feed.open()
    await one.public().post("build")
    (number,) = console.feed._walks
    shown = await Operator(other, **{"X-Console-Server": console.server}).ask("walk", n=number)
    assert shown == await Operator(one).ask("walk", n=number)
    answer = await other.http.get(f"/console/api/walk?n={number}", headers=OWN)
    assert answer.status_code == 404  # of its own walks


async def test_a_user_counts_on_all_servers_and_an_answer_that_fails_is_left_out(
    servers: tuple[Served, Served, list[Console]], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other, (_, broken) = servers
    ada = await one.user("ada@example.com")
    there = await other.user("ada@example.com")
    async with ada.socket("den") as here, there.socket("den") as far:
        await here.receive()
        await far.receive()
        operator = Operator(one)
        assert [row["connections"] for row in (await operator.ask("users"))["rows"]] == [2]
        assert (await operator.ask("connections"))["total"] == 2
        monkeypatch.setattr(broken.people, "connections", None)
        assert (await operator.ask("connections"))["total"] == 1
