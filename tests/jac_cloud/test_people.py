"""Users as programs look them up, and `async` walkers that a walk spawns itself."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.jac_cloud.conftest import PROGRAMS, on_socket
from walkwire.testing import Client, Served, serve


@pytest.fixture
async def app() -> AsyncIterator[Served]:
    async with serve(PROGRAMS / "people.jac") as app:
        yield app


async def cargo(owner: Client, what: str = "wool") -> str:
    (report,) = (await owner.post("load_cargo", what=what)).reports
    return str(report["id"])


async def test_the_owner_of_a_node_is_found_by_root_id_and_address(app: Served) -> None:
    ada = await app.user("ada@example.com", ship="Argo")
    bob = await app.user("bob@example.com", ship="Bounty")
    owner, kind, same, count, nobody = (await bob.post("who_owns", await cargo(ada))).reports
    assert owner[:4] == ["ada@example.com", True, "Argo", ada.root_id]
    assert len(owner[4]) == 24
    assert owner[5] is False
    assert kind == [True, "User"]
    assert same == [True] * 5
    assert count == 2
    assert nobody == [None, None]


async def test_a_node_is_found_by_its_owner_as_programs_ask_mongo_for_it(app: Served) -> None:
    ada, bob = await app.user(ship="a"), await app.user(ship="b")
    await cargo(ada)
    answer = (await bob.post("cargo_of", root_id=ada.root_id)).reports
    assert answer == [["wool", "Cargo", True, "Cargo", True, False, False]]
    assert (await ada.post("cargo_of", root_id=ada.root_id)).reports[0][4:] == [True, True, True]


async def test_what_is_found_comes_in_the_order_in_which_it_was_made(app: Served) -> None:
    ada = await app.user(ship="Argo")
    for what in "zyxabc":
        await cargo(ada, what)
    assert (await ada.post("all_cargo")).reports == [list("zyxabc")]


@pytest.mark.parametrize(
    ("how", "sentence"),
    [
        ("ship", "Users cannot be found by 'ship': there are _id, email and root_id"),
        ("regex", "A filter by 'email': {'$regex': '^a.+'} cannot be answered"),
        ("all", "a filter needs one of them"),
        ("update", "walkwire's User.Collection has no 'update_one'"),
    ],
)
async def test_what_cannot_be_asked_of_users_is_said_where_it_is_asked(
    how: str, sentence: str, app: Served, caplog: pytest.LogCaptureFixture
) -> None:
    ada = await app.user(ship="Argo")
    assert (await ada.post("ask_wrongly", how=how)).status == 500
    assert sentence in caplog.text


async def test_a_lost_password_is_replaced_by_a_code_that_the_program_sends(app: Served) -> None:
    ada, public = await app.user("ada@example.com", ship="Argo"), app.public()
    answers = [
        await public.request("POST", "/user/forgot_password", json={"email": email})
        for email in ("ADA@example.com", "nobody@example.com", "ada@example.com")
    ]
    assert {(one.status, one.body["message"]) for one in answers} == {(200, "Reset password email sent!")}
    while not (sent := (await public.post("codes")).reports[0]):
        pass
    ((email, code),) = sent
    assert email == "ada@example.com"

    order = {"code": code, "password": "a new one"}
    reset = await public.request("POST", "/user/reset_password", json=order)
    assert (reset.status, reset.body) == (200, {"message": "Password reset successfully!"})
    assert (await ada.post("weigh_all")).status == 401
    account = {"email": email, "password": "a new one"}
    assert (await public.request("POST", "/user/login", json=account)).status == 200
    again = await public.request("POST", "/user/reset_password", json=order)
    assert (again.status, again.body) == (403, {"message": "Failed to reset password!"})
    assert (await public.request("POST", "/user/forgot_password", json={"email": "ada"})).status == 422


async def test_a_program_s_http_exception_is_told_over_rest_and_the_socket(app: Served) -> None:
    ada = await app.user(ship="Argo")
    reply = await ada.post("find_ship")
    assert (reply.status, reply.body) == (404, {"detail": "No such ship"})
    assert await on_socket(ada, "find_ship") == {"type": "walker", "error": "No such ship"}
    why = {"ship": "Argo"}
    assert (await ada.post("find_ship", detail=why)).body == {"detail": why}
    assert await on_socket(ada, "find_ship", detail=why) == {"type": "walker", "error": '{"ship":"Argo"}'}
    assert (await ada.post("weigh_all")).reports == []  # and nothing was done

    id = (await ada.post("find_ship_later")).body["walker_id"]
    while (error := (await ada.post("end_of", id=id)).reports[0]) is None:
        pass
    assert error == ["No such ship"]


async def test_the_status_code_of_the_specs_is_the_answer_s(app: Served) -> None:
    reply = await app.public().post("codes")
    assert (reply.status, reply.body) == (203, {"status": 203, "reports": [[]]})
    assert await on_socket(app.public(), "codes") == reply.body


async def test_an_async_walker_that_a_walk_spawns_walks_at_once(app: Served) -> None:
    ada = await app.user(ship="Argo")
    await cargo(ada)
    reply = await ada.post("weigh_all")
    assert reply.reports == [2, ["weigh", 2, [2]], 5]


async def test_an_async_ability_awaits_it(app: Served) -> None:
    ada = await app.user(ship="Argo")
    await cargo(ada)
    assert (await ada.post("weigh_in_turn")).reports == [2, [2, 2]]
