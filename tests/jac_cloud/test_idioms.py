"""How people wrote for Jac Cloud: nodes that act on who comes, walkers derived from one that finds, specs in every form."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.jac_cloud.conftest import PROGRAMS
from walkwire.testing import Client, Served, serve


@pytest.fixture
async def app() -> AsyncIterator[Served]:
    async with serve(PROGRAMS / "idioms.jac") as app:
        yield app


@pytest.fixture
async def ada(app: Served) -> Client:
    return await app.user()


async def test_a_node_acts_on_a_walker_that_has_only_fields(ada: Client) -> None:
    (stall,) = (await ada.post("set_name", new_name="Tea")).reports
    assert stall["context"] == {"name": "Tea", "visits": 1}
    (shown,) = (await ada.post("show_stall")).reports
    assert shown["stall"]["context"] == {"name": "Tea", "visits": 2}


async def test_a_node_is_gone_that_deletes_itself_as_a_walker_leaves(ada: Client) -> None:
    (first,) = (await ada.post("set_name", new_name="Tea")).reports
    assert (await ada.post("close_stall")).status == 200
    (shown,) = (await ada.post("show_stall")).reports
    assert (shown["stall"]["context"]["name"], shown["stall"]["id"] == first["id"]) == ("", False)


async def test_everybody_s_nodes_are_found_from_everybody_s_roots(app: Served, ada: Client) -> None:
    bob = await app.user()
    (teas,) = (await ada.post("set_name", new_name="Tea")).reports
    (cakes,) = (await bob.post("set_name", new_name="Cake")).reports
    for method in ("GET", "POST"):
        (found,) = (await app.public().request(method, "/walker/all_stalls")).reports
        assert sorted((stall["name"], stall["id"]) for stall in found) == [
            ("Cake", cakes["id"]),
            ("Tea", teas["id"]),
        ]
    ((edge,),) = (await bob.post("get_to_know", other=teas["id"])).reports
    assert edge["id"].startswith("e:Knows:")
    assert (await bob.post("show_stall")).reports[0]["knows"] == [teas["id"]]


async def test_what_is_static_is_no_field_of_a_request(app: Served) -> None:
    public = app.public()
    assert (await public.request("GET", "/walker/price?item=tea&prices=0")).reports == [3]
    absent = await public.request("GET", "/walker/price?item=milk")
    assert (absent.status, absent.reports) == (404, [{"error": "no milk"}])
    (listed,) = [
        [parameter["name"] for parameter in operation["parameters"] if parameter["in"] == "query"]
        for operation in (await public.request("GET", "/openapi.json"))
        .body["paths"]["/walker/price"]
        .values()
    ]
    assert listed == ["item"]


async def test_a_base_lends_its_methods_and_fields(ada: Client) -> None:
    await ada.post("visit_stall")
    assert (await ada.post("count_up", by=4)).reports == [{"total": 5, "whose": True}]


async def test_files_come_beside_the_other_fields(ada: Client) -> None:
    files = [
        ("one", ("a.txt", b"a")),
        ("many", ("b.txt", b"b")),
        ("many", ("c.txt", b"c")),
        ("body", ("body.json", b'{"title": "t", "anything": {"x": [1]}}', "application/json")),
    ]
    handed = await ada.request("POST", "/walker/hand_in", files=files)
    assert handed.reports == [["t", "a.txt", 2, None, None, {"x": [1]}]]


async def test_progress_is_told_to_the_one_who_asked(ada: Client) -> None:
    async with ada.socket() as socket:
        await socket.receive()
        await socket.send({"type": "walker", "walker": "tell_how_far", "response": True})
        assert [(await socket.receive())["data"] for _ in range(2)] == ["50%", "100%"]
        assert await socket.receive() == {"status": 200, "reports": ["done"]}
    assert (await ada.post("tell_how_far")).status == 404
