"""`kill -9` while one walk for later is under way and others wait: these run after the restart, that one ends as an error."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.serving import PATIENCE, PROGRAMS, Person, Server
from walkwire.walk.run.tasks import ABANDONED, LIFE_SECONDS


@pytest.mark.long
async def test_tasks_outlive_kill_9(tmp_path: Path) -> None:
    with Server(
        PROGRAMS / "tasks.jac", tmp_path, threads="2"
    ) as server:  # so that one task is under way at a time
        ada = await server.user()
        async with server.connect(ada.token) as socket:
            running = await begin(server, ada, "hold_on")
            assert await socket.hear() == {"type": "begun", "data": running}
        (ordered,) = await server.walk("order", ada.token, text="ordered")
        waiting = {"asked": await begin(server, ada, "write", text="asked"), "ordered": ordered}
        for id in waiting.values():
            assert (await schedule(server, ada, id))["status"] == "PENDING"
        assert (await schedule(server, ada, running))["status"] == "STARTED"
        server.kill()

    with Server(PROGRAMS / "tasks.jac", tmp_path, threads="2") as server:
        for text, id in waiting.items():
            ended = await end_of(server, ada, id)
            assert (ended["status"], ended["reports"]) == ("COMPLETED", [text])
        assert await server.walk("notes", ada.token) == [["asked", "ordered"]]

        ended = await end_of(server, ada, running)
        assert (ended["status"], ended["error"], ended["reports"]) == ("ERROR", [ABANDONED], None)
        assert await server.walk("notes", ada.token) == [["asked", "ordered"]]


async def begin(server: Server, who: Person, walker: str, **fields: Any) -> str:
    """Call an async walker, and give its id."""
    reply = await server.post(f"/walker/{walker}", fields, who.token)
    assert reply.status_code == 200, reply.text
    return str(reply.json()["walker_id"])


async def schedule(server: Server, who: Person, id: str) -> Any:
    (found,) = await server.walk("see", who.token, id=id)
    return found


async def end_of(server: Server, who: Person, id: str) -> Any:
    """What became of a walk, once it has ended. A server counts as alive for some time after its last sign of life."""
    async with asyncio.timeout(LIFE_SECONDS + PATIENCE):
        while True:
            found = await schedule(server, who, id)
            if found["status"] not in ("PENDING", "STARTED"):
                return found
            await asyncio.sleep(0.1)
