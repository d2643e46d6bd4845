"""Attacks on what browsers send by themselves: cookies, origins and hosts; and on tokens that stand where they can leak."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from tests.databases import postgres
from tests.serving import PASSWORD, PATIENCE, PUBLIC_ROOT, Person, Server, client
from walkwire.account.auth import Caller
from walkwire.account.ticket import LIFETIME, Tickets

PROGRAM = Path(__file__).parent / "programs" / "front.py"
SECRET = "a secret for tests, of 32 bytes or more"
NAME = "__Host-walkwire_token"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One in production."""
    folder = tmp_path_factory.mktemp("browsers")
    with Server(PROGRAM, folder, "--production", token_secret=SECRET) as made:
        yield made


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One in development."""
    with Server(PROGRAM, tmp_path_factory.mktemp("local"), token_secret=SECRET) as made:
        yield made


@pytest.fixture
async def ada(server: Server) -> Person:
    return await server.person("ada")


async def log_in(server: Server, person: Person) -> tuple[dict[str, str], str]:
    """A log-in with a cookie: the headers of a browser that has it, and the value for X-CSRF-Token."""
    account = {"email": person.email, "password": PASSWORD, "cookie": True}
    answer = await server.request("POST", "/user/login", json=account)
    assert answer.status_code == 200, answer.text
    jar = SimpleCookie()
    for value in answer.headers.get_list("set-cookie"):
        jar.load(value)
    shown = "; ".join(f"{name}={morsel.value}" for name, morsel in jar.items())
    return {"Cookie": shown}, answer.json()["csrf_token"]


async def ask(
    server: Server, method: str, path: str, headers: dict[str, str], **options: Any
) -> httpx.Response:
    async with client(base_url=server.url) as http:
        return await http.request(method, path, headers=headers, **options)


async def dial(
    server: Server, query: str = "", headers: dict[str, str] | None = None, offered: tuple[str, ...] = ()
) -> tuple[ClientConnection, str]:
    """An open socket, and the root that it is told."""
    socket = await connect(
        f"{server.socket_url}{query}",
        additional_headers=headers,
        subprotocols=[Subprotocol(each) for each in offered] or None,
        proxy=None,
        open_timeout=PATIENCE,
    )
    async with asyncio.timeout(PATIENCE):
        root = json.loads(await socket.recv())["data"]["root_id"]
    return socket, root


async def root_of(server: Server, query: str = "", **options: Any) -> str:
    socket, root = await dial(server, query, **options)
    await socket.close()
    return root


async def closing_of(server: Server, query: str = "", **options: Any) -> tuple[int, str]:
    with pytest.raises(ConnectionClosed) as closed:
        await dial(server, query, **options)
    assert closed.value.rcvd is not None
    return closed.value.rcvd.code, json.loads(closed.value.rcvd.reason)["reason"]


async def ticket(server: Server, person: Person) -> str:
    answer = await server.post("/user/ticket", token=person.token)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert 0 < answer.json()["expiration"] - time.time() <= LIFETIME
    return str(answer.json()["ticket"])


# The cookie, over REST


async def test_a_log_in_by_cookie_shows_its_token_to_no_script(server: Server, ada: Person) -> None:
    account = {"email": ada.email, "password": PASSWORD}
    answer = await server.post("/user/login", account | {"cookie": True})
    assert set(answer.json()) == {"csrf_token", "user"}
    (token,) = [each for each in answer.headers.get_list("set-cookie") if each.startswith(f"{NAME}=")]
    assert {"HttpOnly", "Secure", "Path=/", "SameSite=lax"} <= {part.strip() for part in token.split(";")}
    assert "Domain" not in token
    assert token.split(";")[0].partition("=")[2] not in answer.text
    plain = await server.post("/user/login", account)
    assert set(plain.json()) == {"token", "user"}
    assert "set-cookie" not in plain.headers


async def test_a_strangers_page_cannot_make_a_browser_change_anything(server: Server, ada: Person) -> None:
    cookie, csrf = await log_in(server, ada)
    _, of_another = await log_in(server, await server.person("bob"))
    for wrong in ({}, {"X-CSRF-Token": ""}, {"X-CSRF-Token": of_another}, {"X-CSRF-Token": csrf[:-1]}):
        for path in ("/walker/write", "/user/ticket", "/user/change_password"):
            change = {"old_password": PASSWORD, "new_password": "eve's"}
            answer = await ask(server, "POST", path, cookie | wrong, json=change)
            assert answer.status_code == 403, (path, answer.text)
            assert "X-CSRF-Token" in answer.json()["detail"]["error"]
    answer = await ask(server, "POST", "/user/ticket", cookie | {"X-CSRF-Token": csrf})
    assert answer.status_code == 200


async def test_a_header_wins_over_the_cookie(server: Server, ada: Person) -> None:
    cookie, _ = await log_in(server, ada)
    bob = await server.person("bob")
    mine = await ask(server, "GET", "/util/traverse", cookie)
    theirs = await ask(server, "GET", "/util/traverse", cookie | {"Authorization": f"Bearer {bob.token}"})
    assert ada.root_id in mine.text
    assert bob.root_id in theirs.text
    for header, status in (("Bearer nonsense", 401), ("Basic YTpi", 403)):
        answer = await ask(server, "GET", "/util/traverse", cookie | {"Authorization": header})
        assert answer.status_code == status


async def test_a_link_on_another_site_opens_nothing_of_the_users(server: Server, ada: Person) -> None:
    cookie, _ = await log_in(server, ada)
    answer = await ask(server, "GET", "/util/traverse", cookie | {"Sec-Fetch-Site": "cross-site"})
    assert (answer.status_code, answer.json()) == (403, {"detail": "Not authenticated"})


async def test_a_strangers_page_cannot_log_its_visitor_in_as_the_stranger(
    server: Server, ada: Person
) -> None:
    account = {"email": ada.email, "password": PASSWORD, "cookie": True}
    answer = await ask(server, "POST", "/user/login", {"Origin": "https://eve.example"}, json=account)
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers
    as_text = {"Origin": "https://eve.example", "Content-Type": "text/plain"}
    answer = await ask(server, "POST", "/user/login", as_text, content=json.dumps(account))
    assert "set-cookie" not in answer.headers


async def test_a_new_password_ends_the_cookie_and_deletes_it(server: Server) -> None:
    eve = await server.user()
    cookie, csrf = await log_in(server, eve)
    change = {"old_password": PASSWORD, "new_password": "another one"}
    answer = await ask(server, "POST", "/user/change_password", cookie | {"X-CSRF-Token": csrf}, json=change)
    assert answer.status_code == 200
    assert [
        each
        for each in answer.headers.get_list("set-cookie")
        if f'{NAME}="";' in each and "Max-Age=0" in each
    ]
    assert (await ask(server, "GET", "/util/traverse", cookie)).status_code == 401
    assert await root_of(server, headers=cookie | {"Origin": server.url}) == PUBLIC_ROOT


# The cookie, over WebSockets


async def test_a_socket_by_cookie_is_opened_by_pages_that_may_and_by_no_others(
    server: Server, ada: Person
) -> None:
    cookie, _ = await log_in(server, ada)
    assert await root_of(server, headers=cookie | {"Origin": server.url}) == ada.root_id
    assert await root_of(server, headers=cookie) == PUBLIC_ROOT
    for origin in ("https://eve.example", "null", f"{server.url}.eve.example"):
        code, _ = await closing_of(server, headers=cookie | {"Origin": origin})
        assert code == 4003
    plain = {"Cookie": f"walkwire_token={ada.token}", "Origin": server.url}  # a neighbour may plant this one
    assert await root_of(server, headers=plain) == PUBLIC_ROOT


# Subprotocols


@pytest.mark.parametrize("compression", ["false", "true"])
async def test_a_token_as_subprotocol_is_never_sent_back(compression: str, tmp_path: Path) -> None:
    with Server(PROGRAM, tmp_path, "--production", token_secret=SECRET, compression=compression) as server:
        ada = await server.user()
        offered = ("walkwire.v1", f"bearer.{ada.token}")
        for order in (offered, offered[::-1]):
            socket, root = await dial(server, offered=order)
            assert root == ada.root_id
            assert socket.subprotocol == "walkwire.v1"
            assert socket.response is not None
            assert ada.token not in str(socket.response.headers)
            await socket.close()
        for unknown in ((f"bearer.{ada.token}",), ("walkwire.v9", f"bearer.{ada.token}")):
            socket, root = await dial(server, offered=unknown)
            assert (root, socket.subprotocol) == (PUBLIC_ROOT, None)
            await socket.close()
        assert await root_of(server, offered=("walkwire.v1", "bearer.nonsense")) == PUBLIC_ROOT
        assert ada.token not in server.log.read_text()


# Tickets


async def test_a_ticket_opens_one_socket(server: Server, ada: Person) -> None:
    text = await ticket(server, ada)
    assert await root_of(server, f"?ticket={text}&channel_id=a") == ada.root_id
    assert await root_of(server, f"?ticket={text}") == PUBLIC_ROOT
    assert (await server.request("GET", "/util/traverse", token=text)).status_code == 401
    assert await root_of(server, f"?ticket={ada.token}") == PUBLIC_ROOT
    assert (await server.post("/user/ticket")).status_code == 403


async def test_a_ticket_counts_once_on_all_servers(tmp_path: Path) -> None:
    with postgres() as url:
        settings = {"token_secret": SECRET, "database": url, "database_pool": "8"}
        (tmp_path / "b").mkdir()
        with (
            Server(PROGRAM, tmp_path, "--production", **settings) as one,
            Server(PROGRAM, tmp_path / "b", "--production", **settings) as two,
        ):
            ada = await one.user()
            for _ in range(5):
                text = await ticket(one, ada)
                roots = await asyncio.gather(
                    *(root_of(server, f"?ticket={text}") for server in (one, two) * 4)
                )
                assert sorted(roots) == sorted([ada.root_id] + [PUBLIC_ROOT] * 7)


async def test_a_ticket_that_expired_opens_a_public_socket(server: Server, ada: Person) -> None:
    caller = Caller(ada.root_id.removeprefix("n::"), "0" * 24)

    def made(age: float) -> str:
        nothing: Any = None
        tickets = Tickets(nothing, _Silent(), nothing, SECRET.encode(), lambda: time.time() - age)
        return tickets.make(caller).text

    assert await root_of(server, f"?ticket={made(LIFETIME + 1)}") == PUBLIC_ROOT
    assert await root_of(server, f"?ticket={made(0)}") == ada.root_id


async def test_a_ticket_of_a_changed_password_opens_a_public_socket(server: Server) -> None:
    eve = await server.user()
    text = await ticket(server, eve)
    change = {"old_password": PASSWORD, "new_password": "another one"}
    assert (await server.post("/user/change_password", change, eve.token)).status_code == 200
    assert await root_of(server, f"?ticket={text}") == PUBLIC_ROOT


# Tokens in the query


async def test_production_refuses_a_token_in_the_query_and_says_what_to_do(
    server: Server, ada: Person
) -> None:
    code, reason = await closing_of(server, f"?auth={ada.token}")
    assert code == 4003
    assert "/user/ticket" in reason


async def test_development_takes_a_token_in_the_query_and_warns_once(tmp_path: Path) -> None:
    with Server(PROGRAM, tmp_path, token_secret=SECRET) as local:
        ada = await local.user()
        assert await root_of(local, f"?auth={ada.token}&channel_id=a") == ada.root_id
        assert await root_of(local, f"?auth=Bearer%20{ada.token}") == ada.root_id
        assert await root_of(local, "?auth=nonsense") == PUBLIC_ROOT
        log = local.log.read_text()
        assert log.count("/user/ticket") == 1
        assert ada.token not in log


# Hosts and proxies


async def refused_upgrade(server: Server, headers: dict[str, str]) -> tuple[int, str]:
    lines = [
        "GET /websocket HTTP/1.1",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
    ]
    lines += [
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write("\r\n".join([*lines, "", ""]).encode())
    async with asyncio.timeout(PATIENCE):
        head = await reader.readuntil(b"\r\n\r\n")
        status = int(head.split()[1])
        body = await reader.read() if status != 101 else b""
    writer.close()
    return status, json.loads(body)["detail"]["error"] if body else ""


@pytest.mark.parametrize("host", ["rebound.example", "rebound.example:8000", "192.168.1.5"])
async def test_development_is_not_reached_by_a_rebound_name(host: str, local: Server) -> None:
    for method, path in (("POST", "/walker/buy"), ("GET", "/openapi.json"), ("POST", "/user/login")):
        answer = await ask(local, method, path, {"Host": host}, json={})
        assert answer.status_code == 421
        assert "--production" in answer.json()["detail"]["error"]
        assert "DEV_HOSTS" in answer.json()["detail"]["error"]
    assert (await ask(local, "GET", "/healthz/ready", {"Host": host})).status_code == 200
    status, sentence = await refused_upgrade(local, {"Host": host})
    assert (status, "--production" in sentence) == (421, True)
    status, _ = await refused_upgrade(
        local, {"Host": host, "X-Twice": "a", "x-twice": "b"}
    )  # not the usual way in
    assert status == 421


async def test_development_behind_a_proxy_refuses_and_names_production(tmp_path: Path) -> None:
    proxied = {"X-Forwarded-For": "192.0.2.1"}
    with Server(PROGRAM, tmp_path, token_secret=SECRET) as local:
        for _ in range(3):
            answer = await ask(local, "POST", "/walker/buy", proxied, json={})
            assert answer.status_code == 403
            assert "--production" in answer.json()["detail"]["error"]
            status, sentence = await refused_upgrade(local, {"Host": "localhost", "Via": "1.1 proxy"})
            assert (status, "--production" in sentence) == (403, True)
        assert local.log.read_text().count("a proxy forwarded this request") == 1
    with Server(
        PROGRAM, tmp_path, token_secret=SECRET, trusted_proxies="127.0.0.1", dev_hosts="me.example"
    ) as local:
        answer = await ask(local, "POST", "/walker/buy", proxied | {"Host": "me.example"}, json={})
        assert answer.status_code == 200
        status, _ = await refused_upgrade(local, proxied | {"Host": "me.example"})
        assert status == 101


async def test_production_serves_the_hosts_that_are_named_and_no_others(tmp_path: Path) -> None:
    with Server(PROGRAM, tmp_path, "--production", token_secret=SECRET, hosts="shop.example") as server:
        for host, status in (("shop.example", 200), ("SHOP.example:443", 200), ("rebound.example", 421)):
            assert (await ask(server, "POST", "/walker/buy", {"Host": host}, json={})).status_code == status
        assert (await refused_upgrade(server, {"Host": "rebound.example"}))[0] == 421
        assert (await refused_upgrade(server, {"Host": "shop.example"}))[0] == 101
        assert (await ask(server, "GET", "/healthz", {"Host": "10.0.0.7"})).status_code == 200
        with pytest.raises(InvalidStatus):
            await dial(server)


async def test_no_secret_of_all_this_is_in_the_log(server: Server, ada: Person) -> None:
    cookie, csrf = await log_in(server, ada)
    text = await ticket(server, ada)
    await root_of(server, f"?ticket={text}")
    await ask(server, "POST", f"/user/ticket?ticket={text}&auth={ada.token}", cookie, content=b"{")
    log = server.log.read_text()
    for secret in (csrf, text, ada.token, cookie["Cookie"]):
        assert secret not in log


class _Silent:
    ask: Any = None
