"""Hostile: `python -m bench.load.hostile`: connections that try to stop a server. Reads a task (a line of JSON), and ends when
its time or its input is over.

Each kind is a few bytes and how often they are said. Who is thrown out comes back a second later, as real ones would. Everything
goes to 127.0.0.1, from addresses of 127.0.0.0/8.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import resource
import socket
import struct
import sys
import zlib
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import uvloop

CONTROL_BLOCK = 16 * 1024  # bytes of small frames that are said at once
BACK_AFTER = 1.0  # seconds until one who was thrown out is back
CONNECTING = 64  # at a time
UNSENT = 64 * 1024  # bytes in the kernel, which sends them also after they have gone: by default up to 4 MiB


def _frame(head: int, payload: bytes, length: int | None = None) -> bytes:
    """A masked frame with the mask 0, so that the payload can be read in a capture. `length` may be a lie."""
    size = len(payload) if length is None else length
    if size < 126:
        sized = bytes((head, 0x80 | size))
    elif size < 1 << 16:
        sized = struct.pack("!BBH", head, 0x80 | 126, size)
    else:
        sized = struct.pack("!BBQ", head, 0x80 | 127, size)
    return sized + bytes(4) + payload


def _text(payload: str) -> bytes:
    return _frame(0x81, payload.encode())


def _many(small: bytes) -> bytes:
    return small * (CONTROL_BLOCK // len(small))


_UPGRADE = (
    b"GET /websocket HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: %b\r\nSec-WebSocket-Version: 13\r\n"
) % base64.b64encode(bytes(16))
_SOCKET = _UPGRADE + b"\r\n"
_INFLATING = _UPGRADE + b"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
_POST = b"POST %b HTTP/1.1\r\nHost: localhost\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n"
_GET = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"


def _deflated(payload: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return (packer.compress(payload) + packer.flush(zlib.Z_SYNC_FLUSH))[:-4]


def _login(number: int) -> bytes:
    body = b'{"email":"user%d@example.com","password":"guess"}' % number
    return _POST % (b"/user/login", b"application/json", len(body)) + body


_FORM = b'--b\r\nContent-Disposition: form-data; name="file"; filename="../../x"\r\n\r\n'


@dataclass(frozen=True)
class Kind:
    """A kind of attack.

    - first: said once, when connected
    - again: said again and again; empty: nothing
    - pause: seconds between two times; 0: as fast as the server takes it
    - reads: whether it reads what the server says
    - resets: whether it disconnects after `first`, at once
    """

    first: bytes
    again: bytes = b""
    pause: float = 0.0
    reads: bool = True
    resets: bool = False


KINDS: Mapping[str, Kind] = {
    "silent": Kind(b""),
    "slow head": Kind(b"GET / HTTP/1.1\r\nHost: localhost\r\nX: ", b"x", 1.0),
    "slow body": Kind(_POST % (b"/walker/nothing", b"application/json", 60_000), b" ", 1.0),
    "flood": Kind(_SOCKET, _many(_text('{"type":"connection"}'))),
    "never reading": Kind(_SOCKET, _many(_text('{"type":"connection"}')), reads=False),
    "channel events": Kind(_SOCKET, _many(_text('{"type":"channel","channel_ids":["room"],"data":1}'))),
    "garbage frames": Kind(_SOCKET, _many(_text("{"))),
    "garbage": Kind(b"", os.urandom(4096), 0.5),
    "deep": Kind(_SOCKET, _text('{"type":"?","data":' + "[" * 60 + "]" * 60 + "," * 60_000), 1.0),
    "wide": Kind(
        _SOCKET,
        _text('{"type":"walker","walker":"nothing","context":{"a":[' + "[]," * 20_000 + "0]}}"),
        1.0,
    ),
    "wide targets": Kind(
        _SOCKET,
        _text('{"type":"channel","data":1,"channel_ids":[' + '"a",' * 15_000 + '"b"]}'),
        1.0,
    ),
    "giant": Kind(_SOCKET + _frame(0x81, b"x" * 60_000, 1 << 20), b"x" * 16_384, 1.0),
    "fragments": Kind(_SOCKET + _frame(0x01, b"ab"), _many(_frame(0x00, b"ab"))),
    "empty fragments": Kind(_SOCKET + _frame(0x01, b""), _many(_frame(0x00, b""))),
    "pings": Kind(_SOCKET, _many(_frame(0x89, b"x" * 100))),
    "pongs": Kind(_SOCKET, _many(_frame(0x8A, b""))),
    "inflated": Kind(_INFLATING, _frame(0xC1, _deflated(b" " * 1_000_000)), 0.2),
    "pipeline": Kind(b"", _GET * 200),
    "pipeline, not read": Kind(b"", _GET * 200, reads=False),
    "large heads": Kind(b"", b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 60_000 + b"\r\n\r\n", 0.1),
    "walkers": Kind(
        b"",
        (_POST % (b"/walker/nothing", b"application/json", 2) + b"{}") * 50,
        0.1,
    ),
    "upload": Kind(
        _POST % (b"/walker/nothing", b"multipart/form-data; boundary=b", 1 << 30) + _FORM, b"x" * 65_536
    ),
    "log-in": Kind(b"", b"".join(map(_login, range(4))), 1.0),
    "e-mail": Kind(
        b"",
        _POST % (b"/user/login", b"application/json", 200_027)
        + b'{"email":"' + b"a" * 200_000 + b'","password":"x"}',
        2.0,
    ),
    "no JSON": Kind(
        b"",
        _POST % (b"/user/login", b"application/json", 60_010) + b'{"email":"' + b"a" * 60_000,
        0.5,
    ),
    "reset": Kind(_GET * 3, resets=True),
}  # fmt: skip


class Hostile(asyncio.Protocol):
    """One connection of a kind."""

    def __init__(self, kind: Kind) -> None:
        self.ended = asyncio.get_running_loop().create_future()
        self._kind = kind
        self._transport: Any = None
        self._can_write = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, UNSENT)
        kind = self._kind
        if not kind.reads:
            self._transport.pause_reading()
        if kind.first:
            self._transport.write(kind.first)
        if kind.resets:
            self._transport.abort()
        elif kind.again:
            self._say()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_result(None)

    def pause_writing(self) -> None:
        self._can_write = False

    def resume_writing(self) -> None:
        self._can_write = True
        if not self._kind.pause:
            self._say()

    def _say(self) -> None:
        if self._transport.is_closing():
            return
        if self._can_write:
            self._transport.write(self._kind.again)
        if self._kind.pause:
            asyncio.get_running_loop().call_later(self._kind.pause, self._say)
        elif self._can_write:
            asyncio.get_running_loop().call_soon(self._say)


async def attack(port: int, count: int, kinds: list[str], sources: int, connected: Counter[str]) -> None:
    """Keep `count` connections of these kinds, in turn, until cancelled. Counts in `connected` how often each kind was."""
    limit = asyncio.Semaphore(CONNECTING)
    loop = asyncio.get_running_loop()

    async def one(name: str, source: str) -> None:
        while True:
            hostile = Hostile(KINDS[name])
            try:
                async with limit:
                    transport, _ = await loop.create_connection(
                        lambda hostile=hostile: hostile, "127.0.0.1", port, local_addr=(source, 0)
                    )
                connected[name] += 1
                try:
                    await hostile.ended
                finally:
                    transport.abort()
            except OSError:
                pass
            await asyncio.sleep(BACK_AFTER)

    places = cycle(f"127.9.{number // 250}.{number % 250 + 1}" for number in range(sources))
    await asyncio.gather(
        *(one(name, next(places)) for name, _ in zip(cycle(kinds), range(count), strict=False))
    )


async def _attack_until_told(seconds: float, **task: Any) -> dict[str, int]:
    """Attack for so long, or until the input ends."""
    connected: Counter[str] = Counter()
    loop = asyncio.get_running_loop()
    attacking = asyncio.ensure_future(attack(connected=connected, **task))
    loop.add_reader(sys.stdin, attacking.cancel)
    loop.call_later(seconds, attacking.cancel)
    with suppress(asyncio.CancelledError):
        await attacking
    return connected


def main() -> None:
    """Read the task, attack, print how often each kind was connected."""
    task = json.loads(sys.stdin.readline())
    os.nice(10)  # so that the honest ones, on the same core, are not late by their own machine
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    print(json.dumps(uvloop.run(_attack_until_told(**task))))


if __name__ == "__main__":
    main()
