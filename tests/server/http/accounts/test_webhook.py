"""Webhooks: walkers that another service calls by a key, and what users do with their keys."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from walkwire.testing import Client, Served, serve

PROGRAM = Path(__file__).parents[3] / "jac_cloud" / "programs" / "hooks.jac"
NEVER = "000000000000000000000000:1700000000:ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


@pytest.fixture
async def app() -> AsyncIterator[Served]:
    async with serve(PROGRAM) as app:
        yield app


@pytest.fixture
async def ada(app: Served) -> Client:
    return await app.user()


async def made(owner: Client, name: str = "shop", **order: Any) -> dict[str, str]:
    reply = await owner.request("POST", "/webhook/generate-key", json={"name": name, **order})
    assert reply.status == 201
    return dict(reply.body)


async def call(app: Served, path: str, method: str = "POST", **options: Any) -> Any:
    return await app.public().request(method, f"/webhook/walker/{path}", **options)


async def test_a_key_is_taken_from_the_header_the_query_the_path_and_the_body(
    app: Served, ada: Client
) -> None:
    key = (await made(ada))["key"]
    assert (await call(app, "by_header", headers={"X-API-KEY": key}, json={"number": 5})).reports == [[5]]
    assert (await call(app, f"by_query?service_key={key}")).reports == [True]
    assert (await call(app, f"by_query?service_key={key}", method="GET")).reports == [True]
    assert (await call(app, f"by_path/{key}", json={"word": "x"})).reports == ["x"]
    assert (await call(app, "by_body", json={"word": "y", "service_key": key})).reports == ["y"]
    # all of them as the root that made the key
    assert (await call(app, "by_header", headers={"X-API-KEY": key})).reports == [[5, 0]]


@pytest.mark.parametrize("path", ["by_header", "by_query", "by_body"])
async def test_without_a_key_nobody_is_let_in_nor_with_a_bad_one(path: str, app: Served, ada: Client) -> None:
    none = await call(app, path, json={"word": "x"})
    assert (none.status, none.body) == (403, {"detail": "Not authenticated"})
    key = (await made(ada))["key"]
    for bad in (NEVER, key[:-1] + "x", key.upper(), "x", ada.token):
        sent = {"json": {"word": "x", "service_key": bad}, "headers": {"X-API-KEY": bad}}
        refused = await call(app, f"{path}?service_key={bad}", **sent)
        assert (refused.status, refused.body) == (401, {"detail": "Unauthorized"})
    assert (await call(app, f"by_path/{NEVER}")).status == 401


async def test_a_webhook_without_auth_needs_no_key(app: Served) -> None:
    assert (await call(app, "open_hook")).reports == ["open"]


async def test_a_key_is_good_for_its_walkers_and_its_places_only(app: Served, ada: Client) -> None:
    (order,) = (await ada.post("place_order")).reports
    headers = {"X-API-KEY": (await made(ada, walkers=["by_header"], nodes=["Order"]))["key"]}

    assert (await call(app, f"by_header/{order['id']}", headers=headers)).reports == [7]
    at_root = await call(app, "by_header", headers=headers)
    assert (at_root.status, at_root.body) == (403, {"detail": "Forbidden"})
    other = await call(app, f"by_query?service_key={headers['X-API-KEY']}")
    assert (other.status, other.body) == (403, {"detail": "Forbidden"})

    at_root_only = {"X-API-KEY": (await made(ada, "roots", nodes=["root"]))["key"]}
    assert (await call(app, "by_header", headers=at_root_only)).status == 200
    assert (await call(app, f"by_header/{order['id']}", headers=at_root_only)).status == 403


async def test_keys_are_listed_to_who_made_them_with_four_letters_of_their_texts(
    ada: Client, app: Served
) -> None:
    key = await made(ada, walkers=["by_query"], expiration={"count": 1, "interval": "hours"})
    (shown,) = (await ada.request("GET", "/webhook")).body["keys"]
    assert shown.pop("expiration")
    text = key["key"]
    assert shown.pop("key") == f"{text[:-32]}{'*' * 28}{text[-4:]}"
    del key["key"]
    assert shown == key | {"root_id": ada.root_id, "walkers": ["by_query"], "nodes": []}
    assert (await (await app.user()).request("GET", "/webhook")).body == {"keys": []}
    assert (await app.public().request("GET", "/webhook")).status == 403


async def test_a_name_is_one_key_s_of_a_user(ada: Client, app: Served) -> None:
    await made(ada)
    again = await ada.request("POST", "/webhook/generate-key", json={"name": "shop"})
    assert (again.status, again.body) == (409, {"detail": "Already Exists!"})
    await made(await app.user())


async def test_a_key_is_deleted_by_who_made_it_and_by_nobody_else(ada: Client, app: Served) -> None:
    key = await made(ada)
    order = {"ids": [key["id"]]}
    assert (await (await app.user()).request("DELETE", "/webhook/delete", json=order)).status == 404
    assert (await call(app, f"by_query?service_key={key['key']}")).status == 200

    gone = await ada.request("DELETE", "/webhook/delete", json=order)
    assert (gone.status, gone.body) == (200, {"message": "Successfully Deleted!"})
    assert (await call(app, f"by_query?service_key={key['key']}")).status == 401


async def test_a_key_lives_longer_when_who_made_it_says_so(ada: Client, app: Served) -> None:
    key = await made(ada, expiration={"count": 1, "interval": "hours"})
    (before,) = (await ada.request("GET", "/webhook")).body["keys"]
    path, longer = f"/webhook/extend/{key['id']}", {"count": 1, "interval": "days"}
    assert (await (await app.user()).request("PATCH", path, json=longer)).status == 404

    reply = await ada.request("PATCH", path, json=longer)
    assert (reply.status, reply.body) == (200, {"message": "Successfully Extended!"})
    (after,) = (await ada.request("GET", "/webhook")).body["keys"]
    assert after["expiration"] > before["expiration"]


@pytest.mark.parametrize(
    "order",
    [
        {},
        {"name": ""},
        {"name": "a\0"},
        {"name": "a", "expiration": None},
        {"name": "a", "expiration": {"interval": "eons"}},
    ],
)
async def test_a_key_that_is_ordered_wrongly_is_not_made(order: dict[str, Any], ada: Client) -> None:
    assert (await ada.request("POST", "/webhook/generate-key", json=order)).status == 422


async def test_ids_that_no_database_would_take_are_refused(ada: Client) -> None:
    longer = {"count": 1, "interval": "days"}
    assert (await ada.request("PATCH", "/webhook/extend/%00", json=longer)).status == 422
    assert (await ada.request("DELETE", "/webhook/delete", json={"ids": ["a\0"]})).status == 422


async def test_webhooks_are_described_with_where_their_key_goes(ada: Client) -> None:
    api = (await ada.request("GET", "/openapi.json")).body
    operation = api["paths"]["/webhook/walker/by_query"]["post"]
    ((scheme, _),) = operation["security"][0].items()
    assert api["components"]["securitySchemes"][scheme] == {
        "type": "apiKey",
        "in": "query",
        "name": "service_key",
    }
    assert operation["tags"] == ["Webhook Walker APIs"]
    assert "/walker/by_query" not in api["paths"]
