"""RFC 6455 over a real socket: what Autobahn|Testsuite asks in its sections 1 to 7, 9 and 10, as a table of our own.

Sections 12 and 13 (compression) are in `test_deflate.py`; `make autobahn` runs the suite itself, where Python 2.7 is to be had.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Iterable
from typing import NamedTuple

import pytest

from tests.server.socket import texts
from tests.server.socket.echo import LIMIT, serving
from tests.server.socket.texts import COSMOS, SMILE

CONT, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
KEY = b"\x37\xfa\x21\x3d"
NO_CODE = 1005


def frame(opcode: int, data: bytes = b"", fin: bool = True, rsv: int = 0, size: int | None = None) -> bytes:
    """A frame of a client. `size` is what it says its size is."""
    size = len(data) if size is None else size
    first = (0x80 if fin else 0) | rsv << 4 | opcode
    if size < 126:
        head = struct.pack("!BB", first, 0x80 | size)
    elif size < 65536:
        head = struct.pack("!BBH", first, 0xFE, size)
    else:
        head = struct.pack("!BBQ", first, 0xFF, size)
    mask = (KEY * (len(data) // 4 + 1))[: len(data)]
    return head + KEY + (int.from_bytes(data) ^ int.from_bytes(mask)).to_bytes(len(data))


def closing(code: int | None = 1000, reason: bytes = b"") -> bytes:
    return frame(CLOSE, b"" if code is None else struct.pack("!H", code) + reason)


class Case(NamedTuple):
    """What is sent, what is heard before the goodbye, and the goodbye's code: None where the client has to begin it."""

    name: str
    sent: bytes
    heard: tuple[tuple[int, bytes], ...] = ()
    ends: int | None = None


class Peer:
    """The client's end of an upgraded socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def say(self, data: bytes, piece: int | None = None) -> None:
        """Send, in pieces of so many bytes that do not travel together."""
        for place in range(0, len(data), piece or max(1, len(data))):
            try:
                self._writer.write(data[place : place + (piece or len(data))])
                await self._writer.drain()
            except ConnectionError:
                return  # the server has heard enough
            if piece is not None:
                await asyncio.sleep(0)

    async def frame(self) -> tuple[int, bytes]:
        """The next frame of the server. IncompleteReadError where it has ended the stream."""
        first, size = await self._reader.readexactly(2)
        if size >= 126:
            size = int.from_bytes(await self._reader.readexactly(2 if size == 126 else 8))
        assert first & 0x70 == 0, "no extension was asked for"
        assert first & 0x80, "the server does not fragment"
        return first & 0x0F, await self._reader.readexactly(size)

    async def hears(self, expected: Iterable[tuple[int, bytes]]) -> None:
        for each in expected:
            assert await self.frame() == each

    async def goodbye(self) -> int:
        """The code of the server's goodbye, which has to be the next frame and the last."""
        opcode, data = await self.frame()
        assert opcode == CLOSE
        assert await self._reader.read() == b""
        data[2:].decode()
        return int.from_bytes(data[:2]) if data else NO_CODE

    async def part(self) -> None:
        """Say goodbye, and see it answered."""
        await self.say(closing())
        assert await self.goodbye() == 1000


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    async with serving() as port, asyncio.timeout(60):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=LIMIT)
        writer.write(
            b"GET /websocket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        answer = await reader.readuntil(b"\r\n\r\n")
        assert b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" in answer  # RFC 6455, 1.3
        yield Peer(reader, writer)
        writer.close()


SIZES = (0, 1, 125, 126, 127, 128, 65535, 65536)

FRAMING = [  # 1
    *(Case(f"1.1 text of {size}", frame(TEXT, b"*" * size), ((TEXT, b"*" * size),)) for size in SIZES),
    *(
        Case(f"1.2 binary of {size}", frame(BINARY, b"\xfe" * size), ((BINARY, b"\xfe" * size),))
        for size in SIZES
    ),
]

CONTROL = [  # 2
    Case("2.1 an empty ping", frame(PING), ((PONG, b""),)),
    Case("2.2 a ping with words", frame(PING, b"Hello, world!"), ((PONG, b"Hello, world!"),)),
    Case("2.3 a ping that is not text", frame(PING, b"\x00\xff\xfe"), ((PONG, b"\x00\xff\xfe"),)),
    Case("2.4 a ping of 125", frame(PING, b"\xfe" * 125), ((PONG, b"\xfe" * 125),)),
    Case("2.5 a ping of 126", frame(PING, b"\xfe" * 126), ends=1002),
    Case("2.7 a pong nobody asked for", frame(PONG) + frame(TEXT, b"on"), ((TEXT, b"on"),)),
    Case("2.8 a pong with words", frame(PONG, b"uncalled") + frame(TEXT, b"on"), ((TEXT, b"on"),)),
    Case("2.9 pong, then ping", frame(PONG, b"x") + frame(PING, b"y"), ((PONG, b"y"),)),
    Case(
        "2.10 ten pings",
        b"".join(frame(PING, b"%d" % number) for number in range(10)),
        tuple((PONG, b"%d" % number) for number in range(10)),
    ),
]

RESERVED = [  # 3 and 4
    *(Case(f"3.1 RSV {rsv}", frame(TEXT, b"x", rsv=rsv), ends=1002) for rsv in range(1, 8)),
    Case(
        "3.2 a good one before",
        frame(TEXT, b"x") + frame(TEXT, b"y", rsv=2) + frame(PING),
        ((TEXT, b"x"),),
        1002,
    ),
    Case("3.5 RSV of a binary", frame(BINARY, b"x", rsv=5), ends=1002),
    Case("3.6 RSV of a ping", frame(PING, b"x", rsv=6), ends=1002),
    Case("3.7 RSV of a goodbye", frame(CLOSE, b"", rsv=7), ends=1002),
    *(Case(f"4 opcode {opcode}", frame(opcode, b"x"), ends=1002) for opcode in (3, 4, 5, 6, 7)),
    *(Case(f"4 opcode {opcode}", frame(opcode, b"x"), ends=1002) for opcode in (11, 12, 13, 14, 15)),
    Case("4 behind a good one", frame(TEXT, b"x") + frame(5) + frame(PING), ((TEXT, b"x"),), 1002),
]

FRAGMENTS = [  # 5
    Case("5.1 a ping in two", frame(PING, b"a", fin=False) + frame(CONT, b"b"), ends=1002),
    Case("5.2 a pong in two", frame(PONG, b"a", fin=False) + frame(CONT, b"b"), ends=1002),
    Case("5.3 text in two", frame(TEXT, b"ab", fin=False) + frame(CONT, b"cd"), ((TEXT, b"abcd"),)),
    Case(
        "5.4 binary in two",
        frame(BINARY, b"\xff", fin=False) + frame(CONT, b"\xfe"),
        ((BINARY, b"\xff\xfe"),),
    ),
    Case(
        "5.6 a ping between",
        frame(TEXT, b"ab", fin=False) + frame(PING, b"p") + frame(CONT, b"cd"),
        ((PONG, b"p"), (TEXT, b"abcd")),
    ),
    Case("5.9 an end of nothing", frame(CONT, b"x") + frame(TEXT, b"y"), ends=1002),
    Case("5.10 a middle of nothing", frame(CONT, b"x", fin=False) + frame(TEXT, b"y"), ends=1002),
    Case(
        "5.15 an end too many",
        frame(TEXT, b"a", fin=False) + frame(CONT, b"b") + frame(CONT, b"c"),
        ((TEXT, b"ab"),),
        1002,
    ),
    Case("5.18 a second beginning", frame(TEXT, b"a", fin=False) + frame(TEXT, b"b"), ends=1002),
    Case(
        "5.19 many, with pings between",
        frame(TEXT, b"1", fin=False)
        + frame(PING, b"a")
        + frame(CONT, b"2", fin=False)
        + frame(PING, b"b")
        + frame(CONT, b"3", fin=False)
        + frame(CONT, b"4"),
        ((PONG, b"a"), (PONG, b"b"), (TEXT, b"1234")),
    ),
    Case(
        "5.16 a middle of nothing, then good ones",
        frame(CONT, b"x", fin=False) + frame(TEXT, b"y", fin=False) + frame(CONT, b"z"),
        ends=1002,
    ),
    Case(
        "6.1.3 a full one between empty ones",
        frame(TEXT, fin=False) + frame(CONT, b"ab", fin=False) + frame(CONT),
        ((TEXT, b"ab"),),
    ),
    Case("6.1.2 empty ones", frame(TEXT, fin=False) + frame(CONT, fin=False) + frame(CONT), ((TEXT, b""),)),
]

UTF8 = [  # 6
    *(Case(name, frame(TEXT, text), ((TEXT, text),)) for name, text in texts.good().items()),
    *(
        Case(
            f"6.2 {text.hex()}, byte by byte",
            frame(TEXT, fin=False)
            + b"".join(frame(CONT, text[place : place + 1], fin=False) for place in range(len(text)))
            + frame(CONT),
            ((TEXT, text),),
        )
        for text in (SMILE, COSMOS)
    ),
    *(Case(name, frame(TEXT, text), ends=1007) for name, text in texts.bad().items()),
    Case("6.4 a bad beginning ends it at once", frame(TEXT, b"\xce\xba\xff", fin=False), ends=1007),
    Case(
        "6.4 a bad middle too",
        frame(TEXT, COSMOS, fin=False) + frame(CONT, b"\xf4\x90", fin=False),
        ends=1007,
    ),
    Case("6 behind a good one", frame(TEXT, b"x") + frame(TEXT, b"\xff"), ((TEXT, b"x"),), 1007),
    Case("6 binary may be anything", frame(BINARY, b"\xff\xc0"), ((BINARY, b"\xff\xc0"),)),
]

GOOD_CODES = (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999)
BAD_CODES = (0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999, 5000, 65535)
GOODBYE = [  # 7
    Case("7.1.1 after a message", frame(TEXT, b"x") + closing(), ((TEXT, b"x"),), 1000),
    Case("7.1.2 twice", closing() + closing(), ends=1000),
    Case("7.1.3 and a ping behind", closing() + frame(PING), ends=1000),
    Case("7.1.4 and a message behind", closing() + frame(TEXT, b"x"), ends=1000),
    Case(
        "7.1.6 behind a large message",
        frame(TEXT, b"*" * 2**18) + closing() + frame(PING),
        ((TEXT, b"*" * 2**18),),
        1000,
    ),
    Case("7.1.5 between fragments", frame(TEXT, b"a", fin=False) + closing() + frame(CONT, b"b"), ends=1000),
    Case("7.3.1 without a code", closing(None), ends=NO_CODE),
    Case("7.3.2 of one byte", frame(CLOSE, b"a"), ends=1002),
    Case("7.3.4 with a reason", closing(1000, SMILE), ends=1000),
    Case("7.3.5 with the longest", closing(1000, b"*" * 123), ends=1000),
    Case("7.3.6 with a longer one", closing(1000, b"*" * 124), ends=1002),
    Case("7.5.1 whose reason is not UTF-8", closing(1000, b"\xce\xba\xff"), ends=1007),
    *(Case(f"7.7 code {code}", closing(code), ends=code) for code in GOOD_CODES),
    *(Case(f"7.9 code {code}", closing(code), ends=1002) for code in BAD_CODES),
]

HEADS = [  # what Autobahn cannot send
    Case("not masked", b"\x81\x01x", ends=1002),
    Case("empty and not masked", b"\x81\x00" + b"x" * 10, ends=1002),
    Case("a ping not masked", b"\x89\x00", ends=1002),
    Case("larger than it may be", frame(TEXT, size=LIMIT + 1), ends=1009),
    Case("larger than can be", frame(TEXT, size=2**63), ends=1009),
    Case(
        "fragments together too large",
        frame(BINARY, b"x", fin=False) + frame(CONT, size=LIMIT),
        ends=1009,
    ),
]

CASES = [*FRAMING, *CONTROL, *RESERVED, *FRAGMENTS, *UTF8, *GOODBYE, *HEADS]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_a_case_of_the_table(peer: Peer, case: Case) -> None:
    await peer.say(case.sent)
    await peer.hears(case.heard)
    if case.ends is None:
        await peer.part()
    else:
        assert await peer.goodbye() == case.ends


@pytest.mark.parametrize("piece", [1, 3, 997])
@pytest.mark.parametrize(
    "case", [each for each in CASES if 20 < len(each.sent) < 500], ids=lambda case: case.name
)
async def test_the_same_in_pieces(peer: Peer, case: Case, piece: int) -> None:
    await peer.say(case.sent, piece)
    await peer.hears(case.heard)
    if case.ends is None:
        await peer.part()
    else:
        assert await peer.goodbye() == case.ends


@pytest.mark.parametrize("size", [2**16, 2**20, 2**24])
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
async def test_9_a_large_message(peer: Peer, opcode: int, size: int) -> None:
    data = b"BAsd7&jh" * (size // 8)
    await asyncio.gather(peer.say(frame(opcode, data)), peer.hears([(opcode, data)]))
    await peer.part()


@pytest.mark.parametrize("part", [2**8, 2**14, 2**19])
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
async def test_9_a_large_message_in_fragments(peer: Peer, opcode: int, part: int) -> None:
    data = b"BAsd7&jh" * 2**17
    pieces = [data[place : place + part] for place in range(0, len(data), part)]
    fragments = [frame(CONT, each, fin=False) for each in pieces[1:-1]]
    whole = b"".join([frame(opcode, pieces[0], fin=False), *fragments, frame(CONT, pieces[-1])])
    await asyncio.gather(peer.say(whole), peer.hears([(opcode, data)]))
    await peer.part()


@pytest.mark.parametrize("piece", [64, 512, 10_007])
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
async def test_9_a_large_message_in_pieces(peer: Peer, opcode: int, piece: int) -> None:
    data = b"BAsd7&jh" * 2**14
    await asyncio.gather(peer.say(frame(opcode, data), piece), peer.hears([(opcode, data)]))
    await peer.part()


@pytest.mark.parametrize("size", [0, 16, 256, 4096])
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
async def test_9_many_messages(peer: Peer, opcode: int, size: int) -> None:
    data = b"*" * size
    for _ in range(100):
        await peer.say(frame(opcode, data))
        await peer.hears([(opcode, data)])
    await asyncio.gather(peer.say(frame(opcode, data) * 1000), peer.hears([(opcode, data)] * 1000))
    await peer.part()


async def test_10_a_large_message_is_sent_whole(peer: Peer) -> None:
    data = b"*" * 65536
    await asyncio.gather(peer.say(frame(TEXT, data), 1300), peer.hears([(TEXT, data)]))
    await peer.part()
