"""Resume: clients of version 2 that connect, lose their connections, and come back with their sessions and positions."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from bench.load.hearer import Hearer
from bench.load.socket import CHANNEL, abort
from bench.load.window import Window
from walkwire.load import opening
from walkwire.load.address import Address

SETTLING = 1.0  # seconds until a server has seen that all connections have ended


async def resume(pid: int, address: Address, sockets: int, warm_up: int = 200) -> list[dict[str, float]]:
    """Measure how `sockets` clients connect, then how the same resume. `count` is connections, each with its reply."""
    await _connect([address] * warm_up)
    window = Window(pid)
    replies = await _connect([address] * sockets)
    first = window.close(len(replies))
    await asyncio.sleep(SETTLING)
    again = [replace(address, says=(_comes_back(reply),)) for reply in replies]
    window = Window(pid)
    replies = await _connect(again)
    second = window.close(len(replies))
    if not all(reply["data"]["streams"]["channels"][CHANNEL]["recovered"] for reply in replies):
        raise RuntimeError("A stream was not recovered")
    return [first, second]


async def _connect(addresses: Sequence[Address]) -> list[Any]:
    """Open a connection at each address, and return the replies to `connect`. Then all are aborted."""
    replies: list[Any] = []

    def made(transport: asyncio.Transport) -> asyncio.Protocol:
        return Hearer()

    transports = await opening.connect(
        addresses, [CHANNEL] * len(addresses), made, lambda greeting: replies.append(json.loads(greeting))
    )
    abort(transports)
    return replies


def _comes_back(reply: Any) -> str:
    streams = reply["data"]["streams"]
    channels = [{"channel_id": CHANNEL, "at": streams["channels"][CHANNEL]["at"]}]
    at = {"user": streams["user"]["at"], "client": streams["client"]["at"]}
    session = reply["data"]["session"]
    return json.dumps({"type": "connect", "id": 0, "session": session, "at": at, "channels": channels})
