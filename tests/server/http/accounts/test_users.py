"""Accounts over REST: the bodies and codes of the protocol."""

from __future__ import annotations

import time
from typing import Any

import httpx
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


# Refreshing and logging out


async def logged_in(client: httpx.AsyncClient, **more: Any) -> dict[str, Any]:
    await client.post("/user/register", json=ACCOUNT)
    answer = await client.post("/user/login", json=ACCOUNT | more)
    assert answer.status_code == 200
    return dict(answer.json())


async def is_good(client: httpx.AsyncClient, token: str) -> bool:
    answer = await client.get("/util/traverse", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code in (200, 401)
    return answer.status_code == 200


async def refreshed(client: httpx.AsyncClient, text: str) -> httpx.Response:
    return await client.post("/user/refresh", json={"refresh_token": text})


async def test_a_login_that_asks_for_it_gives_a_short_token_and_a_refresh_token(serve: Serve) -> None:
    client = serve()
    body = await logged_in(client, refresh=True)
    assert list(body) == ["token", "user", "refresh_token", "refresh_expiration"]
    assert abs(body["user"]["expiration"] - time.time() - 15 * 60) < 60
    assert abs(body["refresh_expiration"] - time.time() - 30 * 24 * 3600) < 60
    assert set(await logged_in(client, refresh=False)) == {"token", "user"}


async def test_a_refresh_gives_what_a_login_gives(serve: Serve) -> None:
    client = serve()
    body = await logged_in(client, refresh=True)
    answer = await refreshed(client, body["refresh_token"])
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    new = answer.json()
    assert list(new) == list(body)
    assert list(new["user"]) == list(body["user"])
    assert new["refresh_token"] != body["refresh_token"]
    assert await is_good(client, new["token"])


@pytest.mark.parametrize("text", ["nonsense", "wr_" + "A" * 75, "x" * 128])
async def test_a_wrong_refresh_token_is_refused(text: str, serve: Serve) -> None:
    answer = await refreshed(serve(), text)
    assert (answer.status_code, answer.json()) == (401, {"detail": "Unauthorized"})


@pytest.mark.parametrize("path", ["/user/refresh", "/user/logout"])
@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"refresh_token": "hush" * 33}, "string_too_long"),
        ({"refresh_token": ""}, "string_too_short"),
        ({"refresh_token": 5}, "string_type"),
    ],
)
async def test_a_refresh_token_has_bounds_and_is_not_quoted(
    path: str, body: Any, kind: str, serve: Serve
) -> None:
    answer = await serve().post(path, json=body)
    assert answer.status_code == 422
    assert [error["type"] for error in answer.json()["detail"]] == [kind]
    assert "hush" not in answer.text


async def test_a_log_out_ends_its_session_and_no_other(serve: Serve) -> None:
    client = serve()
    mine, other = await logged_in(client, refresh=True), await logged_in(client)
    headers = {"Authorization": f"Bearer {mine['token']}"}
    answer = await client.post("/user/logout", headers=headers)
    assert (answer.status_code, answer.json()) == (200, {"message": "Successfully Logged Out!"})
    assert not await is_good(client, mine["token"])
    assert (await refreshed(client, mine["refresh_token"])).status_code == 401
    assert (await client.post("/user/logout", headers=headers)).status_code == 401
    assert await is_good(client, other["token"])


async def test_a_client_whose_token_has_expired_logs_out_by_its_refresh_token(serve: Serve) -> None:
    client = serve()
    body = await logged_in(client, refresh=True)
    order = {"refresh_token": body["refresh_token"]}
    for _ in range(2):
        answer = await client.post("/user/logout", json=order)
        assert (answer.status_code, answer.json()) == (200, {"message": "Successfully Logged Out!"})
    assert not await is_good(client, body["token"])
    assert (await refreshed(client, body["refresh_token"])).status_code == 401


async def test_a_log_out_of_all_ends_all_sessions(serve: Serve) -> None:
    client = serve()
    bodies = [await logged_in(client, refresh=refresh) for refresh in (True, False, True)]
    headers = {"Authorization": f"Bearer {bodies[0]['token']}"}
    answer = await client.post("/user/logout-all", headers=headers)
    assert (answer.status_code, answer.json()) == (200, {"message": "Successfully Logged Out!"})
    assert [await is_good(client, body["token"]) for body in bodies] == [False] * 3
    assert (await refreshed(client, bodies[2]["refresh_token"])).status_code == 401
    assert await is_good(client, (await logged_in(client))["token"])


@pytest.mark.parametrize("path", ["/user/logout", "/user/logout-all"])
async def test_who_is_not_signed_in_logs_nobody_out(path: str, serve: Serve) -> None:
    client = serve()
    answer = await client.post(path)
    assert (answer.status_code, answer.json()) == (403, {"detail": "Not authenticated"})
    answer = await client.post(path, headers={"Authorization": "Bearer nonsense"})
    assert (answer.status_code, answer.json()) == (401, {"detail": "Unauthorized"})
