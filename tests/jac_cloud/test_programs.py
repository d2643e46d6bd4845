"""The names that programs written for Jac Cloud use do what they did, over REST and over the socket."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.jac_cloud.conftest import PROGRAMS, on_socket
from walkwire.ids import PUBLIC_ROOT
from walkwire.testing import Client, Served, serve

pytestmark = pytest.mark.asyncio(loop_scope="module")

ACCOUNT = {"email": "ada@example.com", "password": "secret"}


async def paper(owner: Client, title: str = "plan") -> str:
    (report,) = (await owner.post("file_paper", title=title)).reports
    return str(report["id"])


# Users


async def test_users_have_the_fields_that_the_program_gives_them(cabinet: Served) -> None:
    public = cabinet.public()

    missing = await public.request("POST", "/user/register", json=ACCOUNT)
    assert (missing.status, missing.body["detail"][0]["loc"]) == (422, ["body", "name"])
    wrong = await public.request("POST", "/user/register", json=ACCOUNT | {"name": "Ada", "desk": "x"})
    assert (wrong.status, wrong.body["detail"][0]["loc"]) == (422, ["body", "desk"])
    made = await public.request("POST", "/user/register", json=ACCOUNT | {"name": "Ada", "desk": "f"})
    assert (made.status, made.body) == (201, {"message": "Successfully Registered!"})

    user = (await public.request("POST", "/user/login", json=ACCOUNT)).body["user"]
    assert {key: user[key] for key in ("name", "desk", "email", "is_admin", "state")} == {
        "name": "Ada",
        "desk": "FRONT",
        "email": "ada@example.com",
        "is_admin": False,
        "state": user["state"],
    }
    assert isinstance(user["state"], str)


async def test_a_field_with_a_default_need_not_be_given_to_register(cabinet: Served) -> None:
    await cabinet.user("eve@example.com", "secret", name="Eve")
    account = ACCOUNT | {"email": "eve@example.com"}
    user = (await cabinet.public().request("POST", "/user/login", json=account)).body["user"]
    assert user["desk"] == "BACK"


async def test_what_users_have_is_described_in_openapi(cabinet: Served) -> None:
    api = (await cabinet.public().request("GET", "/openapi.json")).body
    assert {"email", "password", "name"} <= set(api["components"]["schemas"]["Registration"]["required"])
    in_yaml = await cabinet.public().request("GET", "/openapi.yaml")
    assert json.loads(in_yaml.content) == api


# Ids in and out


async def test_ids_go_out_and_come_in(ada: Client) -> None:
    id = await paper(ada)
    assert id.startswith("n:Paper:")
    assert (await ada.post("name_it", id=id)).reports == [id[-24:], "plan", True]
    wrong_name = f"n:Other:{id[-24:]}"  # the name part is ignored
    assert (await ada.post("peek", node=wrong_name)).reports[0]["id"] == id


async def test_a_node_that_may_not_be_read_is_none_for_the_program(ada: Client, bob: Client) -> None:
    id = await paper(ada)
    assert (await bob.post("name_it", id=id)).reports == [None]
    assert (await bob.post("name_it", id="n:Paper:" + "a" * 24)).reports == [None]
    malformed = await bob.post("name_it", id="paper")
    assert (malformed.status, malformed.body) == (
        400,
        {"detail": {"error": "Not a valid reference: 'paper'"}},
    )


async def test_a_walker_enters_at_a_node_over_the_socket_too(ada: Client, bob: Client) -> None:
    id = await paper(ada)
    answer = await on_socket(ada, "peek", id)
    assert answer == {"status": 200, "reports": [{"id": id, "context": {"title": "plan", "pages": []}}]}
    assert await on_socket(bob, "peek", id) == {
        "type": "walker",
        "error": f"You don't have access on target entry {id}!",
    }


# Permissions


@pytest.mark.parametrize("level", ["READ", "read", 0])
async def test_what_is_shared_with_one_user_that_user_reads_and_nobody_else(
    level: Any, cabinet: Served, ada: Client, bob: Client
) -> None:
    id = await paper(ada)
    await ada.post("share", id, to=f"n::{bob.root_id}", level=level)

    assert (await bob.post("peek", id)).status == 200
    assert (await bob.post("add_page", id, text="x")).status == 403
    assert (await (await cabinet.user(name="Eve")).post("peek", id)).status == 403

    await ada.post("unshare", id, to=f"n::{bob.root_id}")
    refused = await bob.post("peek", id)
    assert (refused.status, refused.body) == (
        403,
        {"detail": {"error": f"You don't have access on target entry {id}!"}},
    )


@pytest.mark.parametrize("level", ["WRITE", 2])
async def test_what_everybody_may_write_everybody_writes(level: Any, ada: Client, bob: Client) -> None:
    id = await paper(ada)
    await ada.post("share", id, level=level)

    assert (await bob.post("add_page", id, text="by bob")).status == 200
    assert (await on_socket(bob, "add_page", id, text="again"))["status"] == 200
    assert (await ada.post("peek", id)).reports[0]["context"]["pages"] == ["by bob", "again"]

    await ada.post("unshare", id)
    assert (await bob.post("peek", id)).status == 403


async def test_a_root_is_shared_with_all_that_is_its_owner_s(ada: Client, bob: Client) -> None:
    id = await paper(ada)
    await ada.post("share", to=f"n::{bob.root_id}")
    assert (await bob.post("peek", id)).status == 200
    await ada.post("unshare", to=f"n::{bob.root_id}")
    assert (await bob.post("peek", id)).status == 403


# Answers


@pytest.mark.parametrize("status", [201, 206, 400, 418, 500, 511])
async def test_the_status_that_a_walker_sets_is_its_answer_s(status: int, cabinet: Served) -> None:
    public = cabinet.public()
    reply = await public.post("answer_with", status=status)
    assert (reply.status, reply.body) == (status, {"status": status, "reports": ["before"]})
    assert await on_socket(public, "answer_with", status=status) == reply.body


async def test_a_custom_report_takes_the_place_of_the_body(cabinet: Served) -> None:
    public = cabinet.public()
    reply = await public.post("answer_with", status=202, body={"a": [1]})
    assert (reply.status, reply.body) == (202, {"a": [1]})
    assert await on_socket(public, "answer_with", body={"a": [1]}) == {"a": [1]}
    assert (await public.post("label_as_body")).body == {"text": "a", "of": "FRONT"}


async def test_returns_are_shown_where_that_is_configured() -> None:
    async with serve(PROGRAMS / "cabinet_07.jac", show_endpoint_returns=True) as app:
        ada = await app.user(name="Ada")
        filed = await ada.post("file_paper", title="plan")
        assert filed.body["returns"] == [None]
        looked = await ada.post("peek", filed.reports[0]["id"])
        assert looked.body["returns"] == ["plan", "stamped", None]
        assert (await on_socket(ada, "peek", filed.reports[0]["id"]))["returns"] == ["plan", "stamped", None]
        api = (await ada.request("GET", "/openapi.json")).body
        assert "returns" in api["components"]["schemas"]["WalkerAnswerWithReturns"]["required"]


# What is kept


async def test_what_was_applied_stays_when_the_walk_fails_afterwards(ada: Client) -> None:
    assert (await ada.post("apply_and_fail")).status == 500
    assert (await ada.post("titles")).reports == [["kept"]]


async def test_an_object_can_be_kept_by_itself(ada: Client, bob: Client) -> None:
    (kept,) = (await ada.post("keep_label", text="a")).reports
    id = kept["id"]
    assert id.startswith("o:Label:")
    assert (await ada.post("change_label", id=id, text="b")).status == 200
    assert (await ada.post("see_label", id=id)).reports == [
        {"id": id, "context": {"text": "b", "of": "FRONT"}}
    ]
    assert (await bob.post("see_label", id=id)).reports == [None]

    assert (await ada.post("drop_label", id=id)).status == 200
    assert (await ada.post("see_label", id=id)).reports == [None]


async def test_a_walk_does_not_begin_at_an_object(ada: Client) -> None:
    (kept,) = (await ada.post("keep_label", text="a")).reports
    assert (await ada.post("peek", kept["id"][-24:])).status == 403


async def test_stored_records_are_counted_and_found_by_class_and_owner(ada: Client, bob: Client) -> None:
    first = await paper(ada)
    await paper(ada, "second")
    await paper(bob)
    assert (await ada.post("count_all")).reports == [[3, 2]]
    await ada.post("burn", first)
    assert (await ada.post("count_all")).reports == [[2, 1]]
    assert (await ada.post("find_paper")).reports == ["second"]


async def test_a_graph_is_reset_and_nobody_else_s(ada: Client, bob: Client) -> None:
    for title in ("a", "b", "c"):
        await paper(ada, title)
    kept = await paper(bob)
    assert (await ada.post("empty_all")).reports == [6]
    assert (await ada.post("count_all")).reports == [[1, 0]]
    assert (await bob.post("peek", kept)).status == 200


# Requests


async def test_files_come_with_the_other_fields_in_a_part_of_their_own(ada: Client) -> None:
    scan = ("scan", ("a.txt", b"123", "text/plain"))
    more = [("more", ("b.txt", b"1", "text/plain")), ("more", ("c.txt", b"2", "text/plain"))]
    body = ("body", ("body.json", json.dumps({"title": "plan"}).encode(), "application/json"))

    reply = await ada.request("POST", "/walker/hand_in", files=[scan, *more, body])
    assert reply.reports == [["plan", "a.txt", "text/plain", 3, 2, None]]
    missing = await ada.request("POST", "/walker/hand_in", files=[body])
    assert (missing.status, missing.body["detail"][0]["loc"]) == (422, ["body", "scan"])
    plain = await ada.request("POST", "/walker/hand_in", files=[scan], data={"body": '{"title": "t"}'})
    assert plain.reports == [["t", "a.txt", "text/plain", 3, 0, None]]


async def test_a_field_in_the_path_stands_before_the_node_and_after_it(cabinet: Served) -> None:
    public = cabinet.public()
    for path in (
        "here",
        f"here/n::{PUBLIC_ROOT}",
        f"n::{PUBLIC_ROOT}/here",  # as Jac Cloud 0.1 had it
    ):
        reply = await public.request("GET", f"/walker/everywhere/{path}?wanted=x")
        assert reply.reports == [["here", "x"]], path


async def test_a_user_is_told_by_a_root_that_came_as_text(ada: Client, bob: Client) -> None:
    async with bob.socket() as socket:
        await socket.receive()
        assert (await ada.post("tell_owner", id=f"n::{bob.root_id}")).reports == []
        assert await socket.receive() == {"type": "told"}
