"""An echo server on walkwire's own gateway: what RFC 6455 asks of both ends, without events.

As a program (`python -m tests.server.echo PORT`) it is what Autobahn|Testsuite talks to.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from websockets.frames import Frame, Opcode

from walkwire.brokers import open_broker
from walkwire.server.socket import gateway
from walkwire.server.socket.stream import SocketStream
from walkwire.wire.connection import Connection
from walkwire.wire.door import NOBODY, Call, SignIn
from walkwire.wire.limits import Limits
from walkwire.wire.message import close
from walkwire.wire.wire import Wire

LIMIT = 32 * 1024 * 1024


class Echo(SocketStream):
    """Greets nobody, and gives back what it hears. Text goes the way of all frames, so it may be compressed."""

    __slots__ = ()

    def open(self, connection: Connection, token: str | None, data: bytes) -> None:
        self._write_first(b"")
        if data:
            self.data_received(data)

    def _tell(self, message: bytes, is_text: bool) -> None:
        opcode = Opcode.TEXT if is_text else Opcode.BINARY
        self.write(Frame(opcode, message).serialize(mask=False))


@asynccontextmanager
async def serving(port: int = 0, compresses: bool = False) -> AsyncIterator[int]:
    """Serve the echo, and give the port."""
    wire = Wire(open_broker(), limits=Limits(frame=LIMIT))
    before, gateway.SocketStream = gateway.SocketStream, Echo  # type: ignore[misc]
    try:
        async with serving_wire(wire, port, compresses) as found:
            yield found
    finally:
        gateway.SocketStream = before  # type: ignore[misc]


@asynccontextmanager
async def serving_wire(
    wire: Wire, port: int = 0, compresses: bool = False, app: Any = None, **times: float
) -> AsyncIterator[int]:
    """Serve a wire without walkers at a port, which is given. `app` answers HTTP, `times` are those of the gateway."""
    await wire.start()
    door = wire.door(_dispatch, _authenticate, lambda origin, host: True, compresses=compresses)
    config = uvicorn.Config(
        app or _nothing,
        port=port,
        http=gateway.gateway(door, **times),
        ws="websockets-sansio",
        lifespan="off",
        log_config=None,
    )
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    try:
        yield int(server.servers[0].sockets[0].getsockname()[1])
    finally:
        for listener in server.servers:
            listener.close()
        await wire.connections.close_all(close.GOING, 0.5)
        await wire.stop()


async def _dispatch(call: Call) -> bytes:
    return b"{}"


async def _authenticate(token: str | None) -> SignIn:
    return NOBODY


async def _nothing(scope: Any, receive: Any, send: Any) -> None: ...


async def _serve(port: int) -> None:
    async with serving(port, compresses=True):
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
