"""Revoking: a token ends on one server while it is shown on the others. How long does it count there?

It ends in one of `WAYS`. `python -m tests.cluster.revoking redis` measures that many times over.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import jwt

from tests.brokers.service import KINDS, Kind
from tests.cluster.cluster import TOKEN_SECRET, Cluster, cluster
from tests.serving import PASSWORD, PUBLIC_ROOT, Person, Server, Socket

PAUSE = 0.005  # seconds between two looks at a socket: what is found is that much too long at most
OPENED_EVERY = 0.03  # seconds
EXPIRES_IN = 5  # seconds
MOST = 60.0  # seconds: a token that counts for longer counts for ever


@dataclass
class Revoked:
    """Seconds from the answer that ended a token until it did not count any more. `called`: how long the call took.

    `was_open`: the slowest socket that was open before, `was_opened`: of those that were opened meanwhile, `rest`: the slowest
    server over REST. `meanwhile` is how many sockets were opened meanwhile and were signed in at first.
    """

    called: float = 0.0
    was_open: float = 0.0
    was_opened: float = 0.0
    rest: float = 0.0
    meanwhile: int = 0

    @property
    def last(self) -> float:
        return max(self.was_open, self.was_opened, self.rest)


Act = Callable[[], Awaitable[None]]
Way = Callable[[Server], Awaitable[tuple[Person, Act]]]
"""Makes somebody who is signed in, and gives what ends the token. What it does returns when the token has ended."""


async def by_password(server: Server) -> tuple[Person, Act]:
    """A new password revokes all tokens."""
    user = await server.user()
    change = {"old_password": PASSWORD, "new_password": "better"}
    return user, lambda: _done(server, "change_password", change, user.token)


async def by_logout(server: Server) -> tuple[Person, Act]:
    """A log-out ends a plain token."""
    user = await server.user()
    return user, lambda: _done(server, "logout", {}, user.token)


async def by_logout_all(server: Server) -> tuple[Person, Act]:
    """Another session of the user ends all sessions."""
    user = await server.user()
    account = {"email": user.email, "password": PASSWORD}
    other = (await server.post("/user/login", account)).json()["token"]
    return user, lambda: _done(server, "logout-all", {}, other)


async def by_theft(server: Server) -> tuple[Person, Act]:
    """A refresh token that was replaced is used again, which ends its session."""
    user = await server.user()
    account = {"email": user.email, "password": PASSWORD, "refresh": True}
    given = (await server.post("/user/login", account)).json()
    stolen = text = given["refresh_token"]
    for _ in range(2):
        text = (await server.post("/user/refresh", {"refresh_token": text})).json()["refresh_token"]

    async def use() -> None:
        assert (await server.post("/user/refresh", {"refresh_token": stolen})).status_code == 401

    return replace(user, token=given["token"]), use


async def by_expiry(server: Server) -> tuple[Person, Act]:
    """The token expires in a few seconds."""
    user = await server.user()
    expires = math.ceil(time.time()) + EXPIRES_IN
    claims = jwt.decode(user.token, TOKEN_SECRET, ["HS256"]) | {"exp": expires}

    async def wait() -> None:
        await asyncio.sleep(expires - time.time())

    return replace(user, token=jwt.encode(claims, TOKEN_SECRET)), wait


WAYS: dict[str, Way] = {
    "password": by_password,
    "logout": by_logout,
    "logout-all": by_logout_all,
    "theft": by_theft,
    "expiry": by_expiry,
}


async def _done(server: Server, path: str, body: dict[str, str], token: str) -> None:
    answer = await server.post(f"/user/{path}", body, token)
    assert answer.status_code == 200, answer.text


async def revoke(
    here: Server,
    open_on: Sequence[Server] = (),
    opened_on: Sequence[Server] = (),
    known_on: Sequence[Server] = (),
    begin: Callable[[], None] = lambda: None,
    way: str = "password",
) -> Revoked:
    """End a token on `here` in one of `WAYS`, right after `begin`.

    - `open_on`: a socket is open there, and nobody shows the token again.
    - `opened_on`: the token is shown there all the time, over REST and by sockets that are opened.
    - `known_on`: the token was shown there over REST, and no socket is open. From the answer on as `opened_on`.
    """
    found, (user, end) = Revoked(), await WAYS[way](here)
    shown_on = list(dict.fromkeys((here, *opened_on, *known_on)))
    async with AsyncExitStack() as stack:
        sockets = [await stack.enter_async_context(server.connect(user.token)) for server in open_on]
        for server in shown_on:
            assert await is_good(server, user)
        assert all(socket.root_id == user.root_id for socket in sockets)
        begin()
        is_answered = asyncio.Event()
        watches = [asyncio.create_task(_gone(socket, is_answered)) for socket in sockets]
        opening = [
            asyncio.create_task(_open_until_bad(server, user, is_answered, server in known_on))
            for server in (*opened_on, *known_on)
        ]
        start = time.monotonic()
        await end()
        answered = time.monotonic()
        is_answered.set()
        calls = [asyncio.create_task(_bad(server, user)) for server in shown_on]
        async with asyncio.timeout(MOST):
            found.called = answered - start
            found.was_open = max([0.0, *(await _after(answered, watches))])
            found.rest = max(await _after(answered, calls))
            for meanwhile in await asyncio.gather(*opening):
                found.meanwhile += len(meanwhile)
                found.was_opened = max([found.was_opened, *(moment - answered for moment in meanwhile)])
    return found


async def is_good(server: Server, user: Person) -> bool:
    """Whether the token counts, over REST."""
    status = (await server.post("/walker/who_am_i", {}, user.token)).status_code
    assert status in (200, 401)
    return status == 200


async def _after(answered: float, moments: Sequence[Awaitable[float]]) -> list[float]:
    return [moment - answered for moment in await asyncio.gather(*moments)]


async def _bad(server: Server, user: Person) -> float:
    """The moment at which the token was refused for the first time."""
    while await is_good(server, user):  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(PAUSE)
    return time.monotonic()


async def _gone(socket: Socket, is_answered: asyncio.Event) -> float:
    """The moment at which the socket was public for the first time."""
    await is_answered.wait()
    while (await socket.ask({"type": "connection"}))["data"]["root_id"] != PUBLIC_ROOT:  # noqa: ASYNC110 - nobody is told
        await asyncio.sleep(PAUSE)
    return time.monotonic()


async def _open_until_bad(
    server: Server, user: Person, is_answered: asyncio.Event, is_later: bool
) -> list[float]:
    """Open sockets until one is public at once. Gives the moment at which each of the others became so."""
    if is_later:
        await is_answered.wait()
    async with AsyncExitStack() as stack:
        opened = []
        while True:
            socket = await stack.enter_async_context(server.connect(user.token))
            if socket.root_id == PUBLIC_ROOT:
                return await asyncio.gather(*opened)
            opened.append(asyncio.create_task(_gone(socket, is_answered)))
            await asyncio.sleep(OPENED_EVERY)


def part_of(times: Sequence[float], part: float) -> float:
    return sorted(times)[max(0, math.ceil(part * len(times)) - 1)]


async def _measure(kind: Kind, runs: int, way: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with cluster(kind, Path(folder), 3) as three:
            found = [await _run(three, way) for _ in range(runs)]
    print(f"{kind}, {way}, {runs} runs, {sum(each.meanwhile for each in found)} sockets opened meanwhile")
    for name in ("called", "was_open", "was_opened", "rest", "last"):
        times = [1000 * getattr(each, name) for each in found]
        print(f"{name:>12}: p50 {part_of(times, 0.5):.1f} ms, p99 {part_of(times, 0.99):.1f} ms")


async def _run(three: Cluster, way: str) -> Revoked:
    here, there, third = three.servers
    return await revoke(here, open_on=[here, third], opened_on=[third], known_on=[there], way=way)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--way", choices=WAYS, default="password")
    chosen = parser.parse_args()
    asyncio.run(_measure(cast(Kind, chosen.kind), chosen.runs, chosen.way))
