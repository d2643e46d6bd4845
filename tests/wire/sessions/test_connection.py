"""The conversation with a client of version 2: connect, resume, join, change_user, history and ping."""

from __future__ import annotations

import random
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.wire.conftest import ANN, BOB, House, Listener
from tests.wire.streams.network import Network
from walkwire.server.socket.loopback import Closed, Loopback
from walkwire.wire.limits import Limits
from walkwire.wire.message.notification import Kind, Notification
from walkwire.wire.policy import Policies

Build = Callable[..., Awaitable[House]]


def tell(house: House, kind: Kind, target: str, number: int) -> None:
    house.hub.notify(Notification(kind, (target,), b'{"n":%d}' % number))


def numbers(frames: list[dict[str, Any]]) -> list[int]:
    return [frame["data"]["n"] for frame in frames]


async def test_the_client_speaks_first_and_is_told_who_it_is(house: House) -> None:
    ann = await house.connect("ann", "den")
    streams = ann.who["streams"]
    assert ann.who["root_id"] == f"n::{ANN}"
    assert ann.who["client_id"].split(":")[1].startswith("00000000")
    assert ann.who["session_seconds"] == 300
    begins = [streams["user"], streams["client"], streams["channels"]["den"]]
    assert [each["recovered"] for each in begins] == [None] * 3
    assert len({each["at"] for each in begins}) == 3
    assert all(len(each["at"]) <= 64 for each in begins)


async def test_every_frame_names_its_stream_and_its_place(house: House) -> None:
    ann = await house.connect("ann", "den")
    tell(house, "channels", "den", 1)
    tell(house, "users", ANN, 2)
    tell(house, "clients", ann.who["client_id"], 3)
    heard = await ann.heard()
    assert [frame["type"] for frame in heard] == ["channel", "user", "client"]
    assert heard[0] == {"type": "channel", "channel_id": "den", "at": heard[0]["at"], "data": {"n": 1}}
    assert len({frame["at"] for frame in heard}) == 3


async def test_a_client_of_version_1_hears_the_same_as_it_always_did(house: House) -> None:
    old, new = await house.open("ann", "den"), await house.connect("ann", "den")
    tell(house, "channels", "den", 1)
    assert await old.quiet() == [{"n": 1}]
    assert numbers(await new.heard()) == [1]


async def test_what_was_missed_follows_the_reply_in_order_before_anything_newer(house: House) -> None:
    ann = await house.connect("ann", "den")
    tell(house, "channels", "den", 1)
    at = (await ann.heard())[-1]["at"]
    ann.socket.leave()
    for number in (2, 3):
        tell(house, "channels", "den", number)
    tell(house, "users", ANN, 4)
    tell(house, "clients", ann.who["client_id"], 5)
    positions = {name: ann.who["streams"][name]["at"] for name in ("user", "client")}
    again = await house.connect(
        "ann", {"channel_id": "den", "at": at}, session=ann.who["session"], at=positions
    )
    assert again.who["client_id"] == ann.who["client_id"]
    assert again.who["streams"]["channels"]["den"] == {"at": at, "recovered": True}
    assert again.who["streams"]["user"]["recovered"] is again.who["streams"]["client"]["recovered"] is True
    tell(house, "channels", "den", 6)
    heard = await again.heard()
    assert [frame["data"]["n"] for frame in heard if frame["type"] == "channel"] == [2, 3, 6]
    assert [frame["data"]["n"] for frame in heard if frame["type"] != "channel"] == [4, 5]


async def test_a_position_of_another_stream_is_not_taken(house: House) -> None:
    ann = await house.connect("ann", "den", "hall")
    at = ann.who["streams"]["channels"]["hall"]["at"]
    reply = await house.connect(
        "ann", {"channel_id": "den", "at": at}, {"channel_id": "hall", "at": "nonsense"}
    )
    channels = reply.who["streams"]["channels"]
    assert [channels[name]["reason"] for name in ("den", "hall")] == ["reset", "reset"]


async def test_more_than_is_kept_is_expired_and_more_than_is_replayed_too_many(house: House) -> None:
    ann = await house.connect("ann", "den")
    at = ann.who["streams"]["channels"]["den"]["at"]
    for number in range(301):
        tell(house, "channels", "den", number)
    again = await house.connect("ann", {"channel_id": "den", "at": at})
    den = again.who["streams"]["channels"]["den"]
    assert (den["recovered"], den["reason"]) == (False, "expired")
    assert await again.heard() == []
    big = b'{"t":"%b"}' % (b"x" * 300_000)
    for _ in range(2):
        house.hub.notify(Notification("channels", ("den",), big))
    late = await house.connect("ann", {"channel_id": "den", "at": den["at"]})
    assert late.who["streams"]["channels"]["den"]["reason"] == "too_many"


async def test_rewind_begins_with_the_last_notifications(house: House) -> None:
    ann = await house.connect("ann", "den")
    for number in range(5):
        tell(house, "channels", "den", number)
    bob = await house.connect("bob", {"channel_id": "den", "rewind": 2})
    assert bob.who["streams"]["channels"]["den"]["recovered"] is None
    assert numbers(await bob.heard()) == [3, 4]
    at = bob.who["streams"]["channels"]["den"]["at"]
    again = await house.connect("bob", {"channel_id": "den", "at": at})
    assert numbers(await again.heard()) == [3, 4]
    assert numbers(await ann.heard()) == [0, 1, 2, 3, 4]


async def test_the_session_is_taken_over_by_its_next_connection(house: House) -> None:
    ann = await house.connect("ann")
    again = await house.connect("ann", session=ann.who["session"])
    assert again.who["client_id"] == ann.who["client_id"]
    assert ann.socket.closed is not None
    assert ann.socket.closed.code == 4009
    tell(house, "clients", ann.who["client_id"], 1)
    assert numbers(await again.heard()) == [1]


@pytest.mark.parametrize("session", ["", "x.y", None])
async def test_a_session_token_counts_for_its_user_only(house: House, session: str | None) -> None:
    ann = await house.connect("ann")
    token = ann.who["session"] if session is None else session
    bob = await house.connect("bob", session=token)
    assert bob.who["client_id"] != ann.who["client_id"]
    assert ann.socket.closed is None


async def test_before_connect_nothing_else_is_done(house: House) -> None:
    socket = await house.stack.enter_async_context(Loopback(house.door, version=2))
    client = Listener(socket)
    assert (await client.ask("join", channel_ids=["den"]))["error"]["code"] == "refused"
    assert (await client.ask("ping"))["ok"]
    refused = await client.connect("wrong")
    assert refused["error"]["code"] == "unauthenticated"
    assert (await client.connect("ann"))["ok"]
    assert (await client.connect("ann"))["error"]["code"] == "refused"


async def test_a_connection_that_does_not_connect_is_closed(build: Build) -> None:
    house = await build(limits=Limits(connect_seconds=0.01))
    socket = await house.stack.enter_async_context(Loopback(house.door, version=2))
    with pytest.raises(Closed) as closed:
        await socket.receive()
    assert closed.value.code == 4003


async def test_a_client_joins_and_leaves_channels(house: House) -> None:
    ann = await house.connect("ann")
    tell(house, "channels", "den", 0)
    reply = await ann.ask("join", channels=[{"channel_id": "den"}], channel_ids=["hall"])
    assert set(reply["data"]["channels"]) == {"den", "hall"}
    tell(house, "channels", "den", 1)
    assert numbers(await ann.heard()) == [1]
    await ann.ask("leave", channel_ids=["den"])
    tell(house, "channels", "den", 2)
    assert await ann.heard() == []
    at = reply["data"]["channels"]["den"]["at"]
    again = await ann.ask("join", channels=[{"channel_id": "den", "at": at}])
    assert again["data"]["channels"]["den"]["recovered"]
    assert numbers(await ann.heard()) == [1, 2]


async def test_a_channel_that_one_may_not_join_is_forbidden(build: Build) -> None:
    house = await build(policies=Policies(join="authenticated"))
    nobody = await house.connect(None, "den")
    assert nobody.who["streams"]["channels"]["den"] == {"recovered": False, "reason": "forbidden"}
    assert (await nobody.ask("join", channel_ids=["den"]))["error"]["code"] == "refused"
    assert (await nobody.ask("history", channel_id="den"))["error"]["code"] == "refused"
    tell(house, "channels", "den", 1)
    assert await nobody.heard() == []


async def test_change_user_begins_the_stream_of_the_new_user(house: House) -> None:
    ann = await house.connect("ann", "den")
    session = ann.who["session"]
    reply = await ann.ask("change_user", token="bob")
    assert reply["data"]["root_id"] == f"n::{BOB}"
    assert reply["data"]["client_id"] == ann.who["client_id"]
    assert reply["data"]["session"] != session
    assert reply["data"]["streams"]["user"]["at"] != ann.who["streams"]["user"]["at"]
    tell(house, "users", ANN, 1)
    tell(house, "users", BOB, 2)
    tell(house, "channels", "den", 3)
    assert numbers(await ann.heard()) == [2, 3]
    assert (await ann.ask("change_user", token="wrong"))["error"]["code"] == "unauthenticated"


async def test_the_end_of_a_token_closes_the_connection(house: House) -> None:
    ann = await house.connect("ann")
    house.hub.sign_out(ANN)
    assert ann.socket.closed is not None
    assert ann.socket.closed.code == 4001


async def test_history_is_read_in_pages(house: House) -> None:
    ann = await house.connect("ann", "den")
    for number in range(10):
        tell(house, "channels", "den", number)
    await ann.heard()
    newest = (await ann.ask("history", channel_id="den", limit=4))["data"]
    assert numbers(newest["messages"]) == [6, 7, 8, 9]
    assert newest["has_more"]
    before = (await ann.ask("history", channel_id="den", limit=9, before=newest["messages"][0]["at"]))["data"]
    assert numbers(before["messages"]) == [0, 1, 2, 3, 4, 5]
    assert not before["has_more"]
    after = (await ann.ask("history", channel_id="den", limit=3, after=before["messages"][1]["at"]))["data"]
    assert numbers(after["messages"]) == [2, 3, 4]
    assert after["has_more"]
    wrong = await ann.ask("history", channel_id="den", after=ann.who["streams"]["user"]["at"])
    assert wrong["error"]["code"] == "bad_reference"


async def test_a_walker_puts_a_client_into_a_channel_even_while_it_is_away(house: House) -> None:
    ann = await house.connect("ann")
    house.hub.join(ann.who["client_id"], "den")
    house.hub.join(ann.who["client_id"], "den")
    tell(house, "channels", "den", 1)
    joined, told = await ann.heard()
    assert (joined["type"], joined["channel_id"]) == ("joined", "den")
    assert numbers([told]) == [1]
    page = await ann.ask("history", channel_id="den", after=joined["at"])
    assert numbers(page["data"]["messages"]) == [1], "it follows the place that was told"
    ann.socket.leave()
    await ann.heard()
    house.hub.join(ann.who["client_id"], "hall")
    at = {"client": ann.who["streams"]["client"]["at"]}
    again = await house.connect("ann", session=ann.who["session"], at=at)
    tell(house, "channels", "hall", 2)
    joined, told = await again.heard()
    assert (joined["type"], joined["channel_id"]) == ("joined", "hall")
    assert numbers([told]) == [2]


async def test_a_client_is_told_of_a_channel_when_it_is_known_from_where_it_hears_it(build: Build) -> None:
    broker, front = Network(random.Random(0), time.time).server()
    house = await build(broker=broker, history=front)
    ann = await house.connect("ann")
    front.cut()
    house.hub.join(ann.who["client_id"], "den")
    assert await ann.heard() == []
    front.mend()
    joined = await ann.socket.receive()
    assert (joined["type"], joined["channel_id"]) == ("joined", "den")
    tell(house, "channels", "den", 1)
    told = await ann.socket.receive()
    assert numbers([told]) == [1]
    assert told["at"] != joined["at"]
    # One that has gone before is told of nothing, and nothing is left of it
    front.cut()
    house.hub.join(ann.who["client_id"], "hall")
    ann.socket.leave()
    await ann.heard()
    front.mend()
    assert len(house.hub.streams) == 0


async def test_a_client_is_told_that_it_is_taken_out_of_a_channel_but_not_that_it_left(house: House) -> None:
    ann = await house.connect("ann", "den", "hall")
    house.hub.leave(ann.who["client_id"], "den")
    house.hub.leave(ann.who["client_id"], "nowhere")
    assert await ann.heard() == [{"type": "left", "channel_id": "den"}]
    assert (await ann.ask("leave", channel_ids=["hall"]))["ok"]
    tell(house, "channels", "den", 1)
    assert await ann.heard() == []


async def test_nothing_is_left_of_clients_that_have_gone(house: House) -> None:
    ann = await house.connect("ann", "den")
    ann.socket.leave()
    await ann.heard()
    assert len(house.hub.streams) == len(house.hub.clients) == 0
