"""Recover: clients of Socket.IO that connect, hear one message, lose their connections, and come back with their sessions.

As `resume` for clients of walkwire. The protocol is Engine.IO 4 and Socket.IO 5: `40` connects, and its answer has the session.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from bench.load import frame
from bench.load.hearer import Hearer
from bench.load.resume import SETTLING
from bench.load.socket import CHANNEL, abort
from bench.load.window import Window
from walkwire.load import opening
from walkwire.load.address import Address


async def recover(pid: int, address: Address, sockets: int, warm_up: int = 200) -> list[dict[str, float]]:
    """Measure how `sockets` clients connect, then how the same resume. `count` is connections, each with its session."""
    transports, _, _ = await _connect([address] * warm_up)
    abort(transports)
    window = Window(pid)
    transports, sessions, hearers = await _connect([address] * sockets)
    first = window.close(len(sessions))
    transports[0].write(frame.text(f'{address.before}"x"{address.after}'))
    async with asyncio.timeout(30):
        offset = await hearers[0].offset
    abort(transports)
    await asyncio.sleep(SETTLING)
    again = [
        replace(address, says=("40" + json.dumps({"pid": session["pid"], "offset": offset}),))
        for session in sessions
    ]
    window = Window(pid)
    transports, resumed, _ = await _connect(again)
    second = window.close(len(resumed))
    abort(transports)
    if {session["sid"] for session in resumed} != {session["sid"] for session in sessions}:
        raise RuntimeError("A session was not recovered")
    return [first, second]


async def _connect(
    addresses: Sequence[Address],
) -> tuple[list[asyncio.Transport], list[Any], list[_OffsetHearer]]:
    sessions: list[Any] = []
    hearers: list[_OffsetHearer] = []

    def made(transport: asyncio.Transport) -> asyncio.Protocol:
        hearers.append(_OffsetHearer())
        return hearers[-1]

    def greeted(greeting: bytes) -> None:
        if greeting.startswith(b"40"):
            sessions.append(json.loads(greeting[2:]))

    transports = await opening.connect(addresses, [CHANNEL] * len(addresses), made, greeted)
    return transports, sessions, hearers


class _OffsetHearer(Hearer):
    """Hears the offset of the first message: the last item of its list."""

    __slots__ = ("_unread", "offset")

    def __init__(self) -> None:
        super().__init__()
        self._unread = b""
        self.offset: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        self._unread += data
        found = frame.measure(self._unread, 0)
        if found is not None and not self.offset.done():
            self.offset.set_result(json.loads(self._unread[found[0] + 2 : found[1]])[-1])
