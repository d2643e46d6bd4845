"""The quick look at plain frames, and the library, which is asked about all others: they agree."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from websockets.frames import Frame, Opcode

from walkwire.brokers.memory import MemoryBroker
from walkwire.server.socket.framing import Framing, whole
from walkwire.server.socket.stream import SocketStream
from walkwire.wire.door import NOBODY, Call, SignIn
from walkwire.wire.limits import Limits
from walkwire.wire.wire import Wire

LIMIT = 2000


def frame(opcode: Opcode, data: bytes, fin: bool = True) -> bytes:
    return Frame(opcode, data, fin).serialize(mask=True)


@pytest.mark.parametrize("size", [0, 1, 125, 126, 1999, 2000])
def test_a_plain_frame_is_taken_where_it_is(size: int) -> None:
    data = b"before" + frame(Opcode.TEXT, b"x" * size) + b"behind"
    assert whole(data, 6, LIMIT) == (b"x" * size, True, len(data) - 6)


@pytest.mark.parametrize(
    "data",
    [
        frame(Opcode.TEXT, b"x" * 2001),
        frame(Opcode.TEXT, b"x")[:-1],
        frame(Opcode.TEXT, b"x" * 200)[:7],
        frame(Opcode.TEXT, b"x", fin=False),
        frame(Opcode.CONT, b"x"),
        frame(Opcode.PING, b"x"),
        frame(Opcode.CLOSE, b""),
        frame(Opcode.TEXT, b"\xff"),
        b"\x81\x01xxxxxxx",  # not masked
        b"\xc1" + frame(Opcode.TEXT, b"x")[1:],  # RSV1
        b"\x81\xfe\x00\x01maskx",  # a size of one in two bytes
        b"\x81\xff" + bytes(7) + b"\x01maskx",
    ],
    ids=itertools.count(),  # masks are random, and the workers of pytest-xdist have to agree on the names
)
def test_any_other_is_the_librarys(data: bytes) -> None:
    assert whole(data, 0, LIMIT) is None


def test_a_framing_that_knows_nothing_can_be_dropped() -> None:
    framing = Framing(LIMIT)
    states = []
    ping = frame(Opcode.PING, b"x")
    for data in (
        ping,
        ping[:3],
        ping[3:],
        frame(Opcode.TEXT, b"a", fin=False),
        ping,
        frame(Opcode.CONT, b"b"),
        b"\x88\x80mask",
    ):
        framing.hear(data)
        states.append(framing.is_between)
    assert states == [True, False, True, False, False, True, False]


class Ear(SocketStream):
    """Notes what it is told."""

    __slots__ = ("told",)

    def _tell(self, message: bytes, is_text: bool) -> None:
        self.told.append((message, is_text))


class Pipe:
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        self.written = b""

    def write(self, data: bytes) -> None:
        self.written += data

    def get_write_buffer_size(self) -> int:
        return 0

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None: ...
    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...


FRAMES = some.one_of(
    some.builds(
        frame,
        some.sampled_from([Opcode.TEXT, Opcode.TEXT, Opcode.BINARY, Opcode.PING, Opcode.PONG]),
        some.one_of(some.binary(max_size=200), some.text(max_size=40).map(str.encode)),
    ),
    some.builds(frame, some.sampled_from([Opcode.TEXT, Opcode.CONT]), some.just(b"ab"), some.booleans()),
    some.sampled_from([frame(Opcode.BINARY, b"x" * 2000), frame(Opcode.BINARY, b"x" * 2001)]),
    some.binary(min_size=1, max_size=8),
)


@settings(max_examples=300, deadline=None)
@given(frames=some.lists(FRAMES, max_size=8), cuts=some.lists(some.integers(1, 60), min_size=1))
def test_a_stream_hears_and_answers_what_the_library_alone_would(
    frames: list[bytes], cuts: list[int]
) -> None:
    data = b"".join(frames)
    assert asyncio.run(by_stream(data, cuts)) == by_library(data, cuts)


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    found, place, number = [], 0, 0
    while place < len(data):
        found.append(data[place : place + cuts[number % len(cuts)]])
        place += len(found[-1])
        number += 1
    return found


async def by_stream(data: bytes, cuts: list[int]) -> Any:
    wire = Wire(MemoryBroker(), limits=Limits(frame=LIMIT))

    async def dispatch(call: Call) -> bytes:
        return b"{}"

    async def authenticate(token: str | None) -> SignIn:
        return NOBODY

    door = wire.door(dispatch, authenticate, lambda origin, host: True)
    pipe: Any = Pipe()
    stream = Ear(door, pipe, b"", set())
    stream.told = []
    for piece in pieces(data, cuts):
        stream.data_received(piece)
        while stream.is_paused():  # noqa: ASYNC110  # an event loop receives nothing meanwhile
            await asyncio.sleep(0)
    return stream.told, pipe.written


def by_library(data: bytes, cuts: list[int]) -> Any:
    framing = Framing(LIMIT)
    told = [(each.data, each.is_text) for piece in pieces(data, cuts) for each in framing.hear(piece)]
    return told, b"".join(framing.data_to_send())
