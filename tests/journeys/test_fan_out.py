"""Some members of a channel behave badly during a fan-out. The sender and the others lose nothing."""

from __future__ import annotations

import asyncio
import socket as sockets
from contextlib import AsyncExitStack, suppress
from typing import Any

from tests.serving import PATIENCE, Server, Socket

LARGE = "x" * 128 * 1024
MESSAGES = 300


def message(channel_id: str, number: int, filling: str = "") -> dict[str, Any]:
    data = {"n": number, "filling": filling}
    return {"type": "channel", "channel_ids": [channel_id], "data": data, "id": number}


async def test_a_member_that_never_reads_is_cut_off_and_nobody_else_notices(chat: Server) -> None:
    async with AsyncExitStack() as stack:
        members = [
            await stack.enter_async_context(chat.connect(channel_id="with a sleeper")) for _ in range(4)
        ]
        sender = await stack.enter_async_context(chat.connect())
        sleeper = await stack.enter_async_context(Sleeper(chat.port, "with%20a%20sleeper"))

        for number in range(120):
            reply = await sender.ask(message("with a sleeper", number, LARGE))
            assert reply == {"type": "reply", "id": number, "ok": True, "data": None}
            heard = await asyncio.gather(*(member.hear() for member in members))
            assert [each["n"] for each in heard] == [number] * len(members)

        # The kernel's buffers and the bound hold less than what was sent: what it finds when it wakes up ends before.
        assert await sleeper.wake() < 120 * len(LARGE)
        assert [await member.settle() for member in (*members, sender)] == [[]] * 5
    assert "is cut off" in chat.log.read_text()


async def test_members_come_and_go_during_a_fan_out_and_nobody_else_notices(chat: Server) -> None:
    is_over = asyncio.Event()
    visits = 0

    async def visit(politely: bool) -> None:
        nonlocal visits
        while not is_over.is_set():
            async with chat.connect(channel_id="busy") as visitor:
                await visitor.ask({"type": "connection"})
                if not politely:
                    visitor.wire.transport.abort()
            visits += 1

    async def listen(member: Socket) -> list[int]:
        return [(await member.hear())["n"] for _ in range(MESSAGES)]

    async with AsyncExitStack() as stack:
        members = [await stack.enter_async_context(chat.connect(channel_id="busy")) for _ in range(4)]
        sender = await stack.enter_async_context(chat.connect())
        listeners = [asyncio.create_task(listen(member)) for member in members]
        visitors = [asyncio.create_task(visit(politely=bool(number % 2))) for number in range(6)]
        try:
            for number in range(MESSAGES):
                reply = await sender.ask(message("busy", number))
                assert reply == {"type": "reply", "id": number, "ok": True, "data": None}
            assert await asyncio.gather(*listeners) == [list(range(MESSAGES))] * len(members)
        finally:
            is_over.set()
            await asyncio.gather(*visitors)
        assert visits > 20
    assert "Traceback" not in chat.log.read_text()


class Sleeper:
    """A member whose operating system answers for it: it opens a connection and reads nothing more, until `wake`."""

    def __init__(self, port: int, channel_id: str) -> None:
        self._port = port
        self._channel_id = channel_id

    async def __aenter__(self) -> Sleeper:
        raw = sockets.socket()
        raw.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4096)
        raw.setblocking(False)
        await asyncio.get_running_loop().sock_connect(raw, ("127.0.0.1", self._port))
        self._reader, self._writer = await asyncio.open_connection(sock=raw, limit=1024)
        self._writer.write(
            f"GET /websocket?channel_id={self._channel_id} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n".encode()
        )
        head = await self._reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 ")
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()
        with suppress(ConnectionError):
            await self._writer.wait_closed()

    async def wake(self) -> int:
        """Read to the end, which has to come. How many bytes were left to read."""
        size = 0
        async with asyncio.timeout(PATIENCE):
            with suppress(ConnectionError):
                while data := await self._reader.read(1 << 16):
                    size += len(data)
        return size
