"""Stream: one upgraded socket, between the event loop's transport and a `wire/connection`. No JSON is known here.

What comes in is taken in slices, one a turn of the loop where they hold whole frames, so that a peer who floods us holds up
nobody else; what is not taken yet is not read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from websockets.protocol import State

from walkwire.server.socket.deflate import deflated, window_bits
from walkwire.server.socket.framing import PONG, Framing, whole
from walkwire.wire.connection import Connection
from walkwire.wire.door import Door
from walkwire.wire.heartbeat import Phase
from walkwire.wire.message import close, frame
from walkwire.wire.message.close import Close

SLICE = 16 * 1024
PIECE = 4 * 1024  # for the library, to which an empty fragment is work, too
FRAMES = 128  # in a slice: the shortest nonsense has 8 bytes, and to say what is wrong with it takes 70 µs


class Stream(asyncio.Protocol):
    """The protocol of an upgraded socket, and the `Transport` of its client.

    `response` is what ends the handshake: it leaves in one write with the first frame. `framing` is given where it has to last;
    `streams` is where the server keeps its connections.
    """

    __slots__ = (
        "_connection",
        "_framing",
        "_heartbeat",
        "_is_paused",
        "_limits",
        "_response",
        "_rest",
        "_streams",
        "_transport",
        "due",
        "heard",
        "phase",
    )

    def __init__(
        self,
        door: Door,
        transport: asyncio.Transport,
        response: bytes,
        streams: set[Any],
        framing: Framing | None = None,
    ) -> None:
        self.heard = 0
        self.due = 0
        self.phase = Phase.OPEN
        self._transport: Any = transport
        self._streams = streams
        self._response = response
        self._framing = framing  # None, as nearly always: between frames, and not closing
        self._limits = door.limits
        self._heartbeat = door.heartbeat
        self._connection: Connection | None = None
        self._rest = b""  # read, and not taken yet
        self._is_paused = False
        streams.add(self)
        self._heartbeat.watch(self)

    def open(self, connection: Connection, token: str | None, data: bytes) -> None:
        """Begin the conversation. `data` is what came together with the head of the request."""
        self._connection = connection
        connection.open(token)
        if connection.client.frames is None:
            self._respond()
        if data:
            self.data_received(data)

    # Called by the event loop

    def data_received(self, data: bytes) -> None:
        self.heard = self._heartbeat.now
        if self._rest or self._is_paused:
            self._rest += data
        elif len(data) != 6 or not data.startswith(PONG) or self._framing is not None:
            self._take(data)

    def eof_received(self) -> None:
        framing = self._library()
        framing.receive_eof()
        self._answer(framing)

    def pause_writing(self) -> None:
        if self._connection is not None:
            self._connection.lag()

    def resume_writing(self) -> None:
        if self._connection is not None:
            self._connection.catch_up()

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = _ENDED
        self._streams.discard(self)
        self._heartbeat.forget(self)
        self._rest = self._response = b""
        if self._connection is not None:
            self._connection.gone()

    @property
    def is_leaving(self) -> bool:
        """Was it said goodbye to, or is it about to be?"""
        return self.phase is Phase.CLOSING or self._connection is None or self._connection.is_leaving

    def leave(self, goodbye: Close) -> None:
        """The server stops, and this one is to go when it has its answers."""
        if self._connection is not None:
            self._connection.leave(goodbye)

    def shutdown(self) -> None:
        """The server stops (uvicorn's word)."""
        if self._connection is not None:
            self._connection.close(close.GOING)

    # Called by the wire

    @property
    def write(self) -> Callable[[bytes], object]:
        if self._response:
            return self._write_first
        bits = None if self._framing is None else window_bits(self._framing.extensions)
        write: Callable[[bytes], object] = self._transport.write
        return write if bits is None else lambda data: write(deflated(data, bits))

    def unsent(self) -> int:
        return self._transport.get_write_buffer_size()  # type: ignore[no-any-return]

    def close(self, code: int, reason: str) -> None:
        framing = self._library()
        if framing.state is State.OPEN:
            framing.send_close(code, reason)
            self._answer(framing)
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

    def _write_first(self, data: bytes) -> None:
        response, self._response = self._response, b""
        if self._framing is None:
            self._transport.write(response + data)
        else:
            self._transport.write(response)
            self.write(data)
        if self._connection is not None and self._connection.client.transport is self:
            self._connection.client.ride(self)

    def _respond(self) -> None:
        if self._response:
            self._write_first(b"")

    def _take(self, data: bytes) -> None:
        place, size, frames, limit = 0, len(data), 0, self._limits.frame
        while place < size and not self._is_paused and frames < FRAMES and not (frames and place >= SLICE):
            found = whole(data, place, limit) if self._framing is None else None
            if found is not None:
                message, is_text, place = found
                frames += 1
                self._tell(message, is_text)
            else:
                frames += self._ask_library(data[place : place + PIECE])
                place += PIECE
        if place < size:
            self._put_off(data[place:])

    def _put_off(self, rest: bytes) -> None:
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

    def _tell(self, message: bytes, _is_text: bool) -> None:
        if self._connection is not None:
            self._connection.hear(message)

    def _ask_library(self, data: bytes) -> int:
        """Take what is not plain. Gives the number of frames that ended in it."""
        framing = self._library()
        messages = framing.hear(data)
        is_open = framing.state is State.OPEN
        if is_open:  # nothing but pongs, which do not wait; a goodbye comes after the answers
            self._answer(framing)
        for message, is_text in messages:
            self._tell(message, is_text)
        if not is_open:
            self._answer(framing)
        if framing.is_between:
            self._framing = None
        return framing.frames

    def _library(self) -> Framing:
        if self._framing is None:
            self._framing = Framing(self._limits.frame)
        return self._framing

    def _answer(self, framing: Framing) -> None:
        """Write what the framing has to say itself: pongs and goodbyes, these after all that was said before."""
        if framing.state is not State.OPEN and self.phase is not Phase.CLOSING:
            self._heartbeat.see_off(self)
            if self._connection is not None:
                self._connection.lost()
        for data in framing.data_to_send():
            if framing.state is State.OPEN and self.unsent() > self._limits.unsent:
                self.abort()  # it asks, and asks, and takes no answer
                return
            if data:
                self.write(data)
            elif self._transport.can_write_eof():
                self._transport.write_eof()
            else:
                self._transport.close()


class _Ended:
    """In place of a transport that is no more."""

    def write(self, data: bytes) -> None: ...
    def abort(self) -> None: ...
    def close(self) -> None: ...
    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...

    def get_write_buffer_size(self) -> int:
        return 0

    def can_write_eof(self) -> bool:
        return False


_ENDED = _Ended()
