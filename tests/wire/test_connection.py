"""The conversation on one connection, in memory."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.garbage import garbage_of
from tests.wire.conftest import ANN, BOB, Gate, House, settle
from walkwire.errors import (
    BadEvent,
    BadReference,
    Busy,
    Internal,
    NoAccess,
    PublicError,
    Refused,
    Unauthenticated,
)
from walkwire.ids import PUBLIC_ROOT
from walkwire.server.socket.loopback import Closed, Loopback
from walkwire.wire.connection import Connection, handles
from walkwire.wire.door import Call
from walkwire.wire.limits import Limits
from walkwire.wire.message import frame
from walkwire.wire.message.event import EVENTS, BaseEvent, Events
from walkwire.wire.message.notification import Notification
from walkwire.wire.policy import Policies

Build = Callable[..., Awaitable[House]]

BODY = {"status": 200, "reports": []}


async def answer(call: Call) -> bytes:
    return json.dumps(BODY).encode()


# The greeting


async def test_the_first_frame_says_who_one_is(house: House) -> None:
    async with Loopback(house.door, "Bearer ann", "lobby") as socket:
        greeting = await socket.receive()
    data = greeting["data"]
    assert list(greeting) == ["type", "data"]
    assert list(data) == ["client_id", "root_id", "channel_id"]
    assert (data["root_id"], data["channel_id"]) == (f"n::{ANN}", "lobby")
    assert house.wire.ids.server in data["client_id"]


@pytest.mark.parametrize("token", [None, "", "Bearer", "Bearer ", "nonsense", "Basic ann"])
async def test_without_a_good_token_one_is_the_public_user(house: House, token: str | None) -> None:
    async with Loopback(house.door, token) as socket:
        assert (await socket.receive())["data"]["root_id"] == f"n::{PUBLIC_ROOT}"


@pytest.mark.parametrize("token", ["ann", "Bearer ann", "bearer ann", "BEARER   ann "])
async def test_a_token_is_taken_with_its_scheme_in_any_case_or_without(house: House, token: str) -> None:
    async with Loopback(house.door, token) as socket:
        assert (await socket.receive())["data"]["root_id"] == f"n::{ANN}"


async def test_a_channel_that_was_not_chosen_is_random(house: House) -> None:
    one, two = await house.open(), await house.open(channel_id="")
    names = {socket.connection.client.channel_id for socket in (one, two)}
    assert len(names) == 2
    assert all(house.wire.ids.server in name for name in names)


async def test_a_channel_may_have_a_long_name_and_not_an_endless_one(house: House) -> None:
    async with Loopback(house.door, None, "x" * 1024) as socket:
        assert (await socket.receive())["data"]["channel_id"] == "x" * 1024
    async with Loopback(house.door, "ann", "x" * 1025) as socket:
        with pytest.raises(Closed) as closed:
            await socket.receive()
    assert closed.value.code == 4003
    assert "at most 1,024 characters" in closed.value.reason
    await settle()
    assert (house.hub.clients, house.wire.connections.under_way) == ({}, set())


async def test_events_that_come_before_the_greeting_are_answered_after_it(house: House) -> None:
    async with Loopback(house.door, "ann") as socket:
        await socket.send({"type": "connection", "id": 1})
        assert (await socket.receive())["type"] == "connection"
        assert (await socket.receive())["data"]["root_id"] == f"n::{ANN}"


async def test_one_that_goes_before_it_is_greeted_leaves_nothing(house: House) -> None:
    async with Loopback(house.door, "ann"):
        pass
    await settle()
    assert (house.hub.clients, house.wire.connections.under_way) == ({}, set())


async def test_a_fault_in_authentication_gives_the_public_user(
    house: House, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(token: str | None) -> str:
        raise OSError("secret path")

    monkeypatch.setattr(house, "authenticate", fail)
    socket = await house.open("ann")
    assert socket.connection.client.root_id == PUBLIC_ROOT
    assert "secret path" in caplog.text


# Events without an id


async def test_connection_is_answered_by_the_connection_frame(house: House) -> None:
    async with Loopback(house.door, "ann", "lobby") as socket:
        greeting = await socket.receive_bytes()
        await socket.send({"type": "connection"})
        assert await socket.receive_bytes() == greeting


async def test_a_walker_is_called_with_what_the_event_says(house: House) -> None:
    house.walkers["tour"] = answer
    socket = await house.open("ann")
    await socket.send('{"type":"walker","walker":"tour","node":"n:Stop:1","context":{"a" : 1}}')
    await socket.send({"type": "walker", "walker": "tour", "node": ""})
    await socket.send({"type": "walker", "walker": "tour", "node": None, "response": True})
    assert await socket.quiet() == [BODY]
    first, second, third = house.calls
    assert (first.walker, first.node, first.context) == ("tour", "n:Stop:1", b'{"a" : 1}')
    assert (first.root_id, first.client) == (ANN, socket.connection.client)
    assert (second.node, third.node, third.context) == (None, None, b"{}")


async def test_an_answer_is_the_walkers_body_as_it_is(house: House) -> None:
    async def custom(call: Call) -> bytes:
        return b'{"any": ["thing"]}'

    house.walkers["custom"] = custom
    socket = await house.open()
    await socket.send({"type": "walker", "walker": "custom", "response": True})
    assert await socket.receive_bytes() == b'{"any": ["thing"]}'


@pytest.mark.parametrize("sender_is_in", [True, False])
async def test_a_channel_event_reaches_the_channel_and_is_not_acknowledged(
    house: House, sender_is_in: bool
) -> None:
    sender = await house.open(channel_id="lobby" if sender_is_in else None)
    other = await house.open(channel_id="lobby")
    await sender.send('{"type":"channel","channel_ids":["lobby","lobby"],"data":{"b" : 1e2}}')
    assert await other.receive_bytes() == b'{"b" : 1e2}'
    assert await sender.quiet() == ([{"b": 100.0}] if sender_is_in else [])


async def test_a_user_event_takes_references_and_bare_ids(house: House) -> None:
    sender, other, too = await house.open("ann"), await house.open("bob"), await house.open("bob")
    await sender.send(
        {"type": "user", "root_ids": [f"n::{BOB}", BOB.upper(), f"n:X:{ANN}"], "data": {"n": 1}}
    )
    assert [await socket.quiet() for socket in (sender, other, too)] == [[{"n": 1}]] * 3


async def test_a_malformed_root_refuses_the_whole_event_before_any_delivery(house: House) -> None:
    sender = await house.open("ann")
    for bad in ("nonsense", f"w::{ANN}", ""):
        await sender.send({"type": "user", "root_ids": [ANN, bad], "data": {}})
        assert await sender.quiet() == [{"error": f"Not a valid reference: {bad!r}"}]


async def test_a_client_event_reaches_its_clients_and_skips_unknown_ones(house: House) -> None:
    sender, other = await house.open(), await house.open()
    await sender.send({"type": "client", "client_ids": [other.connection.client.id, "x"], "data": {"n": 1}})
    assert [await sender.quiet(), await other.quiet()] == [[], [{"n": 1}]]


async def test_join_and_leave_are_silent_without_an_id(house: House) -> None:
    socket = await house.open()
    await socket.send({"type": "join", "channel_ids": ["a", "b"]})
    await socket.send({"type": "leave", "channel_ids": ["b", "never"]})
    await socket.send({"type": "channel", "channel_ids": ["b"], "data": {"n": 1}})
    await socket.send({"type": "channel", "channel_ids": ["a"], "data": {"n": 2}})
    assert await socket.quiet() == [{"n": 2}]


async def test_change_user_keeps_client_and_channel(house: House) -> None:
    socket = await house.open("ann", "lobby")
    client = socket.connection.client
    expected = {"client_id": client.id, "root_id": f"n::{BOB}", "channel_id": "lobby"}
    await socket.send({"type": "change_user", "token": "Bearer bob"})
    assert await socket.receive() == {"type": "connection", "data": expected}
    for absent in ({}, {"token": None}, {"token": ""}, {"token": "bad"}):
        await socket.send({"type": "change_user", "token": "bob"})
        await socket.send({"type": "change_user", **absent})
        await socket.receive()
        assert (await socket.receive())["data"] == {**expected, "root_id": f"n::{PUBLIC_ROOT}"}


async def test_an_event_after_change_user_is_the_new_users(house: House) -> None:
    house.walkers["tour"] = answer
    socket = await house.open("ann")
    await socket.send({"type": "walker", "walker": "tour", "id": 1})
    await socket.send({"type": "change_user", "token": "bob"})
    await socket.send({"type": "walker", "walker": "tour", "id": 2})
    await socket.quiet()
    assert [call.root_id for call in house.calls] == [ANN, BOB]


async def test_a_token_that_ends_while_it_is_checked_is_no_longer_good(house: House) -> None:
    socket = await house.open()
    await socket.send({"type": "change_user", "token": "ann"})
    await asyncio.sleep(0)
    house.tokens.clear()
    house.hub.sign_out(ANN)
    assert [each["data"]["root_id"] for each in await socket.quiet()] == [f"n::{PUBLIC_ROOT}"]


# Errors


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (Unauthenticated("tour"), {"type": "walker", "error": "Event tour requires to be authenticated!"}),
        (NoAccess("n:A:1"), {"type": "walker", "error": "You don't have access on target entry n:A:1!"}),
        (BadReference("x"), {"type": "walker", "error": "Not a valid reference: 'x'"}),
        (Busy(), {"type": "walker", "error": "The server is busy. Please try again!"}),
        (PublicError("sold_out", "No tickets left"), {"type": "walker", "error": "No tickets left"}),
        (BadEvent("It needs a file."), {"type": "walker", "error": "It needs a file."}),
        (BadEvent("x", [{"loc": ["text"]}]), {"error": [{"loc": ["text"]}]}),
    ],
)
async def test_what_a_walker_may_say_of_its_failure_is_told(
    house: House, error: Exception, told: Any
) -> None:
    async def fail(call: Call) -> bytes:
        raise error

    house.walkers["tour"] = fail
    socket = await house.open()
    await socket.send({"type": "walker", "walker": "tour"})
    await socket.send({"type": "walker", "walker": "tour", "id": 7})
    plain, reply = await socket.quiet()
    assert plain == told
    assert isinstance(error, PublicError)
    expected = {"code": error.code, "message": error.message}
    assert reply == {"type": "reply", "id": 7, "ok": False, "error": expected}


async def test_an_unknown_walker_is_told_in_the_seeds_words(house: House) -> None:
    socket = await house.open()
    await socket.send({"type": "walker", "walker": "nobody"})
    assert await socket.receive() == {
        "type": "walker",
        "error": "Invalid request! Please use valid walker event!",
    }


@pytest.mark.parametrize("event_id", [None, 7])
async def test_a_fault_is_told_by_its_reference_and_the_log_has_the_rest(
    house: House, caplog: pytest.LogCaptureFixture, event_id: int | None
) -> None:
    async def fail(call: Call) -> bytes:
        raise KeyError("/secret/path")

    house.walkers["tour"] = fail
    socket = await house.open()
    await socket.send({"type": "walker", "walker": "tour", "id": event_id})
    told = await socket.receive_bytes()
    assert b"secret" not in told
    answer = json.loads(told)
    sentence = answer["error"] if event_id is None else answer["error"]["message"]
    record = caplog.records[-1]
    assert (record.getMessage(), record.levelno) == (sentence, logging.ERROR)
    assert sentence.startswith("Internal error, reference ")
    assert "/secret/path" in caplog.text


async def test_a_fault_that_was_logged_already_is_not_logged_again(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    fault = Internal()

    async def fail(call: Call) -> bytes:
        raise fault

    house.walkers["tour"] = fail
    socket = await house.open()
    await socket.send({"type": "walker", "walker": "tour"})
    assert await socket.receive() == {"error": fault.message}
    assert caplog.records == []


async def test_the_connection_goes_on_after_any_nonsense(house: House) -> None:
    socket = await house.open()
    for nonsense in (
        b"",
        b"\xff",
        "{",
        "[]",
        "null",
        '{"type":"x"}',
        '{"type":"walker"}',
        "[" * 100,
        "1" * 5000,
    ):
        await socket.send(nonsense)
        assert "error" in await socket.receive()
    await socket.send({"type": "connection"})
    assert (await socket.receive())["type"] == "connection"


async def test_an_answer_too_large_for_a_frame_is_an_error(house: House) -> None:
    async def large(call: Call) -> bytes:
        return b'"' + b"x" * frame.LIMIT + b'"'

    house.walkers["large"] = large
    socket = await house.open()
    await socket.send({"type": "walker", "walker": "large", "id": 1})
    assert (await socket.receive())["error"]["code"] == "limited"


# Events with an id


async def test_every_event_with_an_id_is_answered_by_one_reply(house: House) -> None:
    house.walkers["tour"] = answer
    socket = await house.open("ann", "lobby")
    client = socket.connection.client
    who = {"client_id": client.id, "root_id": f"n::{ANN}", "channel_id": "lobby"}
    events: list[tuple[dict[str, Any], Any]] = [
        ({"type": "connection"}, who),
        ({"type": "walker", "walker": "tour"}, BODY),
        ({"type": "walker", "walker": "tour", "response": True}, BODY),
        ({"type": "user", "root_ids": [BOB], "data": {}}, None),
        ({"type": "channel", "channel_ids": ["x"], "data": {}}, None),
        ({"type": "client", "client_ids": ["x"], "data": {}}, None),
        ({"type": "join", "channel_ids": ["x"]}, None),
        ({"type": "leave", "channel_ids": ["x"]}, None),
        ({"type": "change_user", "token": "ann"}, who),
    ]
    for event_id, (event, data) in enumerate(events):
        await socket.send({**event, "id": event_id})
        assert await socket.quiet() == [{"type": "reply", "id": event_id, "ok": True, "data": data}]


@pytest.mark.parametrize(
    ("event", "code"),
    [
        ({"type": "walker"}, "bad_event"),
        ({"type": "nonsense"}, "bad_event"),
        ({}, "bad_event"),
        ({"type": "walker", "walker": "nobody"}, "unknown_walker"),
        ({"type": "user", "root_ids": ["x"], "data": {}}, "bad_reference"),
        ({"type": "join", "channel_ids": [str(number) for number in range(200)]}, "limited"),
    ],
)
async def test_what_goes_wrong_is_a_reply_with_a_code(house: House, event: dict[str, Any], code: str) -> None:
    socket = await house.open()
    await socket.send({**event, "id": "x"})
    (reply,) = await socket.quiet()
    assert list(reply) == ["type", "id", "ok", "error"]
    assert (reply["id"], reply["ok"], reply["error"]["code"]) == ("x", False, code)
    assert list(reply["error"]) == ["code", "message"]


async def test_128_channels_are_the_most_and_the_connection_stays(house: House) -> None:
    socket = await house.open()
    await socket.send({"type": "join", "channel_ids": [str(number) for number in range(127)], "id": 1})
    await socket.send({"type": "join", "channel_ids": ["one more"]})
    await socket.send({"type": "join", "channel_ids": ["5"], "id": 2})
    first, second, third = await socket.quiet()
    assert (first["ok"], third["ok"]) == (True, True)
    assert second == {"error": "A connection may be in 128 channels at most."}


# Order


async def test_events_are_handled_in_their_order_and_wait_for_a_walk(house: House) -> None:
    gate = house.walkers["gate"] = Gate()
    socket = await house.open(channel_id="lobby")
    await socket.send({"type": "walker", "walker": "gate", "response": True, "context": {"n": 1}})
    await socket.send({"type": "channel", "channel_ids": ["lobby"], "data": {"n": 2}})
    await socket.send({"type": "walker", "walker": "gate", "response": True, "context": {"n": 3}})
    await gate.came(1)
    await settle()
    assert len(gate.order) == 1
    gate.let_go(2)
    assert await socket.quiet() == [{"n": 1}, {"n": 2}, {"n": 3}]


async def test_an_answer_does_not_overtake_what_the_walk_told(house: House) -> None:
    async def tells(call: Call) -> bytes:
        for kind, target in (("channels", "lobby"), ("clients", call.client.id), ("users", ANN)):
            house.hub.notify(Notification(kind, (target,), json.dumps({"told": kind}).encode()))  # type: ignore[arg-type]
        return b'{"answer":1}'

    house.walkers["tells"] = tells
    socket = await house.open("ann", "lobby")
    for _ in range(3):
        await socket.send({"type": "walker", "walker": "tells", "response": True})
    one = [{"told": "channels"}, {"told": "clients"}, {"told": "users"}, {"answer": 1}]
    assert await socket.quiet() == one * 3


async def test_walkers_with_an_id_run_side_by_side_and_the_ninth_holds_what_follows(house: House) -> None:
    gate = house.walkers["gate"] = Gate()
    socket = await house.open(channel_id="lobby")
    for number in range(1, 10):
        await socket.send({"type": "walker", "walker": "gate", "id": number, "context": {"n": number}})
    await socket.send({"type": "channel", "channel_ids": ["lobby"], "data": {"n": "after"}})
    await gate.came(8)
    await settle()
    assert (gate.inside, len(socket.connection.client.frames or [])) == (8, 0)
    gate.let_go()
    await gate.came(9)
    assert (await socket.receive())["data"] == {"n": 1}
    assert await socket.receive() == {"n": "after"}
    gate.let_go(8)
    assert sorted(each["id"] for each in await socket.quiet()) == list(range(2, 10))
    assert gate.most == 8


async def test_other_events_pass_walkers_with_an_id(house: House) -> None:
    gate = house.walkers["gate"] = Gate()
    socket = await house.open()
    await socket.send({"type": "walker", "walker": "gate", "id": 1})
    await socket.send({"type": "connection", "id": 2})
    assert (await socket.receive())["id"] == 2
    gate.let_go()
    assert (await socket.receive())["id"] == 1


# Flow


async def test_a_line_that_grows_too_long_pauses_the_sender_and_loses_nothing(build: Build) -> None:
    house = await build(limits=Limits(waiting_events=4))
    gate = house.walkers["gate"] = Gate()
    socket = await house.open()
    await socket.send({"type": "walker", "walker": "gate"})
    await gate.came(1)
    for number in range(4):
        await socket.send({"type": "connection", "id": number})
    sending = asyncio.ensure_future(socket.send({"type": "connection", "id": 4}))
    await settle()
    assert not sending.done()
    gate.let_go()
    await sending
    assert [each["id"] for each in await socket.quiet()] == [0, 1, 2, 3, 4]


async def test_a_line_is_bounded_in_bytes_too(build: Build) -> None:
    house = await build(limits=Limits(waiting_bytes=1000))
    gate = house.walkers["gate"] = Gate()
    socket = await house.open()
    await socket.send({"type": "walker", "walker": "gate"})
    await socket.send({"type": "connection", "x": "x" * 1000})
    sending = asyncio.ensure_future(socket.send({"type": "connection"}))
    await settle()
    assert not sending.done()
    gate.let_go()
    await sending
    assert len(await socket.quiet()) == 2


async def test_what_was_heard_before_a_client_left_is_still_done(house: House) -> None:
    gate = house.walkers["gate"] = Gate()
    sender, other = await house.open(), await house.open(channel_id="lobby")
    await sender.send({"type": "walker", "walker": "gate", "response": True})
    await sender.send({"type": "join", "channel_ids": ["lobby"]})
    await sender.send({"type": "change_user", "token": "ann"})
    await sender.send({"type": "channel", "channel_ids": ["lobby"], "data": {"n": 1}})
    sender.leave()
    await gate.came(1)
    gate.let_go()
    assert await other.quiet() == [{"n": 1}]
    assert set(house.hub.clients) == {other.connection.client.id}
    assert house.hub._channels.find("lobby").members == {other.connection.client}


async def test_a_client_that_does_not_read_is_cut_off_and_the_others_hear_all(build: Build) -> None:
    house = await build(limits=Limits(unsent=10_000))
    sender, slow, quick = [await house.open(channel_id="lobby") for _ in range(3)]
    slow.is_stalled = True
    for number in range(200):
        await sender.send(
            {"type": "channel", "channel_ids": ["lobby"], "data": {"n": number, "x": "x" * 100}}
        )
        await asyncio.sleep(0)
    assert [each["n"] for each in await quick.quiet()] == list(range(200))
    assert [each["n"] for each in await sender.quiet()] == list(range(200))
    with pytest.raises(Closed, match="1006"):
        await slow.receive()
    assert slow.connection.client.id not in house.hub.clients


# Policies

SAYING = {
    "user": {"type": "user", "root_ids": [BOB], "data": {}},
    "channel": {"type": "channel", "channel_ids": ["x"], "data": {}},
    "client": {"type": "client", "client_ids": ["x"], "data": {}},
    "join": {"type": "join", "channel_ids": ["x"]},
}


@pytest.mark.parametrize("kind", SAYING)
@pytest.mark.parametrize(
    ("policy", "public", "user"), [("all", 1, 1), ("authenticated", 0, 1), ("none", 0, 0)]
)
async def test_each_kind_of_event_has_its_policy(
    build: Build, kind: str, policy: Any, public: bool, user: bool
) -> None:
    house = await build(policies=Policies(**{kind: policy}))
    for token, may in ((None, public), ("ann", user)):
        socket = await house.open(token)
        for other, event in SAYING.items():
            await socket.send({**event, "id": other})
        replies = {each["id"]: each for each in await socket.quiet()}
        assert {name: each["ok"] for name, each in replies.items()} == {
            **dict.fromkeys(SAYING, True),
            kind: may,
        }
        assert may or replies[kind]["error"]["code"] == "refused"


async def test_a_refusal_is_an_error_without_a_type(build: Build) -> None:
    house = await build(policies=Policies(channel="authenticated"))
    socket = await house.open()
    await socket.send(SAYING["channel"])
    assert await socket.quiet() == [{"error": "One has to be signed in to send channel events."}]


@pytest.mark.parametrize(("is_guarded", "told"), [(False, [{"error": "x"}]), (True, [])])
async def test_in_production_nobody_speaks_as_the_server(
    build: Build, is_guarded: bool, told: list[Any]
) -> None:
    house = await build(policies=Policies(is_guarded=is_guarded))
    sender, other = await house.open("ann"), await house.open("bob", "lobby")
    await sender.send({"type": "channel", "channel_ids": ["lobby"], "data": {"error": "x"}})
    assert await other.quiet() == told
    assert len(await sender.quiet()) == int(is_guarded)


@pytest.mark.parametrize("is_guarded", [False, True])
async def test_in_production_nobody_writes_to_all_who_have_not_signed_in(
    build: Build, is_guarded: bool
) -> None:
    house = await build(policies=Policies(is_guarded=is_guarded))
    sender, public = await house.open("ann"), await house.open()
    await sender.send({"type": "user", "root_ids": [BOB, PUBLIC_ROOT], "data": {"n": 1}, "id": 1})
    assert await public.quiet() == ([] if is_guarded else [{"n": 1}])
    (reply,) = await sender.quiet()
    assert reply["ok"] is not is_guarded


async def test_a_channel_refused_at_the_handshake_is_named_all_the_same(build: Build) -> None:
    house = await build(policies=Policies(join="authenticated"))
    socket, user = await house.open(channel_id="lobby"), await house.open("ann", "lobby")
    assert socket.connection.client.channel_id == "lobby"
    say = {"type": "channel", "channel_ids": ["lobby"], "data": {"n": 1}}
    await user.send(say)
    assert await socket.quiet() == []
    await socket.send({"type": "change_user", "token": "bob"})
    assert (await socket.receive())["data"]["channel_id"] == "lobby"
    await user.send(say)
    assert await socket.quiet() == [{"n": 1}]


class PokeEvent(BaseEvent, frozen=True, kw_only=True, tag="poke"):
    whom: str


class Poking(Connection):
    """A connection that knows one event more: this is all that a new event takes."""

    _decode = staticmethod(Events((*EVENTS.kinds.values(), PokeEvent)).decode)

    @handles(PokeEvent)
    def _poke(self, event: PokeEvent) -> None:
        if event.whom == "nobody":
            raise Refused("Nobody is there.")
        self._say(frame.reply(event.id, b'"%b"' % event.whom.encode()))


async def test_a_new_event_needs_one_declaration_and_one_method(house: House) -> None:
    socket = Loopback(house.door)
    socket.connection = Poking(house.door, socket)
    async with socket:
        assert (await socket.receive())["type"] == "connection"
        await socket.send({"type": "poke", "id": 1, "whom": "ann"})
        await socket.send({"type": "poke", "id": 2, "whom": "nobody"})
        await socket.send({"type": "poke", "id": 3})
        await socket.send({"type": "connection", "id": 4})
        said = [await socket.receive() for _ in range(4)]
    assert said[0] == {"type": "reply", "id": 1, "ok": True, "data": "ann"}
    assert [each["error"]["code"] for each in said[1:3]] == ["refused", "bad_event"]
    assert said[2]["error"]["message"] == "whom: Field required"
    assert said[3]["ok"] is True


async def test_an_event_that_is_refused_leaves_nothing_for_the_garbage_collector(house: House) -> None:
    """A stranger who sends garbage would stop the server for a moment again and again."""
    async with Loopback(house.door, None) as socket:
        await socket.receive()

        async def refused() -> None:
            await socket.send({"type": "nonsense"})
            assert "error" in await socket.receive()

        assert await garbage_of(refused) < 1
