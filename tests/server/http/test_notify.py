"""What other services tell those who are connected: over REST, with an API key."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from tests.server.conftest import Serve
from walkwire.account.service import create_key, revoke_key
from walkwire.brokers.memory import MemoryBroker
from walkwire.errors import StartError, Unreached
from walkwire.server.socket.loopback import Loopback
from walkwire.store import Store
from walkwire.wire.door import NOBODY, Call, SignIn
from walkwire.wire.hub import Hub
from walkwire.wire.wire import Wire

ANN = "a" * 24
Open = Callable[..., Loopback]


@pytest.fixture
def http(serve: Serve) -> httpx.AsyncClient:
    return serve()


@pytest.fixture
def key(store: Store) -> dict[str, str]:
    return {"Authorization": f"Bearer {create_key(store, 'shop').text}"}


@pytest.fixture
def connect(wire: Wire) -> Open:
    """A client of this server, in memory."""

    async def dispatch(call: Call) -> bytes:
        raise AssertionError

    async def authenticate(token: str | None) -> SignIn:
        return SignIn(ANN) if token else NOBODY

    door = wire.door(dispatch, authenticate, lambda origin, host: True)
    return lambda token=None, channel=None: Loopback(door, token, channel)


async def test_users_channels_and_clients_are_told_the_very_bytes(
    http: httpx.AsyncClient, key: dict[str, str], connect: Open
) -> None:
    async with connect("ann", "lobby") as ann, connect(None, "lobby") as eve:
        client_id = (await eve.receive())["data"]["client_id"]
        await ann.receive()
        for kind, target, heard in (
            ("users", f"n::{ANN}", [ann]),
            ("channels", "lobby", [ann, eve]),
            ("clients", client_id, [eve]),
        ):
            body = f'{{"targets": ["{target}", "{target}"], "data": {{"n":  1.50, "o": "\\u00e9"}}}}'
            response = await http.post(f"/notify/{kind}", content=body, headers=key)
            assert (response.status_code, response.json()) == (200, {"message": "Successfully Notified!"})
            for socket in heard:
                assert await socket.receive_bytes() == b'{"n":  1.50, "o": "\\u00e9"}'
        assert await ann.quiet() == await eve.quiet() == []


async def test_the_key_may_come_in_a_header_of_its_own(http: httpx.AsyncClient, key: dict[str, str]) -> None:
    text = key["Authorization"].removeprefix("Bearer ")
    response = await http.post(
        "/notify/channels", json={"targets": ["a"], "data": None}, headers={"X-API-Key": text}
    )
    assert response.status_code == 200


@pytest.mark.parametrize(
    ("headers", "status", "detail"),
    [
        ({}, 403, "Not authenticated"),
        ({"Authorization": "Basic wk_x"}, 403, "Not authenticated"),
        ({"Authorization": "Bearer wk_wrong"}, 401, "Unauthorized"),
        ({"Authorization": "Bearer eyJhbGciOiJIUzI1NiJ9.e30.x"}, 401, "Unauthorized"),
        ({"X-API-Key": "wk_wrong"}, 401, "Unauthorized"),
    ],
)
async def test_without_a_good_key_nobody_is_told(
    headers: dict[str, str], status: int, detail: str, http: httpx.AsyncClient, key: dict[str, str]
) -> None:
    response = await http.post("/notify/channels", json={"targets": ["lobby"], "data": {}}, headers=headers)
    assert (response.status_code, response.json()) == (status, {"detail": detail})


async def test_a_revoked_key_is_refused_at_once(
    http: httpx.AsyncClient, key: dict[str, str], store: Store
) -> None:
    body = {"targets": ["lobby"], "data": {}}
    assert (await http.post("/notify/channels", json=body, headers=key)).status_code == 200
    revoke_key(store, "shop")
    assert (await http.post("/notify/channels", json=body, headers=key)).status_code == 401


async def test_a_users_token_is_no_key(http: httpx.AsyncClient, bearer: Callable[..., object]) -> None:
    response = await http.post("/notify/users", json={"targets": [ANN], "data": {}}, headers=await bearer())
    assert response.status_code == 401


@pytest.mark.parametrize(
    ("body", "kind", "place"),
    [
        (b"", "json_invalid", ["body"]),
        (b"{", "json_invalid", ["body"]),
        (b'{"targets":["a"],"data":"\xff"}', "json_invalid", ["body"]),
        (b'{"targets":["a"],"data":' + b"[" * 70 + b"]" * 70 + b"}", "json_invalid", ["body"]),
        (b"{}", "missing", ["body", "targets"]),
        (b'{"targets":["a"]}', "missing", ["body", "data"]),
        (b'{"targets":[],"data":1}', "too_short", ["body", "targets"]),
        (b'{"targets":"a","data":1}', "list_type", ["body", "targets"]),
        (b'{"targets":[1],"data":1}', "string_type", ["body", "targets", 0]),
        (b'{"targets":[' + b'"a",' * 1000 + b'"a"],"data":1}', "too_long", ["body", "targets"]),
    ],
)
async def test_a_body_that_does_not_fit_is_told_in_fastapis_form(
    body: bytes, kind: str, place: list[str | int], http: httpx.AsyncClient, key: dict[str, str]
) -> None:
    response = await http.post("/notify/channels", content=body, headers=key)
    assert response.status_code == 422, response.text
    detail = response.json()["detail"][0]
    assert (detail["type"], detail["loc"]) == (kind, place)


async def test_a_root_that_is_none_is_refused_before_anybody_is_told(
    http: httpx.AsyncClient, key: dict[str, str], connect: Open
) -> None:
    async with connect("ann") as ann:
        await ann.receive()
        response = await http.post(
            "/notify/users", json={"targets": [ANN, "nobody"], "data": {}}, headers=key
        )
        assert response.status_code == 400
        assert await ann.quiet() == []


async def test_a_service_learns_that_other_servers_were_not_told(
    http: httpx.AsyncClient, key: dict[str, str], hub: Hub, monkeypatch: pytest.MonkeyPatch, connect: Open
) -> None:
    def refuse(self: MemoryBroker, topic: str, message: bytes) -> None:
        raise Unreached

    monkeypatch.setattr(MemoryBroker, "publish", refuse)
    async with connect("ann") as ann:
        await ann.receive()
        response = await http.post("/notify/users", json={"targets": [ANN], "data": {"n": 1}}, headers=key)
        sentence = "Only those on this server were told: the others cannot be reached at the moment."
        assert (response.status_code, response.json()) == (503, {"detail": {"error": sentence}})
        assert response.headers["retry-after"] == "1"
        assert await ann.receive() == {"n": 1}


async def test_openapi_tells_of_it(http: httpx.AsyncClient) -> None:
    shown = (await http.get("/openapi.json")).json()
    operation = shown["paths"]["/notify/users"]["post"]
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    assert set(schema["properties"]) == {"targets", "data"}
    assert operation["security"] == [{"API key": []}]
    assert shown["components"]["securitySchemes"]["API key"]["name"] == "X-API-Key"


def test_a_name_is_used_once_and_is_a_plain_word(store: Store) -> None:
    made = create_key(store, "cron")
    assert made.text.startswith("wk_")
    assert made.text not in repr(store.services())
    with pytest.raises(StartError, match="There is a key 'cron' already"):
        create_key(store, "cron")
    with pytest.raises(StartError, match="A key's name has 1 to 64 letters"):
        create_key(store, "two words")
    with pytest.raises(StartError, match="There is no key 'shop'"):
        revoke_key(store, "shop")
    revoke_key(store, "cron")
    assert store.services() == []
