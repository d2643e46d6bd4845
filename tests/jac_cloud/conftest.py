"""Programs as they were written for Jac Cloud, in the spelling of either era, served in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from walkwire.testing import Client, Served, serve

PROGRAMS = Path(__file__).parent / "programs"


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["cabinet_07.jac", "cabinet_09.jac"])
async def cabinet(request: pytest.FixtureRequest) -> AsyncIterator[Served]:
    """One for all tests of a module, each of which has users of its own."""
    async with serve(PROGRAMS / request.param) as app:
        yield app


@pytest.fixture
async def ada(cabinet: Served) -> Client:
    return await cabinet.user(name="Ada")


@pytest.fixture
async def bob(cabinet: Served) -> Client:
    return await cabinet.user(name="Bob")


async def on_socket(client: Client, walker: str, node: str | None = None, **context: Any) -> Any:
    """What a walker answers on a socket."""
    async with client.socket() as socket:
        await socket.receive()
        event = {"type": "walker", "walker": walker, "node": node, "response": True, "context": context}
        await socket.send(event)
        return await socket.receive()
