"""The dashboard of `examples/dashboard`, in memory: progress, what is stored, and a job that is cancelled."""

from __future__ import annotations

import shutil
import sys
import tomllib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.serving import EXAMPLES, Server
from walkwire.testing import Served, serve

EXAMPLE = EXAMPLES / "dashboard"


@pytest.fixture
async def app() -> AsyncIterator[Served]:
    async with serve(EXAMPLE / "main.py", **tomllib.loads((EXAMPLE / "walkwire.toml").read_text())) as app:
        program: Any = sys.modules["main"]
        program.STEP = 0.001
        (await app.public().post("open_dashboard"))
        yield app


async def jobs(app: Served) -> list[Any]:
    (board,) = (await app.public().post("open_dashboard")).reports
    return [(job["name"], job["state"], job["rows"]) for job in board["jobs"]]


async def test_everybody_sees_how_far_a_job_is_and_that_it_is_done(app: Served) -> None:
    ada = await app.user()
    async with app.public().stream("jobs", "progress") as board:
        assert (await ada.post("start_job", name="Import", rows=20)).status == 200
        told: list[Any] = []
        while not told or told[-1].get("state") != "done":
            frame = (await board.receive())["data"]
            told.append(frame["data"])
    assert told[0]["state"] == "queued"
    assert [one["rows"] for one in told[1:]] == [*range(2, 21, 2)]
    assert {one["total"] for one in told} == {20}
    assert await jobs(app) == [("Import", "done", 20)]


async def test_a_job_is_cancelled_by_its_user_only(app: Served) -> None:
    program: Any = sys.modules["main"]
    program.STEP = 0.01
    ada, bob = await app.user(), await app.user()
    async with app.public().stream("jobs") as board:
        job = (await ada.post("start_job", rows=5000)).reports[0]["id"]
        assert (await bob.post("start_job", name="His", rows=1)).status == 200
        states: dict[str, str] = {}
        assert (await bob.post("cancel_job", job)).status == 403
        assert (await ada.post("cancel_job", job)).reports == ["cancelled"]
        while set(states.values()) != {"done", "cancelled"}:
            data = (await board.receive())["data"]["data"]
            states[data["name"]] = data["state"]
    assert states == {"Import": "cancelled", "His": "done"}
    assert (await ada.post("cancel_job", job)).reports == ["cancelled"], "it is over"


async def test_a_job_is_cancelled_on_another_server(tmp_path: Path) -> None:
    secret, database = "s" * 32, f"sqlite:///{tmp_path / 'walkwire.db'}"
    folders = [Path(shutil.copytree(EXAMPLE, tmp_path / name)) for name in ("one", "other")]
    with (
        Server(Path(), folders[0], database=database, token_secret=secret) as one,
        Server(Path(), folders[1], database=database, token_secret=secret) as other,
    ):
        await one.post("/walker/open_dashboard", {})
        ada = await one.user()
        (job,) = (await one.post("/walker/start_job", {"rows": 5000}, ada.token)).json()["reports"]
        rows = 0
        while not rows:  # it runs
            (board,) = (await other.post("/walker/open_dashboard", {})).json()["reports"]
            rows = sum(running["rows"] for running in board["progress"])
        cancelled = await other.post(f"/walker/cancel_job/{job['id']}", {}, ada.token)
        assert cancelled.json()["reports"] == ["cancelled"]
        (board,) = (await one.post("/walker/open_dashboard", {})).json()["reports"]
        assert (board["progress"], board["jobs"][0]["state"]) == ([], "cancelled")


async def test_a_job_has_rows_and_a_user(app: Served) -> None:
    ada = await app.user()
    assert (await ada.post("start_job", rows=0)).status == 422
    assert (await app.public().post("start_job", rows=1)).status in (401, 403)
    assert await jobs(app) == []
