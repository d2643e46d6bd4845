"""`socket`: what a walker tells whom."""

from __future__ import annotations

from typing import Any

import pytest

from walkwire import Node, Root, Walker, current_client, on_entry, root, socket
from walkwire.errors import BadReference, Limited, NotPrintable
from walkwire.ids import PUBLIC_ROOT


class Message(Node):
    text: str


class tell(Walker):
    @on_entry
    def everybody(self, here: Root) -> None:
        socket.notify_self({"to": "self"})
        socket.notify_users([here, root(), None, f"n::{PUBLIC_ROOT}"], {"to": "users"})
        socket.notify_channels(["a", "b", "a"], [1])
        socket.notify_clients(["c"], "text")
        socket.notify_clients([], "nobody")
        socket.join("c", "room")
        socket.leave("c", "room")
        socket.join(current_client(), "own", stays=True)


async def test_each_kind_has_its_audience_and_a_target_listed_twice_is_one(world: Any) -> None:
    await world.answer(tell, client="me")

    assert [(audience[:2], data) for audience, data in world.told] == [
        (("clients", ("me",)), {"to": "self"}),
        (("users", (PUBLIC_ROOT,)), {"to": "users"}),
        (("channels", ("a", "b")), [1]),
        (("clients", ("c",)), "text"),
        (("join", ("c", "room")), None),
        (("leave", ("c", "room")), None),
        (("join", ("me", "own")), True),
    ]


async def test_over_rest_there_is_no_connection_to_put_anywhere(world: Any) -> None:
    class enter(Walker):
        @on_entry
        def run(self, here: Root) -> None:
            assert current_client() is None
            socket.join(current_client(), "room")

    await world.answer(enter)
    assert world.told == []


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf")])
async def test_a_channel_token_has_an_end(world: Any, seconds: float) -> None:
    class invite(Walker):
        @on_entry
        def run(self, here: Root) -> None:
            with pytest.raises(ValueError, match="A channel token lasts"):
                socket.channel_token("room", seconds=seconds)
            with pytest.raises(Limited):
                socket.channel_token("x" * 1025)
            with pytest.raises(BadReference):
                socket.channel_token("room", root="nobody")

    await world.answer(invite)


async def test_a_channel_id_that_is_too_long_is_joined_by_nobody(world: Any) -> None:
    class enter(Walker):
        @on_entry
        def run(self, here: Root) -> None:
            socket.join("c", "x" * 1024)
            with pytest.raises(Limited, match="at most 1,024 characters"):
                socket.join("c", "x" * 1025)

    await world.answer(enter)
    assert len(world.told) == 1


async def test_notify_self_over_rest_tells_nobody(world: Any) -> None:
    await world.answer(tell)

    assert {"to": "self"} not in [data for _, data in world.told]


async def test_data_prints_as_in_a_report(world: Any) -> None:
    class send(Walker):
        @on_entry
        def node(self, here: Root) -> None:
            socket.notify_channels(["a"], {"node": Message("hi")})

    await world.answer(send)

    ((_, data),) = world.told
    assert data["node"]["id"].startswith("n:Message:")
    assert data["node"]["context"] == {"text": "hi"}


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: socket.notify_users(["nonsense"], 1), BadReference),
        (lambda: socket.notify_channels("abc", 1), TypeError),
        (lambda: socket.notify_channels(["a"], object()), NotPrintable),
    ],
)
async def test_what_cannot_be_told_raises_where_it_was_tried(
    world: Any, call: Any, error: type[Exception]
) -> None:
    class send(Walker):
        @on_entry
        def it(self, here: Root) -> None:
            call()

    with pytest.raises(error):
        await world.answer(send)


def test_outside_of_a_walk_there_is_a_clear_error() -> None:
    with pytest.raises(RuntimeError, match="No walk is in progress"):
        socket.notify_channels(["a"], 1)


async def test_what_becomes_of_it_for_a_slow_listener_travels_with_it(world: Any) -> None:
    class quotes(Walker):
        @on_entry
        def tell(self, here: Root) -> None:
            socket.notify_channels(["ticker"], 1, keep="latest")
            socket.notify_users([here], 2, keep="drop_oldest")
            socket.notify_clients(["c"], 3)
            with pytest.raises(ValueError, match="keep is one of close, drop_oldest, latest, not 'newest'"):
                socket.notify_channels(["ticker"], 1, keep="newest")  # type: ignore[arg-type]

    await world.answer(quotes)

    assert [audience.keep for audience, _ in world.told] == ["latest", "drop_oldest", None]
