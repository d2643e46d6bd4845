"""RFC 6455 on one transport, whose every call is seen."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import pytest
from websockets.frames import Frame, Opcode
from websockets.protocol import OPEN, Protocol, Side

from walkwire.brokers.memory import MemoryBroker
from walkwire.server.socket.framing import Framing
from walkwire.server.socket.stream import FRAMES, PIECE, SLICE, SocketStream
from walkwire.wire.connection import Connection
from walkwire.wire.door import NOBODY, Call, SignIn
from walkwire.wire.heartbeat import Phase
from walkwire.wire.message import close
from walkwire.wire.wire import Wire


class Pipe(asyncio.Transport):
    """A transport whose peer is the test: `heard` is what it was sent, `calls` what else was done."""

    def __init__(self, may_half_close: bool = True) -> None:
        super().__init__()
        self.calls: list[str] = []
        self.unsent = 0
        self._framing = Protocol(Side.CLIENT, state=OPEN, max_size=None)
        self._may_half_close = may_half_close

    def write(self, data: Any) -> None:
        assert not self.calls or self.calls[-1] not in {"write_eof", "close", "abort"}
        self._framing.receive_data(bytes(data))

    def heard(self) -> list[Any]:
        frames = [each for each in self._framing.events_received() if isinstance(each, Frame)]
        return [
            json.loads(bytes(each.data)) if each.opcode is Opcode.TEXT else each.opcode for each in frames
        ]

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def can_write_eof(self) -> bool:
        return self._may_half_close

    def write_eof(self) -> None:
        self.calls.append("write_eof")

    def close(self) -> None:
        self.calls.append("close")

    def abort(self) -> None:
        self.calls.append("abort")

    def pause_reading(self) -> None:
        self.calls.append("pause")

    def resume_reading(self) -> None:
        self.calls.append("resume")


class Line:
    """A stream over a pipe, greeted already."""

    def __init__(self, may_half_close: bool = True) -> None:
        self.gate = asyncio.Event()
        self.wire = Wire(MemoryBroker())
        self.pipe = Pipe(may_half_close)
        self.streams: set[Any] = set()
        door = self.wire.door(self._dispatch, self._authenticate, lambda origin, host: True)
        self.stream = SocketStream(door, self.pipe, b"", self.streams)
        self.stream.open(Connection(door, self.stream), None, b"")
        self.wire.turn.flush()
        assert [each["type"] for each in self.pipe.heard()] == ["connection"]

    async def _dispatch(self, call: Call) -> bytes:
        await self.gate.wait()
        return b"{}"

    async def _authenticate(self, token: str | None) -> SignIn:
        return NOBODY

    def say(self, *events: dict[str, Any], opcode: Opcode = Opcode.TEXT) -> None:
        self.stream.data_received(b"".join(masked(opcode, json.dumps(event).encode()) for event in events))

    def heard(self) -> list[Any]:
        self.wire.turn.flush()
        return self.pipe.heard()


def masked(opcode: Opcode, data: bytes) -> bytes:
    return Frame(opcode, data).serialize(mask=True)


def asking(count: int) -> list[dict[str, Any]]:
    return [{"type": "connection", "id": number} for number in range(count)]


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_a_flood_is_taken_in_slices_so_that_others_get_their_turn() -> None:
    line = Line()
    line.say(*asking(2000))
    first = len(line.heard())
    assert 0 < first <= SLICE // 30
    assert line.pipe.calls == ["pause"]
    assert line.stream.is_paused()
    taken = first
    while taken < 2000:
        await asyncio.sleep(0)
        more = len(line.heard())
        assert more <= SLICE // 30
        taken += more
    await settle()
    assert line.pipe.calls[-1] == "resume"
    assert not line.stream.is_paused()


@pytest.mark.parametrize(
    ("frames", "most"),
    [
        (masked(Opcode.TEXT, b"{}") * 3000, FRAMES),
        (masked(Opcode.PING, b"") * 3000, FRAMES + PIECE // 6),
        (
            Frame(Opcode.TEXT, b"", fin=False).serialize(mask=True)
            + Frame(Opcode.CONT, b"", fin=False).serialize(mask=True) * 20_000,
            0,
        ),
    ],
    ids=["nonsense", "pings", "empty fragments"],
)
async def test_the_shortest_frames_are_taken_a_few_at_a_time_as_well(frames: bytes, most: int) -> None:
    line = Line()
    line.stream.data_received(frames)
    assert line.stream.is_paused()
    assert len(line.heard()) <= most
    turns = 0
    while line.stream.is_paused():
        await asyncio.sleep(0)
        turns += 1
    assert turns >= len(frames) // SLICE


async def test_empty_fragments_are_not_kept() -> None:
    framing = Framing(1000)
    framing.hear(Frame(Opcode.TEXT, b"a", fin=False).serialize(mask=True))
    before = sys.getsizeof(framing._message)
    for _ in range(1000):
        framing.hear(Frame(Opcode.CONT, b"", fin=False).serialize(mask=True))
    assert sys.getsizeof(framing._message) == before
    assert framing.hear(Frame(Opcode.CONT, b"b").serialize(mask=True)) == [(b"ab", True)]


async def test_who_asks_for_pongs_and_does_not_read_them_is_cut_off() -> None:
    line = Line()
    line.pipe.unsent = line.wire.limits.unsent
    line.stream.data_received(masked(Opcode.PING, b"1"))
    assert (line.heard(), line.pipe.calls) == ([Opcode.PONG], [])
    line.pipe.unsent += 1
    line.stream.data_received(masked(Opcode.PING, b"2"))
    assert line.pipe.calls == ["abort"]


async def test_a_large_message_is_one_event_however_it_is_sliced() -> None:
    line = Line()
    line.say({"type": "connection", "id": 1, "x": "x" * 500_000})
    async with asyncio.timeout(30):
        while not (heard := line.heard()):  # noqa: ASYNC110 on a busy machine the slices end earlier
            await asyncio.sleep(0)
    assert [each["id"] for each in heard] == [1]
    assert "pause" not in line.pipe.calls


async def test_what_was_read_before_the_pause_is_kept_and_taken_after_it() -> None:
    line = Line()
    line.say({"type": "walker", "walker": "waits"}, *asking(500))
    await settle()
    line.say({"type": "connection", "id": 500})  # an event loop may deliver once more
    assert (line.heard(), line.pipe.calls[-1]) == ([], "pause")
    line.gate.set()
    heard: list[Any] = []
    for _ in range(50):
        await settle()
        heard += line.heard()
    assert [each["id"] for each in heard] == list(range(501))
    assert line.pipe.calls[-1] == "resume"


async def test_a_goodbye_is_said_once_and_ends_when_it_is_answered() -> None:
    line = Line()
    line.stream.close(4200, close.DRAIN.text())
    line.stream.close(1001, close.GOING.text())
    assert line.heard() == [Opcode.CLOSE]
    assert line.stream.phase is Phase.CLOSING
    assert "write_eof" not in line.pipe.calls
    line.say(*asking(1))
    line.stream.data_received(masked(Opcode.CLOSE, b"\x10\x68"))
    assert (line.heard(), line.pipe.calls[-1]) == ([], "write_eof")


async def test_a_stream_that_cannot_be_half_closed_is_closed() -> None:
    line = Line(may_half_close=False)
    line.stream.data_received(masked(Opcode.CLOSE, b"\x03\xe8"))
    assert (line.heard(), line.pipe.calls) == ([Opcode.CLOSE], ["close"])


async def test_a_paused_stream_hears_the_answer_to_its_goodbye() -> None:
    line = Line()
    line.say({"type": "walker", "walker": "waits"}, *asking(100))
    assert line.pipe.calls[-1] == "pause"
    line.stream.shutdown()
    await settle()
    assert line.pipe.calls[-1] == "resume"
    line.stream.data_received(masked(Opcode.CLOSE, b"\x03\xe9"))
    assert line.pipe.calls[-1] == "write_eof"
    line.gate.set()
    await settle()


async def test_an_end_without_a_goodbye_leaves_nothing() -> None:
    line = Line()
    line.say({"type": "connection", "id": 1})
    line.stream.eof_received()
    line.stream.connection_lost(None)
    assert (line.wire.hub.clients, line.streams, len(line.wire.heartbeat)) == ({}, set(), 0)
    line.stream.write(b"nothing")
    assert line.stream.unsent() == 0


async def test_a_lost_connection_is_not_written_to() -> None:
    line = Line()
    line.pipe.abort()
    line.say({"type": "connection", "id": 1})
    line.stream.connection_lost(ConnectionResetError())
    assert line.heard() == []
    await settle()


@pytest.mark.parametrize("opcode", [Opcode.PING, Opcode.PONG])
async def test_control_frames_are_signs_of_life(opcode: Opcode) -> None:
    line = Line()
    line.wire.heartbeat.now = 7
    line.stream.data_received(masked(opcode, b"x"))
    assert line.stream.heard == 7
    assert line.heard() == ([Opcode.PONG] if opcode is Opcode.PING else [])
