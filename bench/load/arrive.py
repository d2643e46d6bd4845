"""Arrive: sockets that come and are greeted, and sockets that stay and say nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from bench.load import frame
from bench.load.hearer import Hearer
from bench.load.socket import abort, connect
from bench.load.window import Window, memory
from walkwire.load.address import Address

SETTLING = 1.0  # seconds until what a server keeps for a moment only is gone


async def arrive(pid: int, address: Address, sockets: int, warm_up: int = 200) -> dict[str, float]:
    """`count` sockets connect, each with its first message, and stay until all have."""
    early = await connect(address, warm_up, lambda _: Idler())
    window = Window(pid)
    transports = await connect(address, sockets, lambda _: Idler())
    found = window.close(len(transports))
    abort(early + transports)
    return found


async def stay(
    pid: int,
    address: Address,
    sockets: int,
    seconds: float,
    pings: Sequence[str] = ("", ""),
    warm_up: int = 300,
) -> dict[str, float]:
    """`memory`: bytes that each of `sockets` further sockets adds to the server; `cpu`: what they all cost it in `seconds`.

    `pings`: a message by which the server asks whether one is there, and the answer; "" where it sends pings of RFC 6455.
    """
    early = await connect(address, warm_up, lambda _: Idler(pings))
    await asyncio.sleep(SETTLING)
    before = memory(pid)
    transports = await connect(address, sockets, lambda _: Idler(pings))
    await asyncio.sleep(SETTLING)
    after = memory(pid)
    window = Window(pid)
    await asyncio.sleep(seconds)
    found = window.close(len(early) + len(transports))
    if any(transport.is_closing() for transport in transports):
        raise RuntimeError("The server closed sockets that were idle")
    abort(early + transports)
    return found | {"memory": (after - before) / sockets}


class Idler(Hearer):
    """Says nothing but that it is there."""

    __slots__ = ("_ping", "_pong")

    def __init__(self, pings: Sequence[str] = ("", "")) -> None:
        super().__init__()
        ping, pong = pings
        self._ping = bytes([0x81, len(ping)]) + ping.encode() if ping else b""
        self._pong = frame.text(pong)

    def data_received(self, data: bytes) -> None:
        self.read(data)
        if self._ping and data.endswith(self._ping):
            self._transport.write(self._pong)
