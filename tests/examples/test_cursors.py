"""The cursors of `examples/cursors`, in memory: who may point, by which name, and what is kept of it."""

from __future__ import annotations

import tomllib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.serving import EXAMPLES
from walkwire.testing import Client, Served, serve

EXAMPLE = EXAMPLES / "cursors"
ROOM = "room:lobby"


@pytest.fixture
async def app() -> AsyncIterator[Served]:
    async with serve(EXAMPLE / "main.py", **tomllib.loads((EXAMPLE / "walkwire.toml").read_text())) as app:
        yield app


async def person(app: Served, name: str) -> Client:
    user = await app.user()
    assert (await user.post("introduce", name=name)).status == 200
    return user


async def test_others_see_where_one_points_by_the_name_that_was_given(app: Served) -> None:
    ada, bob = await person(app, "Ada"), await person(app, "Bob")
    async with ada.stream() as hers, bob.stream(ROOM) as his:
        joined = await hers.ask("join", channels=[{"channel_id": ROOM, "presence": "list"}])
        users = joined["channels"][ROOM]["presence"]["users"]
        assert {user["info"]["name"] for user in users} == {"Ada", "Bob"}
        await his.ask("channel", channel_ids=[ROOM], data={"x": 0.5, "y": 0.25, "root_id": "somebody else"})
        told: Any = (await hers.receive())["data"]
        while told is None or told.get("type") != "client_event":
            told = (await hers.receive()).get("data")
        assert told["data"]["root_id"] == f"n::{bob.root_id}"
        assert told["data"]["data"]["x"] == 0.5
        assert (await hers.ask("history", channel_id=ROOM))["messages"] == []


async def test_who_has_no_name_and_what_is_no_room_is_refused(app: Served) -> None:
    ada, eve = await person(app, "Ada"), await app.user()
    async with eve.stream() as hers:
        with pytest.raises(AssertionError, match="refused"):
            await hers.ask("join", channel_ids=[ROOM])
    async with ada.stream() as hers:
        for channel in ("lobby", "room:", "room:a b", "n:Person:1"):
            with pytest.raises(AssertionError, match="refused"):
                await hers.ask("join", channel_ids=[channel])


async def test_a_name_and_a_colour_are_what_they_should_be(app: Served) -> None:
    ada = await app.user()
    assert (await ada.post("introduce", name=" ")).status == 422
    assert (await ada.post("introduce", name="Ada", colour="red; }")).status == 422
    assert (await ada.post("introduce", name=" Ada ", colour="#00ff00")).reports == [
        {"name": "Ada", "colour": "#00ff00"}
    ]
