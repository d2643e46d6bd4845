"""Socket: many connections to one server, opened as `walkwire load` opens them, and let go at once."""

from __future__ import annotations

import socket as sockets
import struct
from asyncio import Transport
from collections.abc import Sequence

from walkwire.load import opening
from walkwire.load.address import Address
from walkwire.load.opening import Made

CHANNEL = "room"

_AT_ONCE = struct.pack("ii", 1, 0)


async def connect(
    address: Address, count: int, made: Made, channels: Sequence[str] = (CHANNEL,)
) -> list[Transport]:
    """Open `count` sockets, in the channels in turn. `made` gives each the protocol that hears it from then on."""
    return await opening.connect(
        [address], [channels[number % len(channels)] for number in range(count)], made
    )


def abort(transports: Sequence[Transport]) -> None:
    """Let go at once, with no port left in TIME_WAIT."""
    for transport in transports:
        own = transport.get_extra_info("socket")
        if own is not None and not transport.is_closing():
            own.setsockopt(sockets.SOL_SOCKET, sockets.SO_LINGER, _AT_ONCE)
        transport.abort()
