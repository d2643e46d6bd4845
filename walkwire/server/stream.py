"""Stream: RFC 6455 on one socket, between the event loop's transport and a `wire/connection`. No JSON is known here.

The framing is `websockets`' sans-I/O protocol. What comes in is taken in slices, one a turn of the loop where they hold
events, so that a peer who floods us holds up nobody else; what is not taken yet is not read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.server import ServerProtocol

from walkwire.wire import close, frame
from walkwire.wire.client import GONE
from walkwire.wire.close import Close
from walkwire.wire.connection import Connection
from walkwire.wire.door import Door
from walkwire.wire.heartbeat import Phase

SLICE = 16 * 1024


class Framing(ServerProtocol):
    """An open connection's frames. Where the peer breaks the protocol, the reason is told in the protocol's form."""

    def __init__(self, limit: int) -> None:
        super().__init__(state=State.OPEN, max_size=limit)

    def fail(self, code: int, reason: str = "") -> None:
        super().fail(code, Close(code, reason).text())


class Stream(asyncio.Protocol):
    """The protocol of an upgraded socket, and the `Transport` of its client. `streams` is where the server keeps it."""

    __slots__ = (
        "_connection",
        "_framing",
        "_heartbeat",
        "_is_paused",
        "_is_text",
        "_parts",
        "_rest",
        "_streams",
        "_transport",
        "due",
        "heard",
        "phase",
        "unsent",
        "write",
    )

    def __init__(self, door: Door, transport: asyncio.Transport, framing: Framing, streams: set[Any]) -> None:
        self.write: Callable[[bytes], object] = transport.write
        self.unsent: Callable[[], int] = transport.get_write_buffer_size
        self.heard = 0
        self.due = 0
        self.phase = Phase.OPEN
        self._transport = transport
        self._streams = streams
        self._framing = framing
        self._heartbeat = door.hub.heartbeat
        self._connection: Connection | None = None
        self._parts = bytearray()  # of a message in fragments
        self._is_text = True
        self._rest = b""  # read, and not taken yet
        self._is_paused = False
        streams.add(self)
        self._heartbeat.watch(self)

    def open(self, connection: Connection, token: str | None, data: bytes) -> None:
        """Begin the conversation. `data` is what came together with the head of the request."""
        self._connection = connection
        connection.open(token)
        if data:
            self.data_received(data)

    # Called by the event loop

    def data_received(self, data: bytes) -> None:
        self.heard = self._heartbeat.now
        if self._rest or self._is_paused:
            self._rest += data
        else:
            self._take(data)

    def eof_received(self) -> None:
        self._framing.receive_eof()
        self._answer()

    def connection_lost(self, error: Exception | None) -> None:
        self.write, self.unsent = GONE.write, GONE.unsent
        self._streams.discard(self)
        self._heartbeat.forget(self)
        self._rest = b""
        if self._connection is not None:
            self._connection.lost()

    def shutdown(self) -> None:
        """The server stops (uvicorn's word)."""
        if self._connection is not None:
            self._connection.close(close.GOING)

    # Called by the wire

    def close(self, code: int, reason: str) -> None:
        if self._framing.state is State.OPEN:
            self._framing.send_close(code, reason)
            self._answer()
            self.resume()

    def abort(self) -> None:
        self._transport.abort()

    def pause(self) -> None:
        self._is_paused = True
        self._transport.pause_reading()

    def resume(self) -> None:
        self._is_paused = False
        if self._rest:
            asyncio.get_running_loop().call_soon(self._take_rest)
        else:
            self._transport.resume_reading()

    def ping(self) -> None:
        self.write(frame.PING)

    def fall_silent(self) -> None:
        if self._connection is not None:
            self._connection.close(close.SILENT)

    def is_deaf(self) -> bool:
        return self._is_paused or bool(self._rest)

    def _take(self, data: bytes) -> None:
        if len(data) <= SLICE:
            self._hear(data)
            return
        has_said = self._hear(data[:SLICE])
        rest = data[SLICE:]
        while rest and not has_said and not self._is_paused:
            has_said = self._hear(rest[:SLICE])
            rest = rest[SLICE:]
        if rest:
            self._rest = rest
            self._transport.pause_reading()
            if not self._is_paused:
                asyncio.get_running_loop().call_soon(self._take_rest)

    def _take_rest(self) -> None:
        if self._is_paused or not self._rest:
            return
        rest, self._rest = self._rest, b""
        self._take(rest)
        if not self._rest and not self._is_paused:
            self._transport.resume_reading()

    def _hear(self, data: bytes) -> bool:
        """Take a slice. Tells whether it held an event."""
        framing = self._framing
        framing.receive_data(data)
        events = framing.events_received()
        for event in events:
            assert isinstance(event, Frame)
            if not self._hear_frame(event):
                break
        self._answer()
        return bool(events)

    def _hear_frame(self, said: Frame) -> bool:
        """Tells whether to hear more."""
        if said.opcode is Opcode.CLOSE:
            return False
        if said.opcode is Opcode.PING or said.opcode is Opcode.PONG:
            return True
        if said.opcode is not Opcode.CONT:
            self._is_text = said.opcode is Opcode.TEXT
            if said.fin:
                return self._hear_message(bytes(said.data))
        self._parts += said.data
        if not said.fin:
            return True
        message, self._parts = bytes(self._parts), bytearray()
        return self._hear_message(message)

    def _hear_message(self, message: bytes) -> bool:
        if self._is_text and not _is_utf8(message):
            self._framing.fail(close.NOT_TEXT.code, close.NOT_TEXT.reason)
            return False
        if self._connection is not None:
            self._connection.hear(message)
        return True

    def _answer(self) -> None:
        """Write what the framing has to say itself: pongs and goodbyes, these after all that was said before."""
        framing = self._framing
        if framing.state is not State.OPEN and self.phase is not Phase.CLOSING:
            self._heartbeat.see_off(self)
            if self._connection is not None:
                self._connection.lost()
        for data in framing.data_to_send():
            if data:
                self.write(data)
            elif self._transport.can_write_eof():
                self._transport.write_eof()
            else:
                self._transport.close()


def _is_utf8(message: bytes) -> bool:
    if message.isascii():
        return True
    try:
        message.decode()
    except UnicodeDecodeError:
        return False
    return True
