"""Tokens against thieves, on a real server: what a stolen, an ended and an expired one is good for, over REST and on sockets."""

from __future__ import annotations

import asyncio
import base64
import json
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import jwt
import pytest

from tests.serving import PASSWORD, PUBLIC_ROOT, Server, Socket, client, run

SECRET = "a secret for tests, long enough to sign with"
GRACE = 30  # seconds
PROGRAM = """
from walkwire import Root, Walker, on_entry


class who(Walker):
    class __specs__:
        methods = ["post", "websocket"]

    @on_entry
    def tell(self, here: Root) -> None:
        self.report("signed in")
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("tokens")
    (made / "program.py").write_text(PROGRAM)
    return made


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Server]:
    with Server(folder / "program.py", folder, token_secret=SECRET) as started:
        yield started


class Thief:
    """Somebody who has what another's log-in gave."""

    def __init__(self, server: Server, email: str, given: dict[str, Any]) -> None:
        self.server, self.email, self.given = server, email, given

    @property
    def token(self) -> str:
        return str(self.given["token"])

    async def refresh(self, text: str | None = None) -> dict[str, Any] | None:
        answer = await self.server.post(
            "/user/refresh", {"refresh_token": text or self.given["refresh_token"]}
        )
        assert answer.status_code in (200, 401), answer.text
        return dict(answer.json()) if answer.status_code == 200 else None

    async def log_out(self, path: str = "logout") -> None:
        assert (await self.server.post(f"/user/{path}", None, self.token)).status_code == 200

    async def has(self, token: str | None = None) -> list[bool]:
        """Whether a token counts: over REST, on a socket that shows it as it opens, and on one that shows it later."""
        token = token or self.token
        status = (await self.server.post("/walker/who", {}, token)).status_code
        assert status in (200, 401)
        async with self.server.connect(token) as at_once, self.server.connect() as later:
            changed = await later.ask({"type": "change_user", "token": token})
            return [status == 200, at_once.root_id != PUBLIC_ROOT, changed["data"]["root_id"] != PUBLIC_ROOT]


async def logged_in(server: Server, email: str | None = None, **more: Any) -> Thief:
    email = email or (await server.user()).email
    answer = await server.post("/user/login", {"email": email, "password": PASSWORD, **more})
    assert answer.status_code == 200, answer.text
    return Thief(server, email, answer.json())


async def is_signed_in(socket: Socket) -> bool:
    """Whether a socket is a user's, and its walkers run."""
    ask = {"type": "connection"}
    root = (await socket.ask(ask))["data"]["root_id"]
    answer = await socket.ask({"type": "walker", "walker": "who", "response": True})
    if (await socket.ask(ask))["data"]["root_id"] != root:  # it was signed out between the questions
        return False
    assert ("reports" in answer) is (root != PUBLIC_ROOT)
    return bool(root != PUBLIC_ROOT)


async def until_signed_out(socket: Socket) -> float:
    while await is_signed_in(socket):  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(0.01)
    return time.time()


def let_time_pass(folder: Path, email: str, seconds: float) -> None:
    """Make a user's sessions so much older than they are."""
    with closing(sqlite3.connect(folder / "walkwire.db", timeout=20)) as database, database:
        database.execute(
            "UPDATE sessions SET renewed = renewed - ?"
            " WHERE root_id = (SELECT root_id FROM users WHERE email = ?)",
            (seconds, email),
        )


ALL, NONE = [True] * 3, [False] * 3


async def test_a_stolen_refresh_token_that_the_thief_uses_first_ends_both(
    server: Server, folder: Path
) -> None:
    owner = await logged_in(server, refresh=True)
    stolen = await owner.refresh()
    assert stolen is not None
    async with server.connect(stolen["token"]) as socket:
        assert await is_signed_in(socket)
        let_time_pass(folder, owner.email, GRACE + 1)
        assert await owner.refresh() is None, "the owner's client has to log in again"
        await until_signed_out(socket)
    assert await owner.refresh(stolen["refresh_token"]) is None
    assert [await owner.has(), await owner.has(stolen["token"])] == [NONE, NONE]
    assert await (await logged_in(server, owner.email)).has() == ALL


async def test_a_stolen_refresh_token_that_the_owner_used_before_is_worth_nothing(server: Server) -> None:
    owner = await logged_in(server, refresh=True)
    second = await owner.refresh()
    assert second is not None
    third = await owner.refresh(second["refresh_token"])
    assert third is not None
    assert await owner.refresh() is None
    assert await owner.refresh(third["refresh_token"]) is None
    assert await owner.has(third["token"]) == NONE


async def test_two_that_share_a_refresh_token_within_the_grace_are_found_out_at_the_next_refresh(
    server: Server, folder: Path
) -> None:
    owner = await logged_in(server, refresh=True)
    mine, stolen = await owner.refresh(), await owner.refresh()
    assert mine is not None
    assert stolen is not None
    assert mine["refresh_token"] == stolen["refresh_token"], "the thief gets no line of his own"
    assert await owner.refresh(mine["refresh_token"]) is not None
    let_time_pass(folder, owner.email, GRACE + 1)
    assert await owner.refresh(stolen["refresh_token"]) is None
    assert await owner.has(mine["token"]) == NONE


async def test_a_refresh_token_is_no_access_token_and_an_access_token_no_refresh_token(
    server: Server,
) -> None:
    owner = await logged_in(server, refresh=True)
    assert await owner.has(owner.given["refresh_token"]) == NONE
    assert await owner.refresh(owner.token[:128]) is None
    assert (await server.post("/user/refresh", {"refresh_token": owner.token})).status_code == 422
    assert (await server.post("/user/logout", None, owner.given["refresh_token"])).status_code == 401
    assert await owner.has() == ALL


async def test_after_a_log_out_the_token_is_worth_nothing_anywhere_and_others_are_untouched(
    server: Server,
) -> None:
    for more in ({}, {"refresh": True}):
        owner = await logged_in(server, **more)
        other = await logged_in(server, owner.email, **more)
        async with server.connect(owner.token) as socket, server.connect(other.token) as others:
            await owner.log_out()
            assert not await is_signed_in(socket)
            assert await is_signed_in(others)
        assert [await owner.has(), await other.has()] == [NONE, ALL]


async def test_a_token_of_before_is_worth_nothing_after_a_refresh_and_a_log_out(server: Server) -> None:
    owner = await logged_in(server, refresh=True)
    renewed = await owner.refresh()
    assert renewed is not None
    async with server.connect(owner.token) as first, server.connect(renewed["token"]) as second:
        await owner.log_out()
        assert [await is_signed_in(socket) for socket in (first, second)] == [False, False]
    assert [await owner.has(), await owner.has(renewed["token"])] == [NONE, NONE]
    assert await owner.refresh(renewed["refresh_token"]) is None


async def test_a_log_out_survives_a_restart(folder: Path, tmp_path: Path) -> None:
    with Server(folder / "program.py", tmp_path, token_secret=SECRET) as server:
        owner = await logged_in(server)
        other = await logged_in(server, owner.email)
        await owner.log_out()
    with Server(folder / "program.py", tmp_path, token_secret=SECRET) as server:
        owner.server = other.server = server
        assert [await owner.has(), await other.has()] == [NONE, ALL]


async def test_a_log_out_of_all_reaches_sockets_that_are_opened_meanwhile(server: Server) -> None:
    owner = await logged_in(server)
    others = [await logged_in(server, owner.email, refresh=number % 2 == 0) for number in range(4)]
    sockets: list[Socket] = []
    is_over = False

    async def open_sockets(one: Thief) -> None:
        while not is_over:
            socket = server.connect(one.token)
            sockets.append(await socket.__aenter__())
            await asyncio.sleep(0.005)

    opening = [asyncio.create_task(open_sockets(one)) for one in others]
    while len(sockets) < 8:  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(0.005)
    await owner.log_out("logout-all")
    is_over = True
    await asyncio.gather(*opening)
    try:
        assert not any([await is_signed_in(socket) for socket in sockets])
    finally:
        await asyncio.gather(*(socket.wire.close() for socket in sockets))
    assert [await one.has() for one in (owner, *others)] == [NONE] * 5
    assert [await one.refresh() for one in others[::2]] == [None, None]


async def test_a_log_out_is_asked_by_its_bearer_only(server: Server) -> None:
    ada, eve = await logged_in(server, refresh=True), await logged_in(server, refresh=True)
    session = json.loads(base64.urlsafe_b64decode(ada.token.split(".")[1] + "=="))["sid"]
    for text in (f"wr_{session}{'A' * 51}", f"wr_{session:A<32}{eve.given['refresh_token'][-43:]}"):
        answer = await server.post("/user/logout", {"refresh_token": text})
        assert answer.status_code == 200, "whether there is such a session is not told"
        assert await eve.refresh(text) is None
    forged = jwt.encode(
        {"sub": "x", "root": "x", "tokens": 0, "exp": int(time.time()) + 60, "sid": session}, "e" * 32
    )
    assert (await server.post("/user/logout", None, forged)).status_code == 401
    assert await ada.has() == ALL
    assert await ada.refresh() is not None


async def test_a_token_that_names_a_session_of_the_wrong_form_is_refused(server: Server) -> None:
    owner = await logged_in(server)
    claims = jwt.decode(owner.token, SECRET, ["HS256"])
    for session in (None, 5, ["x"], {}):
        assert await owner.has(jwt.encode(claims | {"sid": session}, SECRET)) == NONE


def lasting(owner: Thief, seconds: int) -> tuple[str, int]:
    """A token of the owner that expires so soon, and when."""
    expires = int(time.time()) + seconds
    return jwt.encode(jwt.decode(owner.token, SECRET, ["HS256"]) | {"exp": expires}, SECRET), expires


@asynccontextmanager
async def soon_expired(
    owner: Thief, query: str = "", by_event: bool = False
) -> AsyncIterator[tuple[Socket, int]]:
    """A socket that was signed in by a token that expires in two seconds, or later on a machine that is too busy for that."""
    for seconds in (2, 4, 8, 16):
        token, expires = lasting(owner, seconds)
        async with Socket(owner.server.socket_url + query, None if by_event else token) as socket:
            if by_event:
                await socket.ask({"type": "change_user", "token": token})
            if await is_signed_in(socket) and time.time() < expires - 1:
                yield socket, expires
                return
    raise AssertionError("no socket could be opened in time")


@pytest.mark.parametrize("by_event", [False, True])
async def test_an_expired_token_signs_open_sockets_out_within_a_second(
    by_event: bool, server: Server
) -> None:
    owner = await logged_in(server)
    async with soon_expired(owner, by_event=by_event) as (socket, expires):
        ended = await until_signed_out(socket)
        assert expires <= ended < expires + 1 + 1.5  # and some for a machine on which others are at work
    assert await owner.has(lasting(owner, 0)[0]) == NONE
    assert await owner.has() == ALL


async def test_another_token_in_time_keeps_a_socket_signed_in(server: Server) -> None:
    owner = await logged_in(server, refresh=True)
    async with soon_expired(owner) as (socket, expires):
        renewed = await owner.refresh()
        assert renewed is not None
        await socket.ask({"type": "change_user", "token": renewed["token"]})
        while time.time() < expires + 0.5:  # noqa: ASYNC110 - the old one has expired
            await asyncio.sleep(0.05)
        assert await is_signed_in(socket)


async def test_a_client_that_asked_is_told_before(server: Server) -> None:
    owner = await logged_in(server)
    token, expires = lasting(owner, 30)
    told = {"type": "expiring", "data": {"expiration": expires}}
    async with Socket(f"{server.socket_url}?expiring=60", token) as socket:
        assert await socket.hear() == told
    async with server.connect() as socket:
        await socket.say({"type": "change_user", "token": token, "expiring": 60})
        assert [(await socket.hear())["type"], await socket.hear()] == ["connection", told]
    async with server.connect(token) as socket:
        assert await socket.settle() == [], "who did not ask is not told"


async def test_lifetimes_are_those_of_the_settings(folder: Path, tmp_path: Path) -> None:
    times = {"token_seconds": "60", "access_seconds": "30", "refresh_seconds": "600"}
    with Server(folder / "program.py", tmp_path, token_secret=SECRET, **times) as server:
        now = int(time.time())
        plain, short = await logged_in(server), await logged_in(server, refresh=True)
        ends = [
            plain.given["user"]["expiration"],
            short.given["user"]["expiration"],
            short.given["refresh_expiration"],
        ]
        passed = time.time() - now
        assert all(
            0 <= end - now - seconds <= passed for end, seconds in zip(ends, (60, 30, 600), strict=True)
        )
        for given in (plain.given, short.given):
            claims = jwt.decode(given["token"], SECRET, ["HS256"])
            assert claims["exp"] == given["user"]["expiration"]


async def test_the_log_and_the_database_have_no_refresh_token(server: Server, folder: Path) -> None:
    owner = await logged_in(server, refresh=True)
    assert await owner.refresh() is not None
    let_time_pass(folder, owner.email, GRACE + 1)
    assert await owner.refresh() is None
    text = owner.given["refresh_token"]
    told = server.log.read_text()
    assert "was used again" in told
    kept = await asyncio.to_thread(
        lambda: b"".join(path.read_bytes() for path in folder.glob("walkwire.db*"))
    )
    for part in (text, text[3:35], text[-43:]):
        assert part not in told
        assert part.encode() not in kept


def test_a_lifetime_of_nothing_is_refused_at_the_start(folder: Path, tmp_path: Path) -> None:
    code, _, told = run("serve", str(folder / "program.py"), folder=tmp_path, WALKWIRE_TOKEN_SECONDS="0")
    assert code == 2
    assert "TOKEN_SECONDS" in told


async def test_refreshes_and_log_outs_of_strangers_are_answered_alike(server: Server) -> None:
    async with client(base_url=server.url) as http:
        answers = [
            await http.post("/user/refresh", json={"refresh_token": text}, headers={"X-Request-Id": "1"})
            for text in ("nonsense", "wr_" + "A" * 75, "wr_" + "B" * 75)
        ]
    assert {(answer.status_code, answer.text) for answer in answers} == {(401, '{"detail":"Unauthorized"}')}
