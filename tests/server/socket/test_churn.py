"""Connections that come and go, over real sockets: the server's tables, tasks and files are as they were before."""

from __future__ import annotations

import asyncio
import gc
import json
import random
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.server.socket.echo import serving_wire
from walkwire.brokers import open_broker
from walkwire.server.socket.stream import SocketStream
from walkwire.wire.connection import Connection
from walkwire.wire.wire import Wire

VISITORS = 120


def files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def left_over() -> int:
    """Connections and streams that are still in memory."""
    gc.collect()
    return sum(isinstance(each, SocketStream | Connection) for each in gc.get_objects())


async def visit(port: int, number: int) -> None:
    chance = random.Random(number)
    room = f"room{number % 7}"
    async with connect(f"ws://127.0.0.1:{port}/websocket?channel_id={room}") as client:
        who = json.loads(await client.recv())["data"]
        events = [
            {"type": "join", "channel_ids": ["a", "b"]},
            {"type": "leave", "channel_ids": ["a"]},
            {"type": "channel", "channel_ids": [room], "data": {}},
            {"type": "client", "client_ids": [who["client_id"]], "data": {}},
            {"type": "walker", "walker": "any", "response": True},
            {"type": "change_user", "token": "x"},
            {"type": "nonsense"},
        ]
        chance.shuffle(events)
        for event in events:
            await client.send(json.dumps(event))
        await client.send(["frag", "ments"])
        for _ in range(4):
            await client.recv()
        match number % 4:
            case 0:
                client.transport.abort()
            case 1:
                client.transport.write(b"\xff\xff\xff\xff")  # no frame


@pytest.mark.filterwarnings("ignore::ResourceWarning")
async def test_nothing_is_left_of_those_who_have_gone() -> None:
    wire = Wire(open_broker())
    async with serving_wire(wire) as port:
        await visit(port, 2)
        await asyncio.sleep(0.05)
        before = files(), len(asyncio.all_tasks()), left_over()
        for start in range(0, VISITORS, 20):
            visits = (visit(port, number) for number in range(start, start + 20))
            for outcome in await asyncio.gather(*visits, return_exceptions=True):
                assert outcome is None or isinstance(outcome, ConnectionClosed)
        async with asyncio.timeout(30):
            while len(wire.heartbeat) or (files(), len(asyncio.all_tasks()), left_over()) != before:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        assert (wire.hub.clients, wire.connections.under_way, wire.hub.audiences, len(wire.turn.lags)) == (
            {},
            set(),
            0,
            0,
        )
