"""A load on a server in this process, one that is well and some that are not."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import replace

import pytest
from websockets.frames import Frame, Opcode
from websockets.utils import accept_key

from tests.server.socket.echo import serving_wire
from walkwire.brokers import open_broker
from walkwire.errors import StartError
from walkwire.load.address import Address
from walkwire.load.plan import Plan
from walkwire.load.run import Run
from walkwire.load.tally import Result
from walkwire.wire.message import close
from walkwire.wire.policy import Policies
from walkwire.wire.wire import Wire

PLAN = Plan(12, 5, rate=400, seconds=0.2, patience=0.2)


def run_at(port: int, plan: Plan = PLAN) -> Run:
    return Run(Address.at(f"127.0.0.1:{port}"), plan)


async def test_all_that_is_said_reaches_everybody_in_its_channel() -> None:
    async with serving_wire(Wire(open_broker())) as port:
        result = await run_at(port).run()
    assert (result.sent, result.due, result.delivered) == (80, 192, 192)
    assert (result.lost, result.duplicated, result.reordered, result.closed) == (0, 0, 0, 0)
    assert result.is_complete
    assert 0 < result.p50 <= result.p99 <= result.p999 <= result.max


async def test_it_can_be_looked_at_meanwhile() -> None:
    seen: list[int] = []
    async with serving_wire(Wire(open_broker())) as port:
        await run_at(port, replace(PLAN, seconds=0.6)).run(lambda run: seen.append(run.sent))
    assert len(seen) >= 3
    assert seen == sorted(seen)


async def test_a_server_that_refuses_is_quoted() -> None:
    async with serving_wire(Wire(open_broker(), policies=Policies(channel="authenticated"))) as port:
        result = await run_at(port).run()
    assert not result.is_complete
    assert (result.delivered, result.lost) == (0, 192)
    assert "One has to be signed in to send channel events." in result.errors[0]


async def test_a_server_that_goes_is_noticed() -> None:
    wire = Wire(open_broker())
    async with serving_wire(wire) as port:
        running = asyncio.ensure_future(run_at(port, replace(PLAN, seconds=1)).run())
        while len(wire.hub.clients) < 12:  # noqa: ASYNC110  # what is waited for is the other end of a socket
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        await wire.connections.close_all(close.DRAIN, 0.1)
        result = await running
    assert result.closed == 12
    assert result.lost > 0
    assert "4200" in result.errors[0]


def data_of(event: bytes) -> bytes:
    return event[event.index(b'"data":') + 7 : -1]


@asynccontextmanager
async def careless(copies: int, answers: Callable[[bytes], bytes] = data_of) -> AsyncIterator[int]:
    """A server that gives what it hears back to who said it, `copies` times, and to nobody else."""

    handled: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        handled.add(task)
        with closing(writer), suppress(asyncio.IncompleteReadError, ConnectionError):
            await answer(reader, writer)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        key = re.findall(r"Sec-WebSocket-Key: (\S+)", head)[0]
        writer.write(f"HTTP/1.1 101 x\r\nSec-WebSocket-Accept: {accept_key(key)}\r\n\r\n".encode())
        writer.write(Frame(Opcode.TEXT, b"{}").serialize(mask=False))
        while True:
            said = await reader.readexactly(4)  # an event of 126 to 65,535 bytes
            mask = await reader.readexactly(4)
            masked = await reader.readexactly(int.from_bytes(said[2:], "big"))
            event = bytes(byte ^ mask[place % 4] for place, byte in enumerate(masked))
            writer.write(Frame(Opcode.TEXT, answers(event)).serialize(mask=False) * copies)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]
    await asyncio.gather(*handled)


async def load_on(copies: int) -> Result:
    async with careless(copies) as port:
        return await run_at(port, replace(PLAN, connections=10)).run()


async def test_what_half_of_the_hearers_did_not_get_is_lost() -> None:
    result = await load_on(1)
    assert (result.delivered, result.lost, result.is_complete) == (80, 80, False)


async def test_what_comes_twice_is_told() -> None:
    result = await load_on(2)
    assert (result.delivered, result.duplicated) == (80, 80)


async def test_another_server_is_spoken_to_in_its_own_way() -> None:
    def answers(event: bytes) -> bytes:
        if event.startswith(b"hello, load-"):
            return b"welcome" + b" " * 200
        assert event.startswith(b"tell load-")
        return b"told: " + event[event.index(b"{") :]

    async with careless(1, answers) as port:
        address = Address(
            "127.0.0.1",
            port,
            "/?in={channel}",
            says=["hello, {channel}" + " " * 200],
            greeted=2,
            before="tell {channel} ",
            after="",
            heard="told: ",
        )
        result = await Run(address, replace(PLAN, connections=5, size=200)).run()
    assert (result.delivered, result.lost, result.is_complete) == (80, 0, True)


async def test_a_server_that_is_not_there_is_one_sentence() -> None:
    with pytest.raises(StartError, match=r"127\.0\.0\.1:1 cannot be reached"):
        await run_at(1).run()


@pytest.mark.parametrize(
    ("first", "told"),
    [
        (Frame(Opcode.CLOSE, b"\x0f\xa3not you").serialize(mask=False), "closed a connection: not you"),
        (b"", "closed a connection before it said anything"),
    ],
)
async def test_a_server_that_lets_nobody_in_is_one_sentence(first: bytes, told: str) -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with closing(writer):
            key = re.findall(rb"Sec-WebSocket-Key: (\S+)", await reader.readuntil(b"\r\n\r\n"))[0]
            accept = accept_key(key.decode())
            writer.write(f"HTTP/1.1 101 x\r\nSec-WebSocket-Accept: {accept}\r\n\r\n".encode() + first)

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        with pytest.raises(StartError, match=told):
            await run_at(server.sockets[0].getsockname()[1]).run()


async def test_a_server_that_speaks_http_only_is_one_sentence() -> None:
    async with serving_wire(Wire(open_broker())) as port:
        with pytest.raises(StartError, match=r"opened no WebSocket: HTTP/1\.1 \d"):
            await Run(Address.at(f"127.0.0.1:{port}/elsewhere"), PLAN).run()
