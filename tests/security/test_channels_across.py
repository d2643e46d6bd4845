"""The rights of channels on two servers: what one server's walk takes away, no client of another server keeps."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.brokers.service import KINDS, Kind
from tests.cluster.cluster import ONE_KIND, Cluster, cluster
from tests.serving import Server, Socket
from walkwire.server.channels.facts import AWAY_SECONDS

PROGRAM = Path(__file__).parent / "programs" / "boards.py"
RULES = '{"room:*": "members"}'
PROMISE = 1.0  # seconds with the broker
SLACK = 3.0  # for a machine on which others are at work: a server that is not told reads it again after ten

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=ONE_KIND)
async def two(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Cluster]:
    folder = tmp_path_factory.mktemp("channels")
    async with cluster(request.param, folder, 2, program=PROGRAM, channels=RULES, production="true") as made:
        yield made


async def ask(socket: Socket, event: dict[str, Any]) -> str:
    """Send an event, and say "ok" or the code of the error."""
    await socket.say(event | {"id": "asked"})
    while (reply := await socket.hear()).get("id") != "asked":
        pass
    return "ok" if reply["ok"] else str(reply["error"]["code"])


async def join(socket: Socket, channel_id: str, **tokens: str) -> str:
    event = {"type": "join", "channel_ids": [channel_id]}
    return await ask(socket, event | ({"tokens": {channel_id: tokens["token"]}} if tokens else {}))


async def send(socket: Socket, channel_id: str) -> str:
    return await ask(socket, {"type": "channel", "channel_ids": [channel_id], "data": {"type": "note"}})


async def until_refused(socket: Socket, channel_id: str) -> float:
    """Send until that is refused; gives how long it took."""
    started = time.monotonic()
    while await send(socket, channel_id) != "refused":
        pass
    return time.monotonic() - started


async def shared(server: Server, level: str = "CONNECT") -> tuple[str, str, str, str]:
    """A board, the tokens of its owner and of a friend who has this level on it, and the friend's root."""
    owner, friend = await server.user(), await server.user()
    board = (await server.walk("make_board", owner.token))[0]
    await server.walk("share", owner.token, board, reader=friend.root_id, level=level)
    return board, owner.token, friend.token, friend.root_id


async def test_what_is_taken_on_one_server_is_gone_on_the_other_within_a_second(two: Cluster) -> None:
    here, there = two.servers
    board, owner, friend, root_id = await shared(here)
    async with there.connect(friend, board) as his, there.connect(owner, board) as hers:
        await here.walk("write", owner, board, text="before")
        assert (await his.hear())["data"] == (await hers.hear())["data"] == "before"
        assert await send(his, board) == "ok"
        # When the right is taken on the first server, and the board is written there at once
        await here.walk("share", owner, board, reader=root_id, level=None)
        await here.walk("write", owner, board, text="secret")
        assert await until_refused(his, board) < PROMISE + SLACK
        assert await join(his, board) == "refused"
        # The owner has heard both, and the friend, who asks after that, neither
        while (await hers.hear()).get("data") != "secret":
            pass
        assert [message for message in await his.settle() if message["type"] != "note"] == []
        # When it is given back, the friend hears again
        await here.walk("share", owner, board, reader=root_id, level="READ")
        started = time.monotonic()
        while not [one for one in await his.settle() if one.get("data") == "again"]:
            assert time.monotonic() - started < PROMISE + SLACK
            await here.walk("write", owner, board, text="again")


async def test_a_board_that_is_deleted_on_one_server_is_absent_on_the_other(two: Cluster) -> None:
    here, there = two.servers
    board, owner, friend, _ = await shared(here)
    async with there.connect(friend, board) as his:
        assert await send(his, board) == "ok"
        await here.walk("remove", owner, board)
        assert await until_refused(his, board) < PROMISE + SLACK
        await here.walk("tell", owner, channel_id=board)
        assert {message["type"] for message in await his.settle()} <= {"note", "removed"}


async def test_a_stranger_is_refused_where_nobody_has_asked_for_the_board(two: Cluster) -> None:
    here, there = two.servers
    board, owner, _, _ = await shared(here)
    stranger = await there.user()
    async with there.connect(stranger.token, board) as by_url, here.connect(stranger.token) as by_event:
        assert await join(by_event, board) == await send(by_event, board) == "refused"
        await here.walk("write", owner, board, text="secret")
        await asyncio.sleep(0.2)  # nobody tells when all is quiet
        assert await by_url.settle() == await by_event.settle() == []
        assert await send(by_url, board) == "refused"


async def test_a_token_of_one_server_lets_in_on_the_other_and_a_walker_there_keeps_a_member(
    two: Cluster,
) -> None:
    here, there = two.servers
    host, guest, other = await here.user(), await here.user(), await here.user()
    token = (await here.walk("invite", host.token, channel_id="room:1", guest=guest.root_id))[0]
    async with there.connect(guest.token) as his, there.connect(other.token) as others:
        assert await join(others, "room:1", token=token) == "refused"
        assert await join(his, "room:1", token=token) == "ok"
        assert await send(his, "room:1") == "ok"
        # When a walker of the other server puts a connection into a channel for good
        await here.walk("put", host.token, client_id=others.client_id, channel_id="room:2", stays=True)
        await ask(others, {"type": "change_user"})
        started = time.monotonic()
        while await send(others, "room:2") != "ok":
            assert time.monotonic() - started < PROMISE + SLACK


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
async def test_with_a_broker_that_is_gone_within_the_documented_bound(kind: Kind, tmp_path: Path) -> None:
    async with cluster(kind, tmp_path, 2, program=PROGRAM, production="true") as made:
        here, there = made.servers
        board, owner, friend, root_id = await shared(here)
        async with there.connect(friend, board) as his:
            assert await send(his, board) == "ok"
            made.broker.kill()
            for server in made.servers:
                await made.ready(server, False)
            await here.walk("share", owner, board, reader=root_id, level=None)
            assert await until_refused(his, board) < AWAY_SECONDS + SLACK
