"""What a stranger tries with the channels of others, in production: to join, to hear and to send, and each of it fails."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from walkwire.ids import new_id
from walkwire.server.channels.tokens import ChannelTokens
from walkwire.server.socket.loopback import Loopback
from walkwire.testing import Client, Served, serve

PROGRAM = Path(__file__).parent / "programs" / "boards.py"
SECRET = "s" * 32
RULES = {
    "room:*": "members",
    "user:{root_id}": "owner",
    "news:*": {"join": "all", "send": "none"},
    "n:Open:*": "authenticated",
    "*": "authenticated",
}


@pytest.fixture
async def app() -> AsyncIterator[Served]:
    async with serve(PROGRAM, production=True, token_secret=SECRET) as served:
        yield served


@pytest.fixture
async def ruled() -> AsyncIterator[Served]:
    async with serve(PROGRAM, production=True, token_secret=SECRET, channels=RULES) as served:
        yield served


async def board_of(owner: Client, walker: str = "make_board") -> str:
    return str((await owner.post(walker)).reports[0])


async def say(socket: Loopback, event: dict[str, Any]) -> Any:
    """The reply to an event, and nothing else: what came before it is dropped."""
    await socket.send({**event, "id": "asked"})
    while True:
        reply = await socket.receive()
        if reply.get("id") == "asked":
            return reply if reply["ok"] else reply["error"]["code"]


async def join(socket: Loopback, *channel_ids: str, **tokens: str) -> Any:
    event: dict[str, Any] = {"type": "join", "channel_ids": list(channel_ids)}
    reply = await say(socket, event | ({"tokens": tokens["tokens"]} if tokens else {}))
    return reply if isinstance(reply, str) else "joined"


async def send(socket: Loopback, channel_id: str, **data: Any) -> Any:
    event = {"type": "channel", "channel_ids": [channel_id], "data": {"type": "note", "data": data}}
    reply = await say(socket, event)
    return reply if isinstance(reply, str) else "sent"


async def heard(socket: Loopback) -> list[Any]:
    return [message["type"] for message in await socket.quiet()]


@pytest.mark.parametrize("spelled", ["n:Board:{}", "n::{}", "n:Other:{}", "n:Board:{upper}"])
async def test_a_stranger_with_the_id_of_a_private_board_hears_nothing_by_any_way_in(
    app: Served, spelled: str
) -> None:
    owner, stranger = await app.user(), await app.user()
    board = await board_of(owner)
    channel_id = spelled.format(board[-24:], upper=board[-24:].upper())
    async with (
        stranger.socket(channel_id) as by_url,
        stranger.socket() as by_event,
        app.public().socket(channel_id) as by_change,
    ):
        for socket in (by_url, by_event, by_change):
            assert (await socket.receive())["type"] == "connection"
        assert await join(by_event, channel_id) == "refused"
        changed = await say(by_change, {"type": "change_user", "token": stranger.token})
        assert changed["data"]["channel_id"] == channel_id  # the frame names the channel, as for any policy
        # When the board is written, and told by its own name and by the stranger's
        await owner.post("write", board, text="secret")
        await owner.post("tell", channel_id=channel_id)
        for socket in (by_url, by_event, by_change):
            assert await heard(socket) == []
            assert await send(socket, channel_id) == "refused"


async def test_the_owner_hears_and_sends_and_so_does_whom_the_owner_allowed(app: Served) -> None:
    owner, friend = await app.user(), await app.user()
    board = await board_of(owner)
    await owner.post("share", board, reader=friend.root_id, level="READ")
    async with owner.socket(board) as hers, friend.socket() as his:
        await hers.receive()
        await his.receive()
        assert await join(his, board) == "joined"
        assert await send(hers, board) == "sent"
        assert await heard(his) == ["note"]
        # READ is not enough to send
        assert await send(his, board) == "refused"
        await owner.post("share", board, reader=friend.root_id, level="CONNECT")
        assert await send(his, board) == "sent"
        assert await heard(hers) == ["shared", "note"]


@pytest.mark.parametrize(("setting", "level", "expected"), [
    ("connect", "CONNECT", "sent"),
    ("write", "CONNECT", "refused"),
    ("write", "WRITE", "sent"),
    ("none", "WRITE", "refused"),
])  # fmt: skip
async def test_a_setting_says_which_right_it_takes_to_send(setting: str, level: str, expected: str) -> None:
    async with serve(PROGRAM, production=True, channel_send=setting) as app:
        owner, friend = await app.user(), await app.user()
        board = await board_of(owner)
        await owner.post("share", board, reader=friend.root_id, level=level)
        async with friend.socket(board) as socket:
            await socket.receive()
            assert await send(socket, board) == expected


async def test_who_loses_the_right_hears_nothing_of_the_walk_that_took_it(app: Served) -> None:
    owner, friend, other = await app.user(), await app.user(), await app.user()
    board = await board_of(owner)
    await owner.post("share", board, reader=friend.root_id, level="CONNECT")
    await owner.post("share", board, reader=other.root_id)
    async with friend.socket(board) as his, other.socket(board) as others, friend.socket() as late:
        for socket in (his, others, late):
            await socket.receive()
        assert await join(late, board) == "joined"
        await owner.post("write", board, text="for both")
        assert await heard(his) == await heard(others) == await heard(late) == ["board"]
        # When the right is taken, and that is told by the same walk
        await owner.post("share", board, reader=friend.root_id, level=None)
        await owner.post("write", board, text="for one")
        assert await heard(others) == ["shared", "board"]
        assert await heard(his) == await heard(late) == []
        assert await send(his, board) == "refused"
        assert await join(late, board) == "refused"
        # When it is given again, whoever wanted to hear hears
        await owner.post("share", board, reader=friend.root_id)
        assert await heard(his) == await heard(late) == ["shared"]


async def test_a_grant_on_the_owners_root_counts_for_all_boards_and_is_taken_back(app: Served) -> None:
    owner, friend = await app.user(), await app.user()
    board = await board_of(owner)
    async with friend.socket(board) as socket:
        await socket.receive()
        await owner.post("share", reader=friend.root_id)
        await owner.post("write", board, text="one")
        await owner.post("share", reader=friend.root_id, level=None)
        await owner.post("write", board, text="two")
        assert [message.get("data") for message in await socket.quiet()] == ["one"]


async def test_what_was_granted_to_everybody_is_heard_by_everybody(app: Served) -> None:
    owner = await app.user()
    board = await board_of(owner)
    async with app.public().socket(board) as socket:
        await socket.receive()
        await owner.post("write", board, text="before")
        await owner.post("share", board)
        await owner.post("share", board, level=None)
        await owner.post("write", board, text="after")
        assert await heard(socket) == ["shared"]
        assert await send(socket, board) == "refused"


async def test_a_board_of_the_public_graph_is_everybodys(app: Served) -> None:
    public, user = app.public(), await app.user()
    board = await board_of(public, "make_public_board")
    async with public.socket(board) as one, user.socket(board) as two:
        await one.receive()
        await two.receive()
        assert await send(one, board) == "sent"
        assert await heard(two) == ["note"]


async def test_a_deleted_board_is_heard_and_sent_to_no_longer(app: Served) -> None:
    owner, friend = await app.user(), await app.user()
    board = await board_of(owner)
    await owner.post("share", board, reader=friend.root_id, level="WRITE")
    async with owner.socket(board) as hers, friend.socket(board) as his:
        await hers.receive()
        await his.receive()
        await owner.post("remove", board)
        await owner.post("tell", channel_id=board)
        assert (
            await heard(hers) == await heard(his) == ["removed"]
        )  # by the walk that deletes, and nothing after it
        assert await send(hers, board) == await send(his, board) == "refused"
        assert await join(hers, board) == "refused"


async def test_absent_and_forbidden_are_the_same_answer_after_the_same_time(app: Served) -> None:
    owner, stranger = await app.user(), await app.user()
    boards = [await board_of(owner) for _ in range(10)]
    async with stranger.socket() as socket:
        await socket.receive()
        taken: dict[str, list[float]] = {"forbidden": [], "absent": []}
        for board in boards:
            for kind, channel_id in (("forbidden", board), ("absent", f"n:Board:{new_id()}")):
                await socket.send({"type": "join", "channel_ids": [channel_id], "id": 1})
                started = time.monotonic()
                reply = await socket.receive()
                taken[kind].append(time.monotonic() - started)
                assert reply["error"] == {"code": "refused", "message": "You may not join this channel."}
        # A refusal waits for the end of a step of ten milliseconds, so its time says nothing below that
        assert min(taken["forbidden"] + taken["absent"]) > 0.005


async def test_one_channel_that_is_refused_keeps_all_of_the_event_out(app: Served) -> None:
    owner, stranger = await app.user(), await app.user()
    board = await board_of(owner)
    async with stranger.socket() as socket:
        await socket.receive()
        assert await join(socket, "lobby", board) == "refused"
        await owner.post("tell", channel_id="lobby")
        assert await heard(socket) == []


async def test_one_who_was_sent_there_by_a_walker_hears_only_with_the_right(app: Served) -> None:
    owner, stranger = await app.user(), await app.user()
    board = await board_of(owner)
    async with stranger.socket() as socket:
        client_id = (await socket.receive())["data"]["client_id"]
        entered = await say(
            socket, {"type": "walker", "walker": "enter", "context": {"channel_id": board, "stays": True}}
        )
        assert entered["data"]["reports"] == [client_id]
        await socket.quiet()
        await owner.post("write", board, text="secret")
        assert await heard(socket) == []
        await owner.post("share", board, reader=stranger.root_id)
        assert await heard(socket) == ["shared"]


async def test_another_user_of_the_same_connection_does_not_keep_its_channels(app: Served) -> None:
    owner, stranger = await app.user(), await app.user()
    board = await board_of(owner)
    async with owner.socket(board) as socket:
        await socket.receive()
        await say(socket, {"type": "change_user", "token": stranger.token})
        await owner.post("write", board, text="secret")
        assert await heard(socket) == []
        await say(socket, {"type": "change_user", "token": owner.token})
        await owner.post("write", board, text="mine")
        assert await heard(socket) == ["board"]


async def test_a_board_that_decides_by_itself_is_asked_again_when_it_changes(app: Served) -> None:
    owner, friend = await app.user(), await app.user()
    sealed = await board_of(owner, "make_sealed")
    async with friend.socket(sealed) as socket:
        await socket.receive()

        async def hears() -> bool:
            await owner.post("tell", channel_id=sealed)
            return await heard(socket) == ["told"]

        assert not await hears()
        await owner.post("admit", sealed, readers=[f"n::{friend.root_id}"])
        async with asyncio.timeout(1):
            while not await hears():
                pass
        assert await send(socket, sealed) == "refused"
        await owner.post("admit", sealed, readers=[])
        async with asyncio.timeout(1):
            while await hears():
                pass


@pytest.mark.parametrize("wraps", [False, True])
async def test_a_listener_may_ask_to_be_told_who_sent(wraps: bool) -> None:
    async with serve(PROGRAM, production=True, client_events="wrapped" if wraps else "plain") as app:
        user = await app.user()
        async with user.socket("lobby") as one, user.socket("lobby") as two:
            client_id = (await one.receive())["data"]["client_id"]
            other_id = (await two.receive())["data"]["client_id"]
            word = {"type": "client_event", "data": {"root_id": "n::" + "0" * 24}}
            for event in (
                {"type": "channel", "channel_ids": ["lobby"]},
                {"type": "user", "root_ids": [user.root_id]},
                {"type": "client", "client_ids": [other_id]},
            ):
                await one.send(event | {"data": word})
            await user.post("tell", channel_id="lobby")
            sender = {"root_id": f"n::{user.root_id}", "client_id": client_id}
            sent = {"type": "client_event", "data": sender | {"data": word}} if wraps else word
            assert await two.quiet() == [sent, sent, sent, {"type": "told"}]


# Rules


async def test_members_are_those_whom_a_walker_or_a_token_let_in(ruled: Served) -> None:
    host, guest, stranger = await ruled.user(), await ruled.user(), await ruled.user()
    async with host.socket() as hers, guest.socket() as his, stranger.socket("room:1") as others:
        for socket in (hers, his, others):
            await socket.receive()
        assert await send(hers, "room:1") == "refused"
        await say(hers, {"type": "walker", "walker": "enter", "context": {"channel_id": "room:1"}})
        assert await send(hers, "room:1") == "sent"
        assert await join(his, "room:1") == await join(others, "room:1") == "refused"
        token = (await host.post("invite", channel_id="room:1", guest=guest.root_id)).reports[0]
        assert await join(others, "room:1", tokens={"room:1": token}) == "refused"
        assert await join(his, "room:2", tokens={"room:2": token}) == "refused"
        assert await join(his, "room:1", tokens={"room:1": token}) == "joined"
        await hers.quiet()
        assert await send(his, "room:1") == "sent"
        assert await heard(hers) == ["note"]
        assert await heard(others) == []


async def test_forged_expired_and_foreign_tokens_let_nobody_in(ruled: Served) -> None:
    guest, stranger = await ruled.user(), await ruled.user()
    good = (await guest.post("invite", channel_id="room:1")).reports[0]
    expired = ChannelTokens(SECRET.encode(), lambda: time.time() - 61).make("room:1", guest.root_id, 60)
    forged = ChannelTokens(b"x" * 32).make("room:1", guest.root_id, 60)
    body, _, signature = good.partition(".")
    other = ChannelTokens(SECRET.encode()).make("room:2", guest.root_id, 60)
    wrong = [
        expired,
        forged,
        other,
        body,
        f"{body}.",
        f".{signature}",
        f"{other.partition('.')[0]}.{signature}",
    ]
    wrong += [good[:-1], good + "A", "é" + good, "", ".", guest.token or "", good * 1000]
    async with guest.socket() as socket:
        await socket.receive()
        for token in wrong:
            assert await join(socket, "room:1", tokens={"room:1": token}) == "refused", token
        assert await join(socket, "room:1", tokens={"room:1": good}) == "joined"
    # A token is no token of a user, and does not sign one in
    assert (
        await guest.request("POST", "/walker/make_board", headers={"Authorization": f"Bearer {good}"})
    ).status == 401
    async with stranger.socket("room:1", good) as socket:
        await socket.receive()
        await guest.post("tell", channel_id="room:1")
        assert await heard(socket) == []


async def test_a_token_in_the_url_counts_once_its_user_has_signed_in(ruled: Served) -> None:
    guest = await ruled.user()
    token = (await guest.post("invite", channel_id="room:1")).reports[0]
    async with ruled.public().socket("room:1", token) as socket:
        await socket.receive()
        await guest.post("tell", channel_id="room:1")
        assert await heard(socket) == []
        await say(socket, {"type": "change_user", "token": guest.token})
        await guest.post("tell", channel_id="room:1")
        assert await heard(socket) == ["told"]


async def test_a_membership_ends_with_the_user_unless_the_walker_says_that_it_stays(ruled: Served) -> None:
    one, two = await ruled.user(), await ruled.user()
    async with one.socket() as socket:
        await socket.receive()
        for channel_id, stays in (("room:1", False), ("room:2", True)):
            context = {"channel_id": channel_id, "stays": stays}
            await say(socket, {"type": "walker", "walker": "enter", "context": context})
        await say(socket, {"type": "change_user", "token": two.token})
        for channel_id in ("room:1", "room:2"):
            await one.post("tell", channel_id=channel_id)
        assert await heard(socket) == ["told"]
        assert await send(socket, "room:1") == "refused"
        assert await send(socket, "room:2") == "sent"


async def test_rules_of_owners_and_of_news_and_for_all_the_rest(ruled: Served) -> None:
    one, two = await ruled.user(), await ruled.user()
    async with one.socket() as mine, two.socket() as theirs, ruled.public().socket() as public:
        for socket in (mine, theirs, public):
            await socket.receive()
        own = f"user:{one.root_id}"
        assert await join(mine, own) == "joined"
        assert await send(mine, own) == "sent"
        assert await join(theirs, own) == await send(theirs, own) == "refused"
        assert await join(public, f"user:{'0' * 23}1") == "refused"
        assert await join(public, "news:today") == "joined"
        assert await send(public, "news:today") == await send(mine, "news:today") == "refused"
        assert await join(public, "lobby") == "refused"
        assert await join(theirs, "lobby") == "joined"


async def test_a_rule_for_everything_does_not_open_the_channels_of_nodes(ruled: Served) -> None:
    owner, stranger = await ruled.user(), await ruled.user()
    board = await board_of(owner)
    async with stranger.socket() as socket:
        await socket.receive()
        assert await join(socket, board) == "refused"
        assert (
            await join(socket, f"n:Open:{board[-24:]}") == "joined"
        )  # a pattern that begins with n: is meant


async def test_a_function_decides_and_is_asked_once_by_many(app: Served) -> None:
    one, two = await app.user(), await app.user()
    async with one.socket() as mine, two.socket() as theirs, app.public().socket() as public:
        for socket in (mine, theirs, public):
            await socket.receive()
        assert await join(public, "talk:1") == "refused"
        assert await join(mine, "talk:1") == "joined"
        assert await send(mine, "talk:1") == "refused"
        assert await send(theirs, f"talk:{two.root_id}") == "sent"
        # One that fails refuses, and its words stay in the log
        event = {"type": "join", "channel_ids": ["broken:1"], "id": 1}
        await mine.send(event)
        reply = await mine.receive()
        assert reply["error"]["code"] == "internal"
        assert "secret" not in str(reply)


async def test_an_answer_is_used_again_and_one_is_given_to_all_who_ask_at_the_same_time(app: Served) -> None:
    user = await app.user()
    sockets = [user.socket() for _ in range(5)]
    async with AsyncExitStack() as stack:
        for socket in sockets:
            await stack.enter_async_context(socket)
            await socket.receive()
        async with user.socket("slow:1") as by_url:
            await by_url.receive()
            answers = await asyncio.gather(*(join(socket, "slow:1") for socket in sockets))
            assert answers == ["joined"] * 5
            told = (await user.post("questions", channel_id="slow:1")).reports
            assert told == [1]


async def test_a_walker_decides_as_its_caller(app: Served) -> None:
    one, two = await app.user(), await app.user()
    async with one.socket() as mine, two.socket() as theirs, app.public().socket() as public:
        for socket in (mine, theirs, public):
            await socket.receive()
        assert await join(mine, f"owned:{one.root_id}") == "joined"
        assert await join(theirs, f"owned:{one.root_id}") == "refused"
        assert await join(public, f"owned:{one.root_id}") == "refused"
