"""Accounts against strangers, through the front door of a real server: what a request may cost, guess and learn.

The comment of each test says what an earlier version let happen. Clients' addresses are those that a trusted proxy, which is the
test, says.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest

from tests.serving import PASSWORD, PUBLIC_ROOT, EarnestServer, Server, client, run
from walkwire.ids import new_id

SECRET = "a secret for tests, long enough to sign with"
PROGRAM = """
import time
from pathlib import Path

from walkwire import BaseUser, Node, Root, Walker, jid, on_entry


class User(BaseUser):
    @staticmethod
    def send_reset_code(code: str, email: str) -> None:
        while not Path("post is up").exists():
            time.sleep(0.01)


class Place(Node):
    pass


class hook(Walker):
    class __specs__:
        webhook = {}


class connect(Walker):
    @on_entry
    def make(self, here: Root) -> None:
        here.connect(Place())
        self.report([jid(edge) for edge in here.edges()])


class who(Walker):
    @on_entry
    def tell(self, here: Root) -> None:
        self.report(jid(here))
"""
PEM = """-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=
-----END PUBLIC KEY-----
"""
WRONG = "not the password"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("accounts")
    (made / "program.py").write_text(PROGRAM)
    return made


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Server]:
    """A server as developers have it."""
    with Server(folder / "program.py", folder, token_secret=SECRET, trusted_proxies="127.0.0.1") as started:
        yield started
        (folder / "post is up").touch()


@pytest.fixture
def public(folder: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server in production, which forgets its counts with each test."""
    settings = {"token_secret": SECRET, "trusted_proxies": "127.0.0.1", "metrics": "true"}
    kind = getattr(request, "param", Server)
    with kind(folder / "program.py", tmp_path, "--production", **settings) as started:
        yield started


earnest = pytest.mark.parametrize("public", [EarnestServer], indirect=True)


class Stranger:
    """A client with an address of its own."""

    def __init__(self, http: httpx.AsyncClient, address: str) -> None:
        self._http = http
        self._headers = {"X-Forwarded-For": address}

    async def post(self, path: str, **body: Any) -> httpx.Response:
        return await self._http.post(path, json=body, headers=self._headers)

    async def log_in(self, email: str, password: str = PASSWORD) -> httpx.Response:
        return await self.post("/user/login", email=email, password=password)

    async def log_in_often(self, email: str, times: int, password: str = WRONG) -> list[httpx.Response]:
        return await asyncio.gather(*(self.log_in(email, password) for _ in range(times)))


def new_email() -> str:
    return f"{secrets.token_hex(6)}@example.com"


def kinds(answers: list[httpx.Response]) -> set[tuple[int, str]]:
    return {(answer.status_code, answer.text) for answer in answers}


LIMITED = (429, '{"detail":{"error":"Too many attempts. Please try again later!"}}')
INVALID = (400, '{"message":"Invalid Email/Password!"}')


@pytest.mark.parametrize("path", ["login", "register", "forgot_password"])
async def test_a_long_address_is_measured_before_it_is_checked(path: str, server: Server) -> None:
    # Its check held all sockets: 5.2 s for 200 KB, 151 s for 1 MB.
    for email in ("a" * 200_000, "a@" + "b." * 500_000 + "com"):
        answer = await server.post(f"/user/{path}", {"email": email, "password": PASSWORD})
        assert answer.status_code == 422
        (problem,) = answer.json()["detail"]
        assert (problem["type"], problem["loc"]) == ("string_too_long", ["body", "email"])
        assert problem["ctx"] == {"max_length": 254}
        assert len(answer.content) < 1000


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/user/reset_password", {"code": "x" * 5000, "password": PASSWORD}),
        ("/user/reset_password", {"code": "x", "password": "x" * 1025}),
        ("/webhook/generate-key", {"name": "a", "walkers": ["x"] * 101}),
        ("/webhook/generate-key", {"name": "a", "nodes": ["x" * 201]}),
        ("/webhook/generate-key", {"name": "x" * 201}),
    ],
)
async def test_codes_passwords_and_names_have_bounds(path: str, body: dict[str, Any], server: Server) -> None:
    ada = await server.person("ada")
    answer = await server.post(path, body, ada.token)
    assert answer.status_code == 422
    assert len(answer.json()["detail"]) == 1


@pytest.mark.long
@earnest
async def test_one_client_that_logs_in_again_and_again_leaves_room_for_others(public: Server) -> None:
    # 560 log-ins of one client: a real one waited 69 s.
    ada = await public.user()
    async with client(base_url=public.url, limits=httpx.Limits(max_connections=200)) as http:
        crowd, real = Stranger(http, "203.0.113.5"), Stranger(http, "203.0.113.6")
        flood = asyncio.create_task(crowd.log_in_often(ada.email, 200))
        answer = await real.log_in(ada.email)
        assert answer.status_code in (
            200,
            429,
        )  # the account may be closed to addresses that it does not know
        answers = await flood
        assert kinds(answers) == {INVALID, LIMITED}
        assert sum(answer.status_code == 400 for answer in answers) <= 10
        refused = [answer for answer in answers if answer.status_code == 429]
        assert all(1 <= int(answer.headers["Retry-After"]) <= 900 for answer in refused)
        counted = refusals((await http.get("/metrics")).text)
        assert counted >= len(refused)


def refusals(metrics: str) -> float:
    (line,) = [
        line for line in metrics.splitlines() if line.startswith('walkwire_refusals_total{code="limited"}')
    ]
    return float(line.split()[-1])


@pytest.mark.long
@earnest
async def test_many_guessers_close_an_account_to_strangers_and_not_to_its_owner(public: Server) -> None:
    # 100 guessers at log-in: a real one waited 8.5 s; 550: it was refused as busy.
    ada = await public.user()
    async with client(base_url=public.url, limits=httpx.Limits(max_connections=200)) as http:
        home = Stranger(http, "203.0.113.6")
        assert (await home.log_in(ada.email)).status_code == 200
        guessers = [Stranger(http, f"198.51.100.{number}") for number in range(100)]
        answers = await asyncio.gather(*(one.log_in(ada.email, WRONG) for one in guessers))
        assert kinds(answers) == {INVALID, LIMITED}
        assert sum(answer.status_code == 400 for answer in answers) == 10
        right = await guessers[-1].log_in(ada.email)  # also with the right password
        assert (right.status_code, right.text) == LIMITED
        assert (await home.log_in(ada.email)).status_code == 200


async def test_an_address_has_thirty_failures_whichever_accounts_it_tries(public: Server) -> None:
    ada = await public.user()
    async with client(base_url=public.url) as http:
        stranger = Stranger(http, "2001:db8::1")
        answers = [await stranger.log_in(new_email()) for _ in range(30)]
        assert kinds(answers) == {INVALID}
        neighbour = Stranger(http, "2001:db8::2")  # one subscriber has the whole /64
        for one in (stranger, neighbour):
            answer = await one.log_in(ada.email)
            assert (answer.status_code, answer.text) == LIMITED
        assert (await Stranger(http, "2001:db8:0:1::1").log_in(ada.email)).status_code == 200


async def test_an_account_that_does_not_exist_is_refused_like_one_that_does(public: Server) -> None:
    ada = await public.user()
    seen = []
    async with client(base_url=public.url) as http:
        for number, email in enumerate((ada.email, new_email())):
            told = []
            for attempt in range(12):
                answer = await Stranger(http, f"198.51.{number}.{attempt}").log_in(email, WRONG)
                told.append((answer.status_code, answer.text, sorted(answer.headers)))
            seen.append(told)
    assert seen[0] == seen[1]
    assert [status for status, *_ in seen[0]] == [400] * 10 + [429] * 2


async def test_an_address_of_a_header_is_not_believed_from_anybody(folder: Path, tmp_path: Path) -> None:
    settings = {"token_secret": SECRET, "address_failures": "3", "production": "true"}
    async with client() as http:
        with Server(folder / "program.py", tmp_path, **settings) as server:
            answers = [
                await http.post(
                    f"{server.url}/user/login",
                    json={"email": new_email(), "password": WRONG},
                    headers={"X-Forwarded-For": f"198.51.100.{number}"},
                )
                for number in range(4)
            ]
    assert [answer.status_code for answer in answers] == [400, 400, 400, 429]


async def test_an_address_registers_so_many_users(folder: Path, tmp_path: Path) -> None:
    # Nothing bounded how many hashes and users one client could order.
    settings = {"token_secret": SECRET, "trusted_proxies": "127.0.0.1", "registrations": "2"}
    async with client() as http:
        with Server(folder / "program.py", tmp_path, **settings) as server:
            http.base_url = server.url
            one, other = Stranger(http, "192.0.2.1"), Stranger(http, "192.0.2.2")
            answers = [
                await one.post("/user/register", email=new_email(), password=PASSWORD) for _ in range(3)
            ]
            assert [answer.status_code for answer in answers] == [201, 201, 429]
            assert (
                await other.post("/user/register", email=new_email(), password=PASSWORD)
            ).status_code == 201


async def made_key(server: Server, token: str, name: str = "shop", **order: Any) -> dict[str, str]:
    answer = await server.post("/webhook/generate-key", {"name": name, **order}, token)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def called(server: Server, key: str, path: str = "") -> int:
    async with client(base_url=server.url, headers={"X-API-KEY": key}) as http:
        return (await http.post(f"/webhook/walker/hook{path}", json={})).status_code


async def test_a_webhook_key_ends_with_the_password(server: Server) -> None:
    # Keys outlived a changed password.
    ada = await server.user()
    key = (await made_key(server, ada.token))["key"]
    assert await called(server, key) == 200
    change = {"old_password": PASSWORD, "new_password": "another"}
    assert (await server.post("/user/change_password", change, ada.token)).status_code == 200
    assert await called(server, key) == 401


async def test_a_webhook_key_of_a_deactivated_user_is_refused(server: Server, folder: Path) -> None:
    # Keys outlived the deactivation of their user.
    ada = await server.user()
    key = (await made_key(server, ada.token))["key"]
    with closing(sqlite3.connect(folder / "walkwire.db", timeout=20)) as database, database:
        database.execute("UPDATE users SET is_activated = 0 WHERE email = ?", (ada.email,))
    assert await called(server, key) == 401


async def test_a_webhook_key_is_shown_once(server: Server) -> None:
    # Whoever had a token for a moment could read all keys.
    ada = await server.user()
    key = (await made_key(server, ada.token))["key"]
    listed = await server.request("GET", "/webhook", ada.token)
    (shown,) = listed.json()["keys"]
    assert key not in listed.text
    assert (len(shown["key"]), shown["key"][:-32], shown["key"][-4:]) == (len(key), key[:-32], key[-4:])
    assert await called(server, shown["key"]) == 401
    assert await called(server, key) == 200


async def test_a_webhook_key_for_roots_enters_no_edge(server: Server) -> None:
    # A bare edge has no class name either, and passed for a root.
    ada = await server.user()
    ((edge,),) = await server.walk("connect", ada.token)
    for name, nodes, status in (("any", [], 200), ("roots", ["root"], 403), ("edges", ["GenericEdge"], 200)):
        key = (await made_key(server, ada.token, name, nodes=nodes))["key"]
        assert await called(server, key, f"/{edge.rpartition(':')[2]}") == status
    assert await called(server, key) == 403


async def test_a_user_has_a_bounded_number_of_webhook_keys(server: Server) -> None:
    # Each call of a walker by key computed one HMAC for each key of the user, and nothing bounded those.
    ada = await server.user()
    async with client(base_url=server.url, headers={"Authorization": f"Bearer {ada.token}"}) as http:
        answers = [await http.post("/webhook/generate-key", json={"name": f"{n}"}) for n in range(101)]
    assert [answer.status_code for answer in answers] == [201] * 100 + [429]
    assert await called(server, answers[0].json()["key"]) == 200


async def test_a_webhook_key_that_is_extended_too_far_can_still_be_listed(server: Server) -> None:
    # Four extensions of a million days made the list a 500.
    ada = await server.user()
    key = await made_key(server, ada.token, expiration={"count": 1_000_000, "interval": "days"})
    longer = {"count": 1_000_000, "interval": "days"}
    for _ in range(4):
        answer = await server.request("PATCH", f"/webhook/extend/{key['id']}", ada.token, json=longer)
        assert answer.status_code == 200
    listed = await server.request("GET", "/webhook", ada.token)
    assert [shown["expiration"] for shown in listed.json()["keys"]] == ["9999-12-31T23:59:59"]
    assert await called(server, key["key"]) == 200


@pytest.mark.parametrize("is_file", [True, False])
def test_a_pem_file_as_secret_is_refused_at_the_start(is_file: bool, folder: Path, tmp_path: Path) -> None:
    # It was accepted, and each log-in failed when its token was signed.
    (tmp_path / "key.pem").write_text(PEM)
    setting = (
        {"WALKWIRE_TOKEN_SECRET_FILE": str(tmp_path / "key.pem")}
        if is_file
        else {"WALKWIRE_TOKEN_SECRET": PEM}
    )
    code, _, told = run("serve", str(folder / "program.py"), folder=tmp_path, **setting)
    assert code == 2
    assert "is a key or a certificate in PEM or SSH format" in told


@earnest
async def test_clients_that_go_away_during_the_first_log_ins_break_no_later_one(public: Server) -> None:
    # A caller that went while the stand-in hash was made broke all log-ins after it.
    ada = await public.user()
    body = json.dumps({"email": new_email(), "password": WRONG})
    for _ in range(3):
        _, writer = await asyncio.open_connection("127.0.0.1", public.port)
        head = f"POST /user/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
        writer.write(f"{head}\r\n\r\n{body}".encode())
        await writer.drain()
        writer.transport.abort()
    answer = await public.post("/user/login", {"email": ada.email, "password": PASSWORD})
    assert answer.status_code == 200
    assert "Traceback" not in public.log.read_text()


async def asked_for_codes(server: Server, emails: list[str]) -> bytes:
    """The answers to requests for codes on one connection, all sent at once."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    for number, email in enumerate(emails, 1):
        body = json.dumps({"email": email})
        close = "Connection: close\r\n" if number == len(emails) else ""
        head = f"POST /user/forgot_password HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{close}"
        writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode())
    said = await reader.read()
    writer.close()
    return said


async def test_a_lost_password_gets_the_same_answer_however_many_codes_wait(server: Server) -> None:
    # Codes for accounts fill the queue and others do not: `busy` told which is which.
    ada = await server.user()
    emails = [ada.email, *(f"{number}@example.com" for number in range(520)), ada.email]
    said = await asked_for_codes(server, emails[:1])
    parts = [emails[start : start + 13] for start in range(1, 521, 13)]
    said += b"".join(await asyncio.gather(*(asked_for_codes(server, part) for part in parts)))
    said += await asked_for_codes(server, emails[-1:])
    assert said.count(b"HTTP/1.1 200 OK") == len(emails)
    assert said.count(b'{"message":"Reset password email sent!"}') == len(emails)


async def test_a_client_asks_for_so_many_codes(public: Server) -> None:
    async with client(base_url=public.url) as http:
        stranger = Stranger(http, "192.0.2.1")
        answers = [await stranger.post("/user/forgot_password", email=new_email()) for _ in range(11)]
        assert [answer.status_code for answer in answers] == [200] * 10 + [429]
        other = Stranger(http, "192.0.2.2")
        assert (await other.post("/user/forgot_password", email=new_email())).status_code == 200


async def test_addresses_that_are_not_the_same_are_different_users(server: Server) -> None:
    # `ß@` and `ss@` were one by case-folding: whoever had one blocked the other.
    domain = f"{secrets.token_hex(6)}.example.com"
    people = [await server.user(f"{name}@{domain}") for name in ("ß", "ss")]
    assert people[0].root_id != people[1].root_id
    again = await server.post("/user/register", {"email": f"SS@{domain}", "password": PASSWORD})
    assert again.status_code == 409


@pytest.mark.parametrize("generation", [-1, 0, 1])
async def test_a_signed_token_of_an_absent_user_counts_for_nothing(generation: int, server: Server) -> None:
    # The generation that stands for nobody was accepted: its walks wrote below a root that is not there, again and again.
    claims = {"sub": new_id(), "root": new_id(), "tokens": generation, "exp": int(time.time()) + 600}
    token = jwt.encode(claims, SECRET, "HS256")
    for _ in range(2):
        answer = await server.post("/walker/who", {}, token)
        assert (answer.status_code, answer.json()) == (401, {"detail": "Unauthorized"})
        async with server.connect(token) as stranger:
            assert stranger.root_id == PUBLIC_ROOT


@pytest.mark.parametrize("claim", [{"root": ["a"]}, {"root": {"a": 1}}, {"root": 5}, {"tokens": "0"}])
async def test_a_signed_token_with_odd_claims_is_no_token(claim: dict[str, Any], server: Server) -> None:
    claims = {"sub": new_id(), "root": new_id(), "tokens": 0, "exp": int(time.time()) + 600} | claim
    answer = await server.post("/walker/who", {}, jwt.encode(claims, SECRET, "HS256"))
    assert answer.status_code == 401
