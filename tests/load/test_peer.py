"""One connection of the load: what it counts, answers and reports."""

from __future__ import annotations

import asyncio

from websockets.frames import Frame, Opcode

from walkwire.load import frame
from walkwire.load.peer import Peer

MARK = b'{"load":'


class Wire(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.is_aborted = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append(bytes(data))

    def abort(self) -> None:
        self.is_aborted = True


class Heard:
    """A peer on a transport, with what it called back."""

    def __init__(self) -> None:
        self.numbers: list[int] = []
        self.wrong: list[str] = []
        self.wire = Wire()
        self.peer = Peer(MARK, lambda peer, number, now: self.numbers.append(number), self.wrong.append)
        self.peer.connection_made(self.wire)

    def receive(self, opcode: Opcode, payload: bytes) -> None:
        self.peer.data_received(Frame(opcode, payload).serialize(mask=False))


def test_numbered_messages_are_passed_on_and_others_are_counted() -> None:
    heard = Heard()
    heard.receive(Opcode.TEXT, MARK + b'7,"data":1}')
    heard.receive(Opcode.TEXT, b'{"type":"connection"}')
    assert (heard.numbers, heard.peer.messages, heard.wrong) == ([7], 2, [])


def test_a_message_that_arrives_in_pieces_is_received_once_it_is_complete() -> None:
    heard = Heard()
    whole = Frame(Opcode.TEXT, MARK + b"8,1}").serialize(mask=False) * 2
    for start in range(0, len(whole), 5):
        heard.peer.data_received(whole[start : start + 5])
    assert heard.numbers == [8, 8]


def test_a_ping_is_answered_with_its_payload() -> None:
    heard = Heard()
    heard.receive(Opcode.PING, b"still there?")
    (answer,) = heard.wire.written
    assert answer[0] & 0x0F == Opcode.PONG
    assert len(answer) == len(frame.pong(b"still there?"))


def test_an_error_and_a_close_frame_are_reported() -> None:
    heard = Heard()
    heard.receive(Opcode.TEXT, b'{"error":"no"}')
    heard.receive(Opcode.CLOSE, (4003).to_bytes(2, "big") + b"refused")
    heard.peer.connection_lost(None)
    assert heard.wrong == ['{"error":"no"}', "a connection was closed by the server: 4003 refused"]
    assert heard.peer.is_closed


def test_a_peer_that_leaves_reports_nothing() -> None:
    heard = Heard()
    heard.peer.leave()
    heard.peer.connection_lost(None)
    assert heard.wire.is_aborted
    assert heard.wrong == []
