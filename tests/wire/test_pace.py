"""A client that is read no faster than it may send, in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from tests.wire.conftest import House, settle
from walkwire.server.socket.loopback import Closed
from walkwire.wire.limits import Limits

Build = Callable[..., Awaitable[House]]


async def test_events_without_an_id_are_slowed_and_none_is_lost(build: Build) -> None:
    house = await build(limits=Limits(events=2000, burst=0.01))
    socket = await house.open()
    for number in range(100):
        await socket.send(
            {"type": "client", "client_ids": [socket.connection.client.id], "data": {"n": number}}
        )
    assert [(await socket.receive())["n"] for _ in range(100)] == list(range(100))
    assert house.wire.rates is not None
    assert house.wire.rates.limited["connection"] > 0


async def test_an_event_with_an_id_that_comes_too_early_is_answered_with_a_hint(build: Build) -> None:
    house = await build(limits=Limits(events=1, burst=0.5))
    socket = await house.open()
    await socket.send({"type": "connection", "id": 1})
    answer = await socket.receive()
    assert (answer["ok"], answer["error"]["code"]) == (False, "limited")
    assert answer["error"]["retry_in"] > 0


async def test_a_client_that_goes_on_is_closed_with_4129(build: Build) -> None:
    house = await build(limits=Limits(events=1, burst=0.5, patience=0))
    socket = await house.open()
    await socket.send({"type": "connection"})
    with pytest.raises(Closed) as closed:
        await socket.receive()
    assert closed.value.code == 4129
    await settle()
    assert (house.hub.clients, house.wire.rates and house.wire.rates.limited["closed"]) == ({}, 1)


async def test_a_rest_and_a_long_queue_both_have_to_end_before_the_client_is_read(build: Build) -> None:
    house = await build(limits=Limits(events=1, burst=0.5))
    socket = await house.open()
    connection = socket.connection
    connection.charge(10)
    assert connection._allowance is not None
    rest = connection._allowance.timer
    assert rest is not None
    connection.pause()
    connection.unpause()
    assert not socket._is_read.is_set()
    rest.cancel()
    connection._end_rest(connection._allowance)
    assert socket._is_read.is_set()


async def test_nothing_is_read_while_a_token_is_checked_that_decides_how_much_may_be_sent(
    build: Build,
) -> None:
    house = await build(limits=Limits(frame=2000, public_frame=1000))
    socket = await house.open()
    socket.connection.hear(b'{"type":"change_user","token":"ann"}')
    assert not socket._is_read.is_set()
    await asyncio.wait_for(socket._is_read.wait(), 5)
    assert socket.connection.client.is_authenticated
