"""The team's chat of `examples/team_chat`, in Python and in Jac: the same tests over both programs, in memory."""

from __future__ import annotations

import tomllib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.serving import EXAMPLES
from walkwire.testing import Client, Served, StreamSocket, serve

EXAMPLE = EXAMPLES / "team_chat"
SETTINGS = tomllib.loads((EXAMPLE / "walkwire.toml").read_text())


@pytest.fixture(params=["python", "jac"])
async def app(request: pytest.FixtureRequest) -> AsyncIterator[Served]:
    async with serve(EXAMPLE / request.param, **SETTINGS) as app:
        yield app


async def person(app: Served, name: str) -> Client:
    """A user who has introduced themselves."""
    user = await app.user(f"{name}@example.com")
    assert (await user.post("introduce", name=name)).reports == [{"name": name, "root_id": root(user)}]
    return user


async def room(owner: Client, *names: str) -> str:
    """The channel of a room that is the owner's, with others in it."""
    id = (await owner.post("open_room", name="Tea")).reports[0]["id"]
    for name in names:
        assert (await owner.post("invite", id, name=name)).status == 200
    return str(id)


def root(user: Client) -> str:
    return f"n::{user.root_id}"


async def say(user: Client, room: str, *texts: str) -> None:
    for text in texts:
        assert (await user.post("say", room, text=text)).status == 200


async def counts(user: Client) -> tuple[int, int]:
    """What was said in the user's only room, and how much of it is unread."""
    (card,) = (await user.post("my_rooms")).reports
    return card["said"], card["unread"]


async def member(user: Client) -> str:
    (card,) = (await user.post("my_rooms")).reports
    return str(card["member"])


def said(frames: list[dict[str, Any]]) -> list[tuple[int, str]]:
    """The messages among the frames of a channel."""
    data = [frame["data"] for frame in frames if frame["type"] == "channel"]
    return [(one["data"]["n"], one["data"]["text"]) for one in data if one["type"] == "said"]


def told(frames: list[dict[str, Any]], kind: str) -> list[Any]:
    """What the user was told of one kind."""
    return [one["data"]["data"] for one in frames if one["type"] == "user" and one["data"]["type"] == kind]


async def test_a_name_is_given_once_and_belongs_to_one_person(app: Served) -> None:
    ada, bob = await person(app, "ada"), await app.user()
    assert (await ada.post("introduce", name="augusta")).reports[0]["name"] == "ada"
    taken = await bob.post("introduce", name=" ADA ")
    assert (taken.status, taken.body) == (409, {"detail": {"error": "Somebody is called ada already"}})
    assert (await bob.post("introduce", name="not a name")).status == 422
    assert (await bob.post("open_room", name="Tea")).status == 409


async def test_what_was_said_while_a_phone_was_in_a_tunnel_follows_once_and_in_order(app: Served) -> None:
    ada, bob = await person(app, "ada"), await person(app, "bob")
    tea = await room(ada, "bob")
    async with bob.stream(tea) as phone:
        await say(ada, tea, "One")
        assert said(await phone.quiet()) == [(1, "One")]
        phone.drop()
        await say(ada, tea, "Two", "Three, @bob")
        assert await phone.resume() == {tea: True, "user": True, "client": True}
        frames = await phone.quiet()
        assert said(frames) == [(2, "Two"), (3, "Three, @bob")]
        (mention,) = told(frames, "mention")
        assert (mention["room"], mention["room_name"], mention["n"]) == (tea, "Tea", 3)
        assert mention["by"] == "ada"


async def test_what_was_said_outlives_the_server(app: Served) -> None:
    ada, bob = await person(app, "ada"), await person(app, "bob")
    tea = await room(ada, "bob")
    async with bob.stream(tea) as phone:
        await say(ada, tea, "One")
        assert said(await phone.quiet()) == [(1, "One")]
        phone.drop()
        await say(ada, tea, "Two, @bob")
        await app.kill()
        await say(ada, tea, "Three")
        recovered = await phone.resume()
        assert recovered[tea] is recovered["user"] is True
        frames = await phone.quiet()
        assert said(frames) == [(2, "Two, @bob"), (3, "Three")]
        assert [one["n"] for one in told(frames, "mention")] == [2]
    async with bob.stream(tea, rewind=10) as laptop:
        assert said(await laptop.quiet()) == [(1, "One"), (2, "Two, @bob"), (3, "Three")]


async def test_the_history_of_a_room_is_read_by_its_members_page_by_page(app: Served) -> None:
    ada, bob, eve = [await person(app, name) for name in ("ada", "bob", "eve")]
    tea = await room(ada)
    async with ada.stream(tea):
        await say(ada, tea, *(str(n) for n in range(1, 8)))
        assert (await ada.post("invite", tea, name="bob")).status == 200
        async with bob.stream(tea, rewind=3) as late:
            first = [frame for frame in await late.quiet() if frame["type"] == "channel"]
            assert [frame["data"]["data"]["name"] for frame in first[2:]] == ["bob"]
            assert said(first) == [(6, "6"), (7, "7")]
            page = await late.ask("history", channel_id=tea, before=first[0]["at"], limit=3)
            assert [one["data"]["data"]["n"] for one in page["messages"]] == [3, 4, 5]
            assert page["has_more"] is True
        async with eve.stream() as stranger:
            with pytest.raises(AssertionError, match="refused"):
                await stranger.ask("history", channel_id=tea)
            with pytest.raises(AssertionError, match="refused"):
                await stranger.ask("join", channel_ids=[tea])
    for walker in ("say", "invite", "leave_room"):
        assert (await eve.post(walker, tea, text="x", name="eve")).status == 403, walker


async def test_unread_messages_are_counted_until_they_are_read_in_one_window(app: Served) -> None:
    ada, bob = await person(app, "ada"), await person(app, "bob")
    tea = await room(ada)
    await say(ada, tea, "Before he came")
    await ada.post("invite", tea, name="bob")
    assert await counts(bob) == (1, 0)
    async with bob.stream(tea) as laptop:
        await say(ada, tea, "Two", "Three")
        assert await counts(bob) == (3, 2)
        assert await counts(ada) == (3, 0), "her own are read"
        laptop.drop()
        assert (await bob.post("read", await member(bob), number=2)).reports == [2]
        await say(ada, tea, "Four")
        assert (await laptop.resume())["user"] is True
        frames = await laptop.quiet()
        assert told(frames, "read") == [{"room": tea, "seen": 2}]
        assert said(frames)[-1] == (4, "Four")
    assert await counts(bob) == (4, 2)
    assert (await bob.post("read", await member(bob), number=1)).reports == [2], "it does not go back"
    assert (await ada.post("read", await member(bob), number=4)).status == 403
    await app.kill()
    assert await counts(bob) == (4, 2)


async def test_whoever_is_mentioned_is_told_and_nobody_else(app: Served) -> None:
    ada, bob, eve = [await person(app, name) for name in ("ada", "bob", "eve")]
    tea = await room(ada, "bob")
    async with ada.stream() as hers, bob.stream() as his, eve.stream() as eves:
        await say(ada, tea, "@Bob: @eve and @ada, or you@bobby.example?")
        assert [one["text"][:5] for one in told(await his.quiet(), "mention")] == ["@Bob:"]
        assert told(await hers.quiet(), "mention") == told(await eves.quiet(), "mention") == []


async def test_who_is_there_goes_by_the_name_that_was_given(app: Served) -> None:
    ada, bob = await person(app, "ada"), await person(app, "bob")
    tea = await room(ada, "bob")
    async with ada.stream() as hers, bob.stream(tea) as his:
        joined = await hers.ask("join", channels=[{"channel_id": tea, "presence": "list"}])
        presence = joined["channels"][tea]["presence"]
        assert presence["count"] == 2
        assert {"root_id": root(bob), "info": {"name": "bob"}} in presence["users"]
        await hers.quiet()
        his.drop()
        assert await hers.quiet() == [], "who loses the network has not left"
        app.clock.advance(11)
        assert (await frame(hers, "presence"))["left"] == [{"root_id": root(bob), "info": {"name": "bob"}}]


async def test_who_is_typing_is_heard_by_members_with_its_sender_and_not_kept(app: Served) -> None:
    ada, bob, eve = [await person(app, name) for name in ("ada", "bob", "eve")]
    tea = await room(ada, "bob")
    typing = f"typing:{tea}"
    async with ada.stream(typing) as hers, bob.stream(typing) as his, eve.stream() as eves:
        await his.ask("channel", channel_ids=[typing], data={})
        heard = (await frame(hers, "channel"))["data"]
        assert (heard["type"], heard["data"]["root_id"]) == ("client_event", root(bob))
        for channel in (typing, tea):
            with pytest.raises(AssertionError, match="refused"):
                await eves.ask("channel", channel_ids=[channel], data={})
            with pytest.raises(AssertionError, match="refused"):
                await eves.ask("join", channel_ids=[channel])
        with pytest.raises(AssertionError, match="refused"):
            await his.ask("channel", channel_ids=[tea], data={"type": "said", "data": {}})
        page = await hers.ask("history", channel_id=typing)
        assert page["messages"] == []


async def test_who_has_left_hears_nothing_more(app: Served) -> None:
    ada, bob = await person(app, "ada"), await person(app, "bob")
    tea = await room(ada, "bob")
    async with bob.stream(tea) as his:
        assert (await bob.post("leave_room", tea)).reports == ["bob"]
        await say(ada, tea, "Is he gone?")
        frames = await his.quiet()
        assert told(frames, "left") == [{"room": tea}]
        assert said(frames) == []
    assert (await bob.post("my_rooms")).reports == []
    assert (await bob.post("say", tea, text="x")).status == 403
    assert (await ada.post("leave_room", tea)).status == 409
    assert (await ada.post("invite", tea, name="bob")).status == 200, "and may come back"
    assert await counts(bob) == (1, 0)


async def test_a_message_has_words(app: Served) -> None:
    ada = await person(app, "ada")
    tea = await room(ada)
    for text in ("  ", "x" * 4001):
        assert (await ada.post("say", tea, text=text)).status == 422
    assert await counts(ada) == (0, 0)


async def test_the_page_gets_its_client(app: Served) -> None:
    reply = await app.public().request("GET", "/walkwire.js")
    assert reply.headers["content-type"].startswith("text/javascript")
    assert reply.content == (EXAMPLE / "public" / "walkwire.js").read_bytes()


async def frame(socket: StreamSocket, kind: str) -> dict[str, Any]:
    """The next frame of this kind."""
    while (frame := await socket.receive())["type"] != kind:
        pass
    return frame
