"""All connections of a server: what is under way is finished, and everything is closed."""

from __future__ import annotations

import asyncio

import pytest

from tests.wire.conftest import Gate, House, settle
from walkwire.server.socket.loopback import Closed, Loopback
from walkwire.wire.message import close
from walkwire.wire.message.notification import Notification


async def test_all_are_said_goodbye_to_after_what_they_were_told(house: House) -> None:
    sockets = [await house.open(channel_id="lobby") for _ in range(2)]
    house.hub.notify(Notification("channels", ("lobby",), b'{"n":1}'))
    await house.wire.connections.close_all(close.DRAIN, 1)
    for socket in sockets:
        assert await socket.receive() == {"n": 1}
        assert socket.closed is not None
        assert (socket.closed.code, socket.closed.reason) == (4200, close.DRAIN.text())
    assert house.hub.clients == {}


async def test_a_stopping_server_hears_nothing_more_and_waits_for_what_is_under_way(house: House) -> None:
    gate = house.walkers["gate"] = Gate()
    socket = await house.open()
    await socket.send({"type": "walker", "walker": "gate", "response": True, "context": {"n": 1}})
    await gate.came(1)
    finishing = asyncio.ensure_future(house.wire.connections.finish(60))
    await settle()
    await socket.send({"type": "connection"})
    assert not finishing.done()
    gate.let_go()
    await finishing
    assert await socket.quiet() == [{"n": 1}]


async def test_a_stopping_server_waits_only_so_long(house: House) -> None:
    gate = house.walkers["gate"] = Gate()
    socket = await house.open()
    await socket.send({"type": "walker", "walker": "gate"})
    await gate.came(1)
    await house.wire.connections.finish(0.01)
    assert gate.inside == 1
    gate.let_go()
    await socket.quiet()


async def test_one_that_is_not_greeted_yet_when_all_are_sent_away_is_sent_away_too(house: House) -> None:
    async with Loopback(house.door, "ann") as socket:
        await house.wire.connections.close_all(close.DRAIN, 0)
        with pytest.raises(Closed, match="4200"):
            await socket.receive()
    assert house.hub.clients == {}
