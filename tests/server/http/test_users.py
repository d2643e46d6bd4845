"""Accounts over REST: the bodies and codes of the protocol."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.server.conftest import EMAIL, PASSWORD, Serve
from walkwire.store import Store

ACCOUNT = {"email": EMAIL, "password": PASSWORD}


async def test_a_user_registers_once(serve: Serve) -> None:
    client = serve()
    answer = await client.post("/user/register", json=ACCOUNT)
    assert (answer.status_code, answer.json()) == (201, {"message": "Successfully Registered!"})
    answer = await client.post("/user/register", json=ACCOUNT | {"email": "ADA@Example.com"})
    assert (answer.status_code, answer.json()) == (409, {"detail": "Already Exists!"})


async def test_a_login_gives_a_token_and_the_user(serve: Serve, store: Store) -> None:
    client = serve()
    await client.post("/user/register", json=ACCOUNT)
    answer = await client.post("/user/login", json=ACCOUNT)
    body = answer.json()
    user = store.user_by_email(EMAIL)
    assert user is not None
    assert answer.status_code == 200
    assert set(body) == {"token", "user"}
    expiration, state = body["user"].pop("expiration"), body["user"].pop("state")
    again = (await client.post("/user/login", json=ACCOUNT)).json()["user"]["state"]
    assert isinstance(state, str)
    assert state != again
    assert abs(expiration - time.time() - 12 * 3600) < 60
    assert body["user"] == {
        "id": user.id,
        "email": EMAIL,
        "root_id": user.root_id,
        "is_activated": True,
        "is_admin": False,
    }
    assert len(user.root_id) == 24


async def test_a_wrong_password_and_nobody_get_the_same_answer(serve: Serve) -> None:
    client = serve()
    await client.post("/user/register", json=ACCOUNT)
    same = {"X-Request-Id": "1"}
    wrong = await client.post("/user/login", json=ACCOUNT | {"password": "wrong"}, headers=same)
    nobody = await client.post("/user/login", json=ACCOUNT | {"email": "nobody@example.com"}, headers=same)
    assert (wrong.status_code, wrong.json()) == (400, {"message": "Invalid Email/Password!"})
    assert (nobody.status_code, nobody.content) == (400, wrong.content)
    assert nobody.headers == wrong.headers


async def test_a_new_password_ends_the_token_that_asked_for_it(serve: Serve) -> None:
    client = serve()
    await client.post("/user/register", json=ACCOUNT)
    token = (await client.post("/user/login", json=ACCOUNT)).json()["token"]
    headers = {"Authorization": f"Bearer {token}"}
    change = {"old_password": "wrong", "new_password": "better"}
    answer = await client.post("/user/change_password", json=change, headers=headers)
    assert (answer.status_code, answer.json()) == (403, {"message": "Update Failed!"})
    change["old_password"] = PASSWORD
    answer = await client.post("/user/change_password", json=change, headers=headers)
    assert (answer.status_code, answer.json()) == (200, {"message": "Successfully Updated!"})
    answer = await client.post("/user/change_password", json=change, headers=headers)
    assert (answer.status_code, answer.json()) == (401, {"detail": "Unauthorized"})
    assert (await client.post("/user/login", json=ACCOUNT)).status_code == 400
    assert (await client.post("/user/login", json=ACCOUNT | {"password": "better"})).status_code == 200


async def test_a_password_is_changed_only_by_who_is_signed_in(serve: Serve) -> None:
    change = {"old_password": PASSWORD, "new_password": "better"}
    answer = await serve().post("/user/change_password", json=change)
    assert (answer.status_code, answer.json()) == (403, {"detail": "Not authenticated"})


@pytest.mark.parametrize(
    ("body", "kind", "place"),
    [
        ({"password": PASSWORD}, "missing", ["body", "email"]),
        ({"email": EMAIL}, "missing", ["body", "password"]),
        ({"email": "ada", "password": PASSWORD}, "value_error", ["body", "email"]),
        ({"email": EMAIL, "password": ""}, "string_too_short", ["body", "password"]),
        ({"email": EMAIL, "password": "x" * 1025}, "string_too_long", ["body", "password"]),
        ({"email": EMAIL, "password": 1}, "string_type", ["body", "password"]),
        ([], "model_attributes_type", ["body"]),
    ],
)
@pytest.mark.parametrize("path", ["/user/register", "/user/login"])
async def test_bad_input_is_told_in_fastapis_form(
    path: str, body: Any, kind: str, place: list[str], serve: Serve
) -> None:
    answer = await serve().post(path, json=body)
    assert answer.status_code == 422
    assert [(error["type"], error["loc"]) for error in answer.json()["detail"]] == [(kind, place)]
    assert all(set(error) <= {"type", "loc", "msg", "input", "ctx"} for error in answer.json()["detail"])


async def test_a_password_is_not_quoted_in_an_error(serve: Serve) -> None:
    client = serve()
    for body in ({"password": "hush hush"}, {"email": EMAIL, "password": "hush" * 1000}):
        answer = await client.post("/user/register", json=body)
        assert answer.status_code == 422
        assert "hush" not in answer.text


@pytest.mark.parametrize("path", ["forgot_password", "reset_password"])
async def test_without_a_way_to_send_codes_none_are_offered(path: str, serve: Serve) -> None:
    assert (await serve().post(f"/user/{path}", json={})).status_code == 404
