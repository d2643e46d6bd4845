"""Frames: a stream hears the messages, and closes with the code, that the server protocol of `websockets` would.

The library's text is decoded when a whole piece has been parsed, so a frame later in that piece that is broken or too long comes
before text that is no UTF-8. A stream that closes for the text has to agree with what is heard if the bytes arrive one by one.

The first three bytes of an input are sizes of the pieces in which the bytes arrive. The rest are records, each a frame: its first
byte, how its length is written, its size, its payload. So most inputs are frames that get past the first look.
"""

from __future__ import annotations

import asyncio
import codecs
import itertools
from collections.abc import Iterator
from typing import Any

from websockets.frames import Close, Frame, Opcode
from websockets.protocol import OPEN, Protocol, Side
from websockets.server import ServerProtocol

from walkwire.brokers.memory import MemoryBroker
from walkwire.server.socket.stream import SocketStream
from walkwire.wire.door import NOBODY, Call, Door, SignIn
from walkwire.wire.limits import Limits
from walkwire.wire.wire import Wire

LIMIT = 2000  # bytes of a message
LONGEST = 8000  # bytes that arrive
MASK = b"mask"
TURNS = 10_000  # of the event loop, at most, until a stream has handled everything

WORDS = (
    b"\x81\x00\x05hello", b"\x01\x00\x01a", b"\x80\x00\x01b", b"\x00\x00\x01c", b"\x82\x00\x02\xff\xff", b"\x89\x00\x01p",
    b"\x8a\x00\x00", b"\x88\x00\x02\x03\xe8", b"\x88\x00\x00", b"\x81\x04\x07\xd0", b"\x81\x05\x00\x05", b"\x81\x06\x01x",
    b"\x01\x00\x01\xc3", b"\x80\x00\x01\xa9", b"\xc1\x00\x01x", b"\x81\x07\x04\x81\xff\x00\x00", b"\xed\xa0\x80",
    b"\x00\x00\x00",
)  # fmt: skip

Heard = tuple[list[tuple[bytes, bool]], int | None, list[bytes]]
"""Messages and whether they are text; the code of the close frame that was sent; the pongs, if there is none."""


def check(data: bytes) -> None:
    """Give the same pieces to a stream and to the library."""
    pieces = list(_pieces(_frames(data[3:]), [1 + size * 4 for size in data[:3] or b"\xff"]))
    by_stream, by_library = _by_stream(pieces), _by_library(pieces)
    if by_stream[1] == 1007 and by_library[1] in (1002, 1009):
        by_library = _by_library(list(_pieces(b"".join(pieces), [1])))
    assert by_stream == by_library, f"{pieces}: {by_stream} instead of {by_library}"


def close() -> None:
    """Stop what `check` has started."""
    while _made:
        _made.pop()[0].close()


def _frames(records: bytes) -> bytes:
    made, place = bytearray(), 0
    while place + 2 < len(records):
        first, mode, size = records[place], records[place + 1] % 8, records[place + 2]
        place += 3
        if mode == 4:
            size = size % 16 * 256 + (records[place] if place < len(records) else 0)
            place += 1
        payload = records[place : place + min(size, 255)].ljust(size, b"x")
        place += min(size, 255)
        if mode == 7:
            made += payload
        else:
            made += bytes([first]) + _length(size, mode) + (payload if mode == 6 else MASK + _masked(payload))
    return bytes(made[:LONGEST])


def _length(size: int, mode: int) -> bytes:
    bit = 0 if mode == 6 else 0x80
    if mode == 5:  # longer than needed
        return bytes([bit | 126]) + size.to_bytes(2, "big")
    if size < 126:
        return bytes([bit | size])
    return bytes([bit | 126]) + size.to_bytes(2, "big")


def _masked(payload: bytes) -> bytes:
    return bytes(byte ^ MASK[place % 4] for place, byte in enumerate(payload))


def _pieces(data: bytes, sizes: list[int]) -> Iterator[bytes]:
    place = 0
    for size in itertools.cycle(sizes):
        if place >= len(data):
            return
        yield data[place : place + size]
        place += size


class _Pipe:
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        self.written = bytearray()

    def write(self, data: bytes) -> None:
        self.written += data

    def get_write_buffer_size(self) -> int:
        return 0

    def can_write_eof(self) -> bool:
        return True

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default

    def is_closing(self) -> bool:
        return False

    def write_eof(self) -> None: ...
    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...
    def close(self) -> None: ...
    def abort(self) -> None: ...


class _Ear(SocketStream):
    """A stream that notes its messages."""

    __slots__ = ("told",)

    def _tell(self, message: bytes, is_text: bool) -> None:
        self.told.append((bytes(message), is_text))


async def _dispatch(call: Call) -> bytes:
    return b"{}"


async def _authenticate(token: str | None) -> SignIn:
    return NOBODY


_made: list[tuple[asyncio.AbstractEventLoop, Door]] = []


def _room() -> tuple[asyncio.AbstractEventLoop, Door]:
    """Return a loop that only this target uses, and a door."""
    if not _made:
        loop = asyncio.new_event_loop()
        wire = Wire(MemoryBroker(), limits=Limits(frame=LIMIT))
        _made.append((loop, wire.door(_dispatch, _authenticate, lambda origin, host: True)))
    return _made[0]


def _by_stream(pieces: list[bytes]) -> Heard:
    loop, door = _room()
    return loop.run_until_complete(_hear(door, pieces))


async def _hear(door: Door, pieces: list[bytes]) -> Heard:
    pipe: Any = _Pipe()
    stream = _Ear(door, pipe, b"", set())
    stream.told = []
    for piece in pieces:
        stream.data_received(piece)
        for _ in range(TURNS):
            if not stream.is_paused():
                break
            await asyncio.sleep(0)
        assert not stream.is_paused(), "it does not read on"
    stream.connection_lost(None)
    return stream.told, *_said(bytes(pipe.written))


def _said(written: bytes) -> tuple[int | None, list[bytes]]:
    client = Protocol(Side.CLIENT, state=OPEN, max_size=None)
    client.receive_data(written)
    frames = [one for one in client.events_received() if isinstance(one, Frame)]
    assert not client.parser_exc, client.parser_exc
    codes = [Close.parse(one.data).code for one in frames if one.opcode is Opcode.CLOSE]
    pongs = [bytes(one.data) for one in frames if one.opcode is Opcode.PONG]
    return (
        (codes[0], []) if codes else (None, pongs)
    )  # how many pongs come before an error depends on the pieces


class _Library(ServerProtocol):
    """The library, but for its one fault: it refuses a close frame between fragments, which RFC 6455 allows in 5.4."""

    def recv_frame(self, frame: Frame) -> None:
        if frame.opcode is Opcode.CLOSE:
            self.current_size = None
        super().recv_frame(frame)


def _by_library(pieces: list[bytes]) -> Heard:
    protocol = _Library(state=OPEN, max_size=LIMIT)
    told: list[tuple[bytes, bool]] = []
    parts: list[bytes] = []
    decoder: codecs.IncrementalDecoder | None = None
    written = b""
    for piece in pieces:
        protocol.receive_data(piece)
        for one in protocol.events_received():
            if not isinstance(one, Frame) or one.opcode not in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
                continue
            if one.opcode is not Opcode.CONT:
                parts = []
                decoder = codecs.getincrementaldecoder("utf-8")() if one.opcode is Opcode.TEXT else None
            parts.append(bytes(one.data))
            try:
                if decoder is not None:
                    decoder.decode(bytes(one.data), one.fin)
            except UnicodeDecodeError:
                protocol.fail(1007)
                break
            if one.fin:
                told.append((b"".join(parts), decoder is not None))
        written += b"".join(protocol.data_to_send())
    return told, *_said(written)
