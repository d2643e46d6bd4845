"""permessage-deflate over a real socket, and what many are told compressed once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory

from tests.server.socket.echo import serving
from walkwire.server.socket.deflate import SMALLEST, deflated, offers
from walkwire.server.socket.framing import Framing
from walkwire.wire.message import frame

WINDOWS: list[dict[str, Any]] = [
    {},
    {"server_max_window_bits": 10, "client_max_window_bits": 10},
    {"server_no_context_takeover": True, "client_no_context_takeover": True},
]


@pytest.mark.parametrize("options", WINDOWS)
@pytest.mark.parametrize("size", [0, 1, SMALLEST, 126, 1000, 70_000, 2**20])
async def test_text_and_binary_come_back_as_they_were(options: dict[str, Any], size: int) -> None:
    text = ("walkwire µ " * (size // 11 + 1))[:size]
    factory = ClientPerMessageDeflateFactory(**options)
    async with (
        serving(compresses=True) as port,
        asyncio.timeout(30),
        connect(
            f"ws://127.0.0.1:{port}/websocket", extensions=[factory], compression=None, max_size=None
        ) as client,
    ):
        assert client.protocol.extensions
        for message in (text, text.encode(), text):
            await client.send(message)
            assert await client.recv() == message


async def test_it_is_not_offered_unless_configured() -> None:
    async with serving() as port, connect(f"ws://127.0.0.1:{port}/websocket") as client:
        assert client.protocol.extensions == []
        await client.send("x")
        assert await client.recv() == "x"


async def test_who_does_not_ask_for_it_is_not_given_it() -> None:
    async with (
        serving(compresses=True) as port,
        connect(f"ws://127.0.0.1:{port}/websocket", compression=None) as client,
    ):
        await client.send("x" * 1000)
        assert await client.recv() == "x" * 1000


def test_what_many_are_told_is_compressed_once() -> None:
    deflated.cache_clear()
    written = frame.text(b"news " * 100) + frame.text(b"short") + frame.PING
    packed = [deflated(written, 15) for _ in range(1000)]
    assert deflated.cache_info().misses == 1
    assert all(each is packed[0] for each in packed)
    assert len(packed[0]) < len(written) // 4
    assert packed[0].endswith(frame.text(b"short") + frame.PING)


def test_an_inflated_message_may_not_be_larger_than_the_limit() -> None:
    framing = Framing(1000, offers())
    _, extension = offers()[0].process_request_params([], [])
    framing.extensions = [extension]
    packed = bytearray(deflated(frame.text(b"x" * 100_000), 15))
    packed[1] |= 0x80
    head = 2 if packed[1] & 0x7F < 126 else 4
    packed[head:head] = bytes(4)  # a mask that changes nothing
    assert framing.hear(bytes(packed)) == []
    assert framing.close_sent is not None
    assert framing.close_sent.code == 1009
