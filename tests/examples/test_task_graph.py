"""The task graph of `examples/task_graph`: work that people share by rights, over REST and the socket of a server process."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.serving import EXAMPLES, PATIENCE, Person, Server, Socket, run

PROGRAM = EXAMPLES / "task_graph"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(PROGRAM, tmp_path_factory.mktemp("task_graph")) as server:
        yield server


async def project(server: Server, owner: Person, *members: Person) -> str:
    """A project of the owner's that is shared with the members."""
    made = await server.post("/projects", {"name": "House"}, owner.token)
    assert made.status_code == 201
    id = str(made.json()["reports"][0]["id"])
    for member in members:
        await server.walk("share", owner.token, id, root_id=member.root_id)
    return id


async def task(server: Server, who: Person, project: str, title: str, **fields: Any) -> str:
    (report,) = await server.walk("add_task", who.token, project, title=title, **fields)
    return str(report["id"])


async def waves(server: Server, who: Person, project: str) -> Any:
    response = await server.request("GET", f"/walker/plan/{project}", who.token)
    assert response.status_code == 200, response.text
    return response.json()["waves"]


async def tell(socket: Socket, walker: str, node: str, **context: Any) -> Any:
    return await socket.ask({"type": "walker", "walker": walker, "node": node, "context": context, "id": 1})


async def test_a_plan_puts_each_task_behind_those_it_needs(server: Server) -> None:
    ada = await server.person("ada")
    house = await project(server, ada)
    ground = await task(server, ada, house, "ground")
    walls = await task(server, ada, house, "walls", needs=[ground])
    roof = await task(server, ada, house, "roof", needs=[walls])
    await task(server, ada, house, "garden")
    assert await waves(server, ada, house) == [["ground", "garden"], ["walls"], ["roof"]]

    circle = await server.post(f"/walker/need/{ground}", {"id": roof}, ada.token)
    assert (circle.status_code, circle.json()["reports"]) == (409, ["roof needs ground already"])
    absent = {"title": "attic", "needs": ["n:Task:" + "a" * 24]}
    assert (await server.post(f"/walker/add_task/{house}", absent, ada.token)).status_code == 404
    assert await waves(server, ada, house) == [["ground", "garden"], ["walls"], ["roof"]]


async def test_a_task_is_done_after_those_it_needs_and_the_members_hear_what_is_ready(server: Server) -> None:
    ada, bob = await server.person("ada"), await server.person("bob")
    house = await project(server, ada, bob)
    ground = await task(server, ada, house, "ground")
    walls = await task(server, ada, house, "walls", needs=[ground])
    async with server.connect(ada.token) as adas, server.connect(bob.token) as bobs:
        early = await tell(bobs, "finish", walls)
        assert early["data"] == {"status": 409, "reports": [["ground"]]}
        await bobs.say({"type": "walker", "walker": "finish", "node": ground})
        finished = {"type": "finished", "data": {"title": "ground", "ready": ["walls"]}}
        assert await adas.hear() == finished
        assert await bobs.hear() == finished


async def test_what_is_shared_is_joined_by_those_who_were_told(server: Server) -> None:
    ada, bob, eve = [await server.person(name) for name in ("ada", "bob", "eve")]
    async with server.connect(bob.token) as bobs, server.connect(eve.token) as eves:
        house = await project(server, ada, bob)
        assert await bobs.hear() == {"type": "shared", "data": {"id": house, "name": "House"}}
        assert await eves.settle() == []
    await server.walk("join", bob.token, house)
    listed = await server.request("GET", "/projects", bob.token)
    assert house in [one["id"] for one in listed.json()["reports"][0]]

    own = await task(server, bob, house, "tools")
    assert await waves(server, ada, house) == [["tools"]]
    await server.walk("finish", ada.token, own)

    for path in (f"/walker/join/{house}", f"/walker/add_task/{house}", f"/walker/finish/{own}"):
        refused = await server.post(path, {"title": "x"} if "add" in path else {}, eve.token)
        assert refused.status_code == 403, path

    await server.walk("unshare", ada.token, house, root_id=bob.root_id)
    assert (await server.post(f"/walker/add_task/{house}", {"title": "x"}, bob.token)).status_code == 403
    listed = await server.request("GET", "/projects", bob.token)
    assert house not in [one["id"] for one in listed.json()["reports"][0]]


async def test_a_level_is_given_by_name_or_number_and_no_more_than_it_is_allowed(server: Server) -> None:
    ada, bob = await server.person("ada"), await server.person("bob")
    house = await project(server, ada)
    ground = await task(server, ada, house, "ground")
    for level, may_join, may_finish in (("READ", 403, 403), (1, 200, 403), ("write", 200, 200)):
        await server.walk("share", ada.token, house, root_id=bob.root_id, level=level)
        assert await waves(server, bob, house) == [["ground"]]
        assert (await server.post(f"/walker/join/{house}", token=bob.token)).status_code == may_join
        assert (await server.post(f"/walker/finish/{ground}", token=bob.token)).status_code == may_finish


async def test_a_published_plan_is_read_by_everybody_and_changed_by_nobody(server: Server) -> None:
    ada, eve = await server.person("ada"), await server.person("eve")
    house = await project(server, ada)
    ground = await task(server, ada, house, "ground")
    publish = f"/walker/publish/{house}"
    assert (await server.request("PUT", publish, eve.token)).status_code == 403
    assert (await server.request("PUT", publish, ada.token)).json()["reports"] == [True]
    assert await waves(server, eve, house) == [["ground"]]
    assert (await server.post(f"/walker/finish/{ground}", token=eve.token)).status_code == 403
    assert (await server.request("PUT", f"{publish}?open=false", ada.token)).json()["reports"] == [False]
    assert (await server.request("GET", f"/walker/plan/{house}", eve.token)).status_code == 403


async def test_a_deadline_that_passes_is_told(server: Server) -> None:
    ada, bob = await server.person("ada"), await server.person("bob")
    house = await project(server, ada, bob)
    soon = (datetime.now(UTC) + timedelta(seconds=0.3)).isoformat()
    async with server.connect(bob.token) as bobs:
        late = await task(server, ada, house, "roof", due=soon)
        assert await bobs.hear() == {"type": "added", "data": {"title": "roof"}}
        assert await bobs.hear() == {"type": "late", "data": {"title": "roof"}}
    assert (await server.walk("finish", bob.token, late))[0]["due"].startswith(soon[:19])


async def test_sheets_are_read_as_tasks(server: Server) -> None:
    ada, bob = await server.person("ada"), await server.person("bob")
    house = await project(server, ada, bob)
    sheets = [
        ("sheets", ("ground.csv", b"title\ndig\npour\n", "text/csv")),
        ("sheets", ("roof.csv", "title\nbeams\nfenêtres\n".encode(), "text/csv")),
        ("body", ("body.json", b'{"prefix": "house: "}', "application/json")),
    ]
    async with server.connect(ada.token) as adas:
        read = await server.request("POST", f"/walker/add_sheets/{house}", bob.token, files=sheets)
        assert read.json()["reports"] == [4]
        imported = {"sheets": ["ground.csv", "roof.csv"], "tasks": 4}
        assert await adas.hear() == {"type": "imported", "data": imported}
    (wave,) = await waves(server, ada, house)
    assert wave == ["house: dig", "house: pour", "house: beams", "house: fenêtres"]

    missing = await server.request("POST", f"/walker/add_sheets/{house}", bob.token, files=sheets[2:])
    assert (missing.status_code, missing.json()["detail"][0]["loc"]) == (422, ["body", "sheets"])


async def test_a_review_is_answered_at_once_and_its_outcome_is_read_by_its_id(server: Server) -> None:
    ada, bob = await server.person("ada"), await server.person("bob")
    house = await project(server, ada)
    await server.walk("finish", ada.token, await task(server, ada, house, "ground"))
    await task(server, ada, house, "walls")
    async with server.connect(ada.token) as adas:
        id = (await server.post(f"/walker/review/{house}", token=ada.token)).json()["walker_id"]
        assert await adas.hear() == {"type": "reviewed", "data": {"open": 1, "late": 0}}
    outcome = {"status": "STARTED"}
    async with asyncio.timeout(PATIENCE):
        while outcome["status"] == "STARTED":  # the notification leaves before the end
            outcome = (await server.request("GET", f"/outcome/{id}", ada.token)).json()["reports"][0]
    counted = {"open": 1, "done": 1, "late": 0}
    assert outcome == {"status": "COMPLETED", "reports": [counted], "error": None}
    assert (await server.request("GET", f"/outcome/{id}", bob.token)).status_code == 404


async def test_a_task_is_removed_with_what_led_to_it(server: Server) -> None:
    ada, bob = await server.person("ada"), await server.person("bob")
    house = await project(server, ada)
    ground = await task(server, ada, house, "ground")
    await task(server, ada, house, "walls", needs=[ground])
    remove = f"/walker/remove_task/{ground}"
    assert (await server.request("DELETE", remove, bob.token)).status_code == 403
    assert (await server.request("DELETE", remove, ada.token)).json()["reports"] == ["removed"]
    assert await waves(server, ada, house) == [["walls"]]


async def test_private_walkers_are_not_served(server: Server) -> None:
    ada = await server.person("ada")
    house = await project(server, ada)
    assert (await server.post("/walker/seek", {"goal": house}, ada.token)).status_code == 404
    async with server.connect(ada.token) as adas:
        answer = await tell(adas, "watch", house, project=house)
        assert answer["error"]["code"] == "unknown_walker"


async def test_tasks_and_their_deadlines_outlive_a_restart(tmp_path: Path) -> None:
    soon = (datetime.now(UTC) + timedelta(seconds=0.5)).isoformat()
    with Server(PROGRAM, tmp_path) as server:
        ada, bob = await server.user(), await server.user()
        house = await project(server, ada, bob)
        await task(server, ada, house, "roof", due=soon)
    with Server(PROGRAM, tmp_path) as server:
        assert await waves(server, bob, house) == [["roof"]]
        async with server.connect(ada.token) as adas, asyncio.timeout(PATIENCE):
            late = 0
            while not late:
                await server.post(f"/walker/review/{house}", token=ada.token)
                while (told := await adas.hear())["type"] != "reviewed":
                    pass
                late = told["data"]["late"]


def test_its_own_tests_pass(tmp_path: Path) -> None:
    code, out, errors = run("test", str(PROGRAM / "planning.jac"), folder=tmp_path)
    assert code == 0, out + errors
