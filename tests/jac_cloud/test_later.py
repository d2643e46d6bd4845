"""Walks for later: answered at once with an id, by which their end can be read."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.jac_cloud.conftest import PROGRAMS, on_socket
from walkwire.testing import Client, Served, serve


@pytest.fixture
async def app() -> AsyncIterator[Served]:
    async with serve(PROGRAMS / "later.jac") as app:
        yield app


@pytest.fixture
async def ada(app: Served) -> Client:
    return await app.user()


async def ended(client: Client, id: str) -> tuple[Any, Any]:
    """A walker and its schedule, once it has ended."""
    schedule = await end_of(client, id)
    return (await client.post("see", id=id)).reports[0], schedule


async def end_of(client: Client, id: str) -> Any:
    """A walker's schedule, once it has ended."""
    while True:
        (schedule,) = (await client.post("see_end", id=id)).reports
        if schedule["status"] not in ("PENDING", "STARTED"):
            return schedule


async def test_an_async_walker_is_answered_at_once_and_read_by_its_id(ada: Client) -> None:
    reply = await ada.post("add_up", numbers=[1, 2])
    assert reply.status == 200
    assert list(reply.body) == ["walker_id"]
    id = reply.body["walker_id"]
    assert id.startswith("w:add_up:")

    walker, schedule = await ended(ada, id)
    assert walker == {"id": id, "context": {"numbers": [1, 2], "total": 3}}
    assert schedule.pop("executed_date")
    assert schedule == {
        "status": "COMPLETED",
        "node_id": f"n::{ada.root_id}",
        "root_id": f"n::{ada.root_id}",
        "execute_date": None,
        "http_status": 202,
        "reports": [3],
        "custom": None,
        "error": None,
    }
    assert (await ada.post("counts")).reports == [[3]]


async def test_an_async_walker_is_answered_over_the_socket_and_tells_when_it_is_done(ada: Client) -> None:
    async with ada.socket() as socket:
        await socket.receive()
        context = {"numbers": [4, 5]}
        await socket.send({"type": "walker", "walker": "add_up", "response": True, "context": context})
        answers = [await socket.receive(), await socket.receive()]
    (id,) = (answer["walker_id"] for answer in answers if "walker_id" in answer)
    assert {"type": "added", "data": {"total": 9}} in answers
    _, schedule = (await ada.post("see", id=id)).reports
    assert schedule["status"] == "COMPLETED"


async def test_what_a_request_lacks_is_said_before_anything_is_ordered(ada: Client) -> None:
    reply = await ada.post("add_up")
    assert (reply.status, reply.body["detail"][0]["loc"]) == (422, ["body", "numbers"])
    api = (await ada.request("GET", "/openapi.json")).body
    answer = api["paths"]["/walker/add_up"]["post"]["responses"]["200"]["content"]["application/json"]
    assert answer["schema"] == {"$ref": "#/components/schemas/WalkerId"}


async def test_none_is_a_report_of_an_async_walker_as_of_any_other(ada: Client) -> None:
    _, schedule = await ended(ada, (await ada.post("shrug")).body["walker_id"])
    assert schedule["reports"] == [None, 1]


@pytest.mark.parametrize("word", ["read", "close"])
async def test_an_async_walker_has_the_files_that_came_with_its_request(word: str, ada: Client) -> None:
    files = [
        ("scan", ("a.txt", b"first", "text/plain")),
        ("more", ("b.txt", b"second", "text/plain")),
        ("more", ("c.txt", bytes(range(65, 91)) * 100_000, "text/plain")),
    ]
    reply = await ada.request(
        "POST", "/walker/read_scans", files=files, data={"body": f'{{"word": "{word}"}}'}
    )
    assert reply.status == 200
    schedule = await end_of(ada, reply.body["walker_id"])
    assert schedule["reports"] == [
        [word, "a.txt", "text/plain", 5, "first"],
        ["second", "ABCDEFGHIJKLMNOPQRSTUVWXYZ" * 100_000],
        None,
    ]


async def test_files_that_are_too_much_to_be_kept_are_refused(ada: Client) -> None:
    files = [("scan", ("a.txt", b"x" * 9_000_000)), ("more", ("b.txt", b"x" * 9_000_000))]
    reply = await ada.request("POST", "/walker/read_scans", files=files, data={"body": '{"word": ""}'})
    assert (reply.status, reply.body) == (
        413,
        {"detail": {"error": "A walker that walks later takes files of 16 MiB in all"}},
    )


async def test_an_async_walker_that_fails_ends_as_an_error_and_changes_nothing(ada: Client) -> None:
    id = (await ada.post("fail_later")).body["walker_id"]
    _, schedule = await ended(ada, id)
    assert schedule["status"] == "ERROR"
    (message,) = schedule["error"]
    assert message.startswith("Internal error, reference ")
    assert (await ada.post("counts")).reports == [[]]


async def test_an_async_walker_begins_at_a_node_that_its_caller_may_read(app: Served, ada: Client) -> None:
    await ended(ada, (await ada.post("add_up", numbers=[1])).body["walker_id"])
    (counter,) = (await ada.request("GET", "/util/traverse?depth=2&node_types=Counter")).body["nodes"][1:]

    refused = await (await app.user()).post("count_here", counter["id"])
    assert refused.status == 403
    _, schedule = await ended(ada, (await ada.post("count_here", counter["id"])).body["walker_id"])
    assert (schedule["node_id"], schedule["reports"], schedule["custom"]) == (counter["id"], [], {"n": 2})


async def test_nobody_else_reads_what_became_of_a_walk(app: Served, ada: Client) -> None:
    id = (await ada.post("add_up", numbers=[1])).body["walker_id"]
    assert (await (await app.user()).post("see", id=id)).reports == [None, None]


async def test_a_task_walks_from_its_node(ada: Client) -> None:
    (id,) = (await ada.post("order_bump")).reports
    assert id.startswith("w:bump:")
    walker, schedule = await ended(ada, id)
    assert (walker["context"], schedule["status"], schedule["reports"]) == ({"by": 2}, "COMPLETED", [])
    assert (await ada.post("counts")).reports == [[2]]
    (again,) = (await on_socket(ada, "order_bump"))["reports"]
    await ended(ada, again)
    assert (await ada.post("counts")).reports == [[4]]


async def test_a_task_with_a_date_waits_for_it(ada: Client) -> None:
    (id,) = (await ada.post("order_bump", seconds=3600)).reports
    _, schedule = (await ada.post("see", id=id)).reports
    assert schedule["status"] == "PENDING"
    assert schedule["execute_date"] is not None
    assert (await ada.post("counts")).reports == [[0]]


async def test_a_walk_that_fails_orders_nothing(ada: Client) -> None:
    assert (await ada.post("order_bump", fails=True)).status == 500
    (id,) = (await ada.post("order_bump")).reports
    await ended(ada, id)
    assert (await ada.post("counts")).reports == [[2]]


async def test_a_walker_can_keep_itself(ada: Client) -> None:
    (id,) = (await ada.post("keep_me")).reports
    assert (await ada.post("see", id=id)).reports == [{"id": id, "context": {"word": "kept"}}, None]


async def test_a_walker_made_while_the_program_is_served_is_served_too(app: Served) -> None:
    public = app.public()
    assert (await public.request("GET", "/walker/made_later")).status == 404
    assert (await public.request("GET", "/walker/made_by")).reports == ["made_by"]
    assert (await public.request("GET", "/walker/made_later")).reports == ["made_later"]
    assert "/walker/made_later" in (await public.request("GET", "/openapi.json")).body["paths"]
