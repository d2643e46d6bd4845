"""A program mounted in an application of FastAPI, at a real port: REST, both versions of the wire, and what it offers."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from tests.serving import PROGRAMS
from walkwire.asgi import Walkwire
from walkwire.errors import StartError


class Site:
    """An application with a program below `/live`, at a port."""

    def __init__(self, realtime: Walkwire, port: int) -> None:
        self.realtime = realtime
        self.url = f"http://127.0.0.1:{port}"
        self.http = httpx.AsyncClient(base_url=self.url, verify=False, timeout=60)

    def connect(self, path: str = "/live/websocket", **options: Any) -> Any:
        return connect(f"{self.url.replace('http', 'ws')}{path}", **options)


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    realtime = Walkwire(
        PROGRAMS / "counting.py", database=f"sqlite:///{tmp_path}/site.db", token_secret="s" * 32
    )
    started = asyncio.Event()

    @asynccontextmanager
    async def lifespan(application: FastAPI) -> AsyncIterator[None]:
        async with realtime.lifespan():
            started.set()
            yield

    application = FastAPI(lifespan=lifespan)
    application.mount("/live", realtime)

    @application.get("/shop")
    def shop() -> str:
        return "open"

    config = uvicorn.Config(application, log_config=None, ws="websockets-sansio")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server._serve([listener]))
        await asyncio.wait_for(started.wait(), 20)
        made = Site(realtime, listener.getsockname()[1])
        async with made.http:
            yield made
        server.should_exit = True
        await serving


async def hear(socket: Any) -> Any:
    return json.loads(await asyncio.wait_for(socket.recv(), 5))


async def test_the_application_and_the_program_are_served_beside_each_other(site: Site) -> None:
    assert (await site.http.get("/shop")).json() == "open"
    token = await site.realtime.token_for("Ada@example.com")
    headers = {"Authorization": f"Bearer {token}"}
    answer = await site.http.post("/live/walker/count", json={"by": 3}, headers=headers)
    assert answer.json()["reports"] == [3]
    assert (await site.http.get("/live/healthz")).status_code == 200
    assert (await site.http.get("/live/nothing")).status_code == 404
    assert (await site.http.get("/walker/count")).status_code == 404


async def test_users_of_the_application_are_users_of_the_program(site: Site) -> None:
    first, again = [await site.realtime.token_for(email) for email in ("ada@example.com", "ADA@example.com")]
    root = await site.realtime.root_of(first)
    assert root is not None
    assert root.startswith("n::")
    assert await site.realtime.root_of(f"Bearer {again}") == root
    assert await site.realtime.root_of("nonsense") is await site.realtime.root_of(None) is None
    with pytest.raises(ValueError, match="e-mail"):
        await site.realtime.token_for("nobody")
    account = {"email": "ada@example.com", "password": ""}
    assert (await site.http.post("/live/user/login", json=account)).status_code in (401, 422)


async def test_version_1_of_the_wire(site: Site) -> None:
    token = await site.realtime.token_for("ada@example.com")
    headers = {"Authorization": f"Bearer {token}"}
    async with site.connect("/live/websocket?channel_id=den", additional_headers=headers) as ada:
        who = (await hear(ada))["data"]
        assert (who["root_id"], who["channel_id"]) == (await site.realtime.root_of(token), "den")
        await site.realtime.notify_channels(["den"], {"from": "the application"})
        assert await hear(ada) == {"from": "the application"}
        await site.realtime.notify_users([who["root_id"]], {"n": 1})
        assert await hear(ada) == {"n": 1}
        await ada.send(json.dumps({"type": "walker", "walker": "count", "context": {"by": 2}, "id": 1}))
        frames = [await hear(ada) for _ in range(2)]
        assert {"counted": 2} in frames
        assert any(frame.get("id") == 1 and frame["ok"] for frame in frames)


async def test_version_2_resumes(site: Site) -> None:
    token = await site.realtime.token_for("ada@example.com")
    offer = {"subprotocols": [Subprotocol("walkwire.v2")]}
    event = {"type": "connect", "id": 1, "token": token, "channels": [{"channel_id": "den"}]}
    async with site.connect(**offer) as ada:
        assert ada.subprotocol == "walkwire.v2"
        await ada.send(json.dumps(event))
        who = (await hear(ada))["data"]
        ada.transport.abort()
    for number in range(50):
        await site.realtime.notify_channels(["den"], {"n": number})
    event["channels"] = [{"channel_id": "den", "at": who["streams"]["channels"]["den"]["at"]}]
    async with site.connect(**offer) as ada:
        await ada.send(json.dumps(event | {"session": who["session"]}))
        again = (await hear(ada))["data"]
        assert again["client_id"] == who["client_id"]
        assert again["streams"]["channels"]["den"]["recovered"] is True
        assert [(await hear(ada))["data"]["n"] for _ in range(50)] == list(range(50))


async def test_pages_of_others_are_closed_and_other_paths_are_none(site: Site) -> None:
    async with site.connect(origin="https://evil.example") as socket:
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4003
    with pytest.raises(InvalidStatus):
        async with site.connect("/live/other"):
            pass


async def test_a_message_that_is_too_large_closes_the_connection(tmp_path: Path, site: Site) -> None:
    async with site.connect() as socket:
        await hear(socket)
        await socket.send("x" * (2 * 1024 * 1024))
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1009


async def test_it_does_not_run_before_its_lifespan(tmp_path: Path) -> None:
    realtime = Walkwire(tmp_path / "absent.py")
    with pytest.raises(RuntimeError, match="lifespan"):
        await realtime.notify_channels(["den"], {})
    with pytest.raises(StartError, match="There is no file"):
        async with realtime.lifespan():
            pass
