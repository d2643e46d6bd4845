"""The kanban of `examples/kanban`, in memory: moves that cross, places between cards, and what those hear who were away."""

from __future__ import annotations

import asyncio
import tomllib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.serving import EXAMPLES
from walkwire.testing import Client, Served, serve

EXAMPLE = EXAMPLES / "kanban"


@pytest.fixture
async def app() -> AsyncIterator[Served]:
    async with serve(EXAMPLE / "main.py", **tomllib.loads((EXAMPLE / "walkwire.toml").read_text())) as app:
        yield app


async def board_of(ada: Client, *texts: str) -> tuple[str, list[str]]:
    """A board, and its cards in the first column."""
    board = (await ada.post("open_board", title=" The garden ")).reports[0]["id"]
    return board, [await card(ada, board, text) for text in texts]


async def card(user: Client, board: str, text: str) -> str:
    return str((await user.post("add_card", board, text=text, by="Ada")).reports[0]["id"])


async def columns(user: Client, board: str) -> list[list[str]]:
    (seen,) = (await user.post("look", board)).reports
    cards = sorted(seen["cards"], key=lambda card: card["place"])
    return [[card["text"] for card in cards if card["column"] == column] for column in range(3)]


async def test_everybody_with_the_link_moves_cards_and_nobody_else(app: Served) -> None:
    ada, bob = await app.user(), await app.user()
    board, (one, two, three) = await board_of(ada, "One", "Two", "Three")
    assert (await bob.post("move_card", three, column=0, before=two)).status == 200
    assert (await bob.post("move_card", one, column=2)).status == 200
    assert await columns(ada, board) == [["Three", "Two"], [], ["One"]]
    assert (await bob.post("my_boards")).reports == []
    assert (await bob.post("look", "n:Board:" + "0" * 24)).status in (403, 404)


async def test_moves_at_the_same_time_leave_each_card_in_one_column(app: Served) -> None:
    ada, bob = await app.user(), await app.user()
    board, cards = await board_of(ada, *"abcd")
    moves = [
        user.post("move_card", id, column=column) for id in cards for user, column in ((ada, 1), (bob, 2))
    ]
    assert {reply.status for reply in await asyncio.gather(*moves)} == {200}
    (seen,) = (await ada.post("look", board)).reports
    assert len(seen["cards"]) == 4
    assert len({card["change"] for card in seen["cards"]}) == 4
    assert seen["changes"] == 4 + 8


async def test_there_is_always_a_place_between_two_cards(app: Served) -> None:
    ada = await app.user()
    board, (one, two, last) = await board_of(ada, "one", "two", "last")
    for count in range(60):  # halves the gap in front of the last card until no number is left in it
        assert (await ada.post("move_card", (one, two)[count % 2], column=0, before=last)).status == 200
        first, second = ("two", "one") if count % 2 == 0 else ("one", "two")
        assert (await columns(ada, board))[0] == [first, second, "last"]


async def test_what_happened_while_somebody_was_away_follows_in_the_order_of_the_changes(app: Served) -> None:
    ada, bob = await app.user(), await app.user()
    board, (one,) = await board_of(ada, "One")
    async with bob.stream(board) as his:
        his.drop()
        await ada.post("write_card", one, text="First")
        await ada.post("move_card", one, column=1)
        await ada.post("drop_card", one)
        assert (await his.resume())[board] is True
        told: list[Any] = [frame["data"] for frame in await his.quiet() if frame["type"] == "channel"]
    assert [one["type"] for one in told] == ["card", "card", "gone"]
    assert [one["data"]["change"] for one in told] == [2, 3, 4]
    assert (told[0]["data"]["text"], told[1]["data"]["column"]) == ("First", 1)
    assert await columns(bob, board) == [[], [], []]


async def test_only_walkers_speak_on_a_board(app: Served) -> None:
    ada = await app.user()
    board, _ = await board_of(ada)
    async with ada.stream(board) as hers:
        with pytest.raises(AssertionError, match="refused"):
            await hers.ask("channel", channel_ids=[board], data={"type": "gone", "data": {}})


async def test_what_is_no_card_is_refused(app: Served) -> None:
    ada = await app.user()
    board, (one,) = await board_of(ada, "One")
    assert (await ada.post("add_card", board, text="  ")).status == 422
    assert (await ada.post("write_card", one, text="x" * 501)).status == 422
    assert (await ada.post("move_card", one, column=3)).status == 422
    assert (await ada.post("open_board", title="")).status == 422
