"""A client of `clients/js` that is away, in node and in a page: without a network, asleep, and while the server is restarted."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
import uvicorn

from tests.journeys.conftest import NODE, RunNode
from tests.journeys.test_client_js import module as module
from tests.serving import PROGRAMS
from walkwire.server.socket.gateway import gateway
from walkwire.testing import Served, serve

HISTORY = {"room:*": "durable 1000 30d"}


@asynccontextmanager
async def at_a_port(served: Served) -> AsyncIterator[int]:
    """Serve a program, whose clock can be moved, at a free port."""
    app = served.app
    config = uvicorn.Config(
        app.api,
        http=gateway(app.door, upgrades=app.upgrades),
        ws="websockets-sansio",
        lifespan="off",
        log_config=None,
    )
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server._serve([listener]))
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = server.force_exit = True
            await serving


@pytest.mark.parametrize("where", ["node", "page"])
@pytest.mark.parametrize("time", ["moved", pytest.param("real", marks=pytest.mark.long)])
async def test_a_client_that_was_away_is_whole_or_says_what_is_missing(
    where: str, time: str, run_node: RunNode, request: pytest.FixtureRequest, module: Path
) -> None:
    chromium = [request.getfixturevalue("chromium")] if where == "page" else []
    async with serve(PROGRAMS / "counting.py", history=HISTORY) as served, AsyncExitStack() as stack:
        ada = await served.user()
        port = await stack.enter_async_context(at_a_port(served))
        process = await asyncio.create_subprocess_exec(
            str(shutil.which("node")),
            str(NODE / "away.mjs"),
            *(str(module), str(port), str(ada.token), time, *chromium),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        assert process.stdin
        assert process.stdout
        lines: list[str] = []
        async for line in process.stdout:
            lines.append(line.decode().rstrip())
            what, _, value = lines[-1].removeprefix("do: ").partition(" ")
            if not lines[-1].startswith("do: "):
                continue
            if what == "advance":
                served.clock.advance(float(value))
            else:
                await stack.aclose()
                await served.kill()
                port = await stack.enter_async_context(at_a_port(served))
            process.stdin.write(f"{json.dumps(port)}\n".encode())
        assert await process.wait() == 0, "\n".join(lines)
    seen = [line for line in lines if line.startswith("seen: ")]
    assert len(seen) == 5, "\n".join(lines)
    assert not [line for line in lines if line.startswith("error: ")], lines
