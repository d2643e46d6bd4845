"""The window of a connection, as the kernel keeps it."""

from __future__ import annotations

import asyncio
import socket
import sys
from contextlib import closing, suppress

import pytest

from walkwire.server.socket.window import NARROW, WIDE, use_window


class Silent(asyncio.Protocol):
    """Reads nothing."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.pause_reading()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the window is the kernel's affair")
async def test_a_narrow_window_keeps_less_of_what_is_sent_ahead() -> None:
    sent = {}
    for is_narrow in (False, True):
        made = Silent()
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, WIDE)
            listener.bind(("127.0.0.1", 0))
            server = await asyncio.get_running_loop().create_server(lambda made=made: made, sock=listener)
            with closing(socket.create_connection(listener.getsockname())) as peer:
                while made.transport is None:  # noqa: ASYNC110 until the kernel has told
                    await asyncio.sleep(0)
                use_window(made.transport, is_narrow=is_narrow)
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, NARROW)
                peer.setblocking(False)
                sent[is_narrow] = 0
                with suppress(BlockingIOError):
                    while True:
                        sent[is_narrow] += peer.send(bytes(1024))
                made.transport.abort()
            server.close()
    assert sent[True] < sent[False]


async def test_a_transport_without_a_socket_has_no_window() -> None:
    use_window(asyncio.Transport(), is_narrow=True)


async def test_the_window_of_who_is_gone_is_no_error() -> None:
    made = Silent()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: made, "127.0.0.1", 0)
    with closing(socket.create_connection(server.sockets[0].getsockname())):
        while made.transport is None:  # noqa: ASYNC110 until the kernel has told
            await asyncio.sleep(0)
        made.transport.abort()
        for _ in range(10):
            use_window(made.transport, is_narrow=True)
            await asyncio.sleep(0)
    server.close()
