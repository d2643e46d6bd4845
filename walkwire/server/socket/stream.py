"""SocketStream: one upgraded socket, between the event loop's transport and a `wire/connection`. Knows no JSON.

Received data is handled in slices, one in each turn of the event loop, so that a peer that floods the server delays nobody else.
All streams together have the time of `wire/budget` for it. While a slice is left, nothing more is read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from websockets.protocol import State

from walkwire.server.socket.deflate import deflated, window_bits
from walkwire.server.socket.ended import ENDED
from walkwire.server.socket.framing import PONG, Framing, whole
from walkwire.server.socket.window import use_window
from walkwire.wire.budget import FRAME_SECONDS
from walkwire.wire.connection import Connection
from walkwire.wire.door import Door
from walkwire.wire.heartbeat import Phase
from walkwire.wire.message import close, frame
from walkwire.wire.message.close import Close
from walkwire.wire.rates import FRAME

SLICE = 16 * 1024  # bytes handled in one turn
PIECE = 512  # bytes given to the library at once: 80 empty fragments, or compressed, a thousand times as many bytes
LARGE_PIECE = 4 * 1024  # the most, if few frames ended in the pieces before
FEW = 256  # bytes that are too few for a look at the clock
LOOKS = 8  # frames between two looks at the clock
FRAMES = 128  # most in a slice: an invalid event may have 8 bytes, and its error takes 70 µs to format


class SocketStream(asyncio.Protocol):
    """The protocol of an upgraded socket, and the `Transport` of its client.

    - response: ends the handshake; it is written together with the first frame
    - streams: the server's set of connections
    - framing: the library's protocol object if extensions were negotiated
    - address: what the connection is counted by, until it is lost
    """

    __slots__ = (
        "_address",
        "_budget",
        "_connection",
        "_door",
        "_framing",
        "_has_spoken",
        "_heartbeat",
        "_is_paused",
        "_response",
        "_rest",
        "_streams",
        "_transport",
        "due",
        "heard",
        "is_narrow",
        "phase",
        "taken",
    )

    def __init__(
        self,
        door: Door,
        transport: asyncio.Transport,
        response: bytes,
        streams: set[Any],
        framing: Framing | None = None,
        address: str = "",
    ) -> None:
        self.heard = self.due = 0
        self.phase = Phase.OPEN
        self._transport: Any = transport
        self._streams, self._response = streams, response
        self._framing = framing  # None nearly always: between frames, and not closing
        self._door, self._address = door, address
        self._has_spoken = self._is_paused = False
        self._heartbeat = door.heartbeat
        self._budget, self.taken, self.is_narrow = door.budget, 0.0, False
        self._connection: Connection | None = None
        self._rest = b""  # received, and not handled yet
        streams.add(self)
        self._heartbeat.watch(self)

    def open(self, connection: Connection, token: str | None, data: bytes) -> None:
        """Attach the connection and open it. `data` was received together with the head of the request."""
        self._connection = connection
        self._door.silent.start(self)
        connection.open(token)
        if connection.client.frames is None and self._response:
            self._write_first(b"")
        if data:
            self.data_received(data)

    # Called by the event loop

    def data_received(self, data: bytes) -> None:
        """Handle what was received, or keep it while an earlier slice is left. Called by the event loop."""
        self.heard = self._heartbeat.now
        if self._rest or self._is_paused:
            self._rest += data
        elif self._budget.must_wait(self):
            self._postpone(data)
        elif len(data) != 6 or not data.startswith(PONG) or self._framing is not None:
            self._read_slice(data)
        else:
            self._charge(1)
        if self._rest:
            self._door.memory.grow(len(self._rest))

    def eof_received(self) -> None:
        """Answer the end of the peer's data as the library does. Called by the event loop."""
        framing = self._library()
        framing.receive_eof()
        self._answer(framing)

    def pause_writing(self) -> None:
        """Start back-pressure for the client. Called by the event loop."""
        if self._connection is not None:
            self._connection.lag()

    def resume_writing(self) -> None:
        """End back-pressure for the client. Called by the event loop."""
        if self._connection is not None:
            self._connection.catch_up()

    def connection_lost(self, error: Exception | None) -> None:
        """Remove everything that belongs to this socket. Called by the event loop."""
        self._transport = ENDED
        self._streams.discard(self)
        self._heartbeat.forget(self)
        self._rest = self._response = b""
        if self._framing is not None:
            self._framing.release()
            self._framing = None
        self._door.unfinished.cancel(self)
        self._door.silent.cancel(self)
        self._door.connections.depart(self._address)
        if self._connection is not None:
            self._connection.gone()

    @property
    def is_leaving(self) -> bool:
        """Return whether it is closing, or will be when all is answered."""
        return self.phase is Phase.CLOSING or self._connection is None or self._connection.is_leaving

    def leave(self, goodbye: Close) -> None:
        """Close when everything that was received is answered: the server is being replaced."""
        if self._connection is not None:
            self._connection.leave(goodbye)

    def shutdown(self) -> None:
        """Close at once. Called by uvicorn when the server stops."""
        if self._connection is not None:
            self._connection.close(close.GOING)

    # Called by the wire

    @property
    def write(self) -> Callable[[bytes], object]:
        """Return the function that writes frames: the event loop's own if nothing has to be done before."""
        if self._response:
            return self._write_first
        bits = None if self._framing is None else window_bits(self._framing.extensions)
        write: Callable[[bytes], object] = self._transport.write
        return write if bits is None else lambda data: write(deflated(data, bits))

    def unsent(self) -> int:
        """Return the size of the event loop's write buffer in bytes."""
        return self._transport.get_write_buffer_size()  # type: ignore[no-any-return]

    def close(self, code: int, reason: str) -> None:
        """Send a close frame, and read on until the peer has closed."""
        framing = self._library()
        if framing.state is State.OPEN:
            framing.send_close(code, reason)
            self._answer(framing)
            if code != close.FLOODING.code:
                self.resume()
                return
            # It would go on to flood: nothing more is read, not even the answer to the close frame (RFC 6455, 7.1.7).
            self._rest = b""
            self.pause()
            if self._transport.can_write_eof():
                self._transport.write_eof()

    def abort(self) -> None:
        """Disconnect at once."""
        self._transport.abort()

    def pause(self) -> None:
        """Stop reading, and handle nothing more."""
        self._is_paused = True
        self._transport.pause_reading()
        if self._connection is not None:
            self._door.memory.grow(self._connection.held()[0])

    def resume(self) -> None:
        """Handle what is left, then read again."""
        self._is_paused = False
        if self._rest:
            self._budget.wait(self)
        else:
            self._transport.resume_reading()

    def ping(self) -> None:
        """Send a ping."""
        self.write(frame.PING)

    def no_pong(self) -> None:
        """Close with 4100: the peer did not answer."""
        if self._connection is not None:
            self._connection.close(close.SILENT)

    def is_paused(self) -> bool:
        """Return whether received data is left, or reading is paused."""
        return self._is_paused or bool(self._rest)

    # Called by limits

    def held(self) -> int:
        """Return the number of bytes that are unfinished or unsent."""
        return self._incoming() + self._outgoing()

    def give_up(self) -> None:
        """Close with 4129, or at once if the peer does not read: all connections together hold too much."""
        self._door.connections.refuse("memory")
        if self.phase is Phase.CLOSING or self._outgoing() > self._incoming():
            self.abort()
        else:
            self._end(close.TOO_MUCH)

    def expire_message(self) -> None:
        """Close with 4129: a message did not arrive in time."""
        if self.is_paused():  # it is the server that keeps the client waiting
            self._door.unfinished.start(self)
        elif self.phase is not Phase.CLOSING:
            self._door.connections.refuse("unfinished")
            self._end(close.UNFINISHED)

    def expire_first(self) -> None:
        """Close with 4129, unless the client has sent an event or signed in."""
        connection, is_open = self._connection, self.phase is not Phase.CLOSING
        if connection and is_open and not (self._has_spoken or connection.client.is_authenticated):
            self._door.connections.refuse("silent")
            connection.close(close.NOTHING_SENT)

    def _incoming(self) -> int:
        held = len(self._rest) if self._framing is None else len(self._rest) + self._framing.held
        return held if self._connection is None else held + self._connection.held()[0]

    def _outgoing(self) -> int:
        return self.unsent() if self._connection is None else self.unsent() + self._connection.held()[1]

    def _end(self, goodbye: Close) -> None:
        """Send a close frame, drop what was received, and handle nothing more."""
        self._rest = b""
        if self._connection is not None:
            self._connection.drop_waiting()
        framing = self._library()
        framing.end(goodbye)
        self._answer(framing)
        self.resume()

    def _write_first(self, data: bytes) -> None:
        response, self._response = self._response, b""
        if self._framing is None:
            self._transport.write(response + data)
        else:
            self._transport.write(response)
            self.write(data)
        if self._connection is not None and self._connection.client.transport is self:
            self._connection.client.use_transport(self)

    def _read_slice(self, data: bytes) -> None:
        budget, size, limits = self._budget, len(data), self._door.limits
        limit = limits.frame if limits.public_frame >= limits.frame else self._frame_limit()
        place, frames, started = 0, 0, 0.0
        if size >= FEW:
            started = budget.clock()
        elif self._framing is None and (found := whole(data, 0, limit)) is not None and found[2] == size:
            budget.spent += FRAME_SECONDS  # the usual case: one small event
            if budget.spent >= budget.turn:
                budget.close()
            self._tell(found[0], found[1])
            return
        largest = PIECE if self._framing and self._framing.extensions else LARGE_PIECE
        piece, is_look = PIECE, False
        while place < size and not self._is_paused and frames < FRAMES:
            if (frames and place >= SLICE) or (is_look and budget.clock() > budget.slice_ends(started)):
                break
            found = whole(data, place, limit) if self._framing is None else None
            if found is not None:
                message, is_text, place = found
                frames += 1
                self._tell(message, is_text)
                is_look = started > 0 and frames % LOOKS == 0
            else:
                ended = self._ask_library(data[place : place + piece])
                frames, place = frames + ended, place + piece
                piece = PIECE if ended > 1 else min(2 * piece, largest)
                is_look = started > 0
        if started:
            budget.spend(self, started)
        else:
            budget.count(self, frames * FRAME_SECONDS)
        if place < size:
            self._postpone(data[place:])

    def _frame_limit(self) -> int:
        return self._door.limits.frame if self._connection is None else self._connection.frame_limit

    def _postpone(self, rest: bytes) -> None:
        if self._is_paused and self.phase is Phase.CLOSING:
            return  # nothing more is read
        self._rest = rest
        self._transport.pause_reading()
        if not self._is_paused:
            self._budget.wait(self)

    def narrow(self, is_narrow: bool) -> None:
        """Let the peer send little ahead, or as much as usual. Called by the budget."""
        self.is_narrow = is_narrow
        use_window(self._transport, is_narrow=is_narrow)

    def read_rest(self) -> None:
        """Handle one slice of what is left. Called by the budget."""
        if self._is_paused or not self._rest:
            return
        rest, self._rest = self._rest, b""
        self._read_slice(rest)
        if not self._rest and not self._is_paused:
            self._transport.resume_reading()

    def _tell(self, message: bytes, _is_text: bool) -> None:
        self._has_spoken = True
        if self._connection is not None:
            self._connection.hear(message)

    def _ask_library(self, data: bytes) -> int:
        """Have the library parse data that is not plain. Return the number of frames that ended in it."""
        framing = self._library()
        messages, is_open = framing.hear(data), framing.state is State.OPEN
        if is_open:  # only pongs, which do not wait; a close frame comes after the replies
            self._answer(framing)
        for message, is_text in messages:
            self._tell(message, is_text)
        if not is_open:
            self._answer(framing)
        if framing.frames:
            self._charge(framing.frames)
        if self._framing is framing:  # not lost meanwhile
            self._watch(framing, len(data), bool(messages))
        return framing.frames

    def _watch(self, framing: Framing, received: int, has_message: bool) -> None:
        """Limit the time and the memory of a message that has not ended."""
        unfinished = self._door.unfinished
        if not framing.is_unfinished:
            unfinished.cancel(self)
            if framing.is_between:
                framing.release()
                self._framing = None
            return
        (unfinished.restart if has_message else unfinished.start)(self)
        self._door.memory.grow(received)

    def _charge(self, frames: int) -> None:
        """Charge the client for frames that the library parsed. While it is closing, nobody would pause it."""
        rest = 0.0 if self._connection is None else self._connection.charge(FRAME * frames)
        if rest and self.phase is Phase.CLOSING:
            self.abort()

    def _library(self) -> Framing:
        if self._framing is None:
            self._framing = Framing(self._frame_limit())
        self._framing.max_message_size = self._frame_limit()  # the client may have signed in meanwhile
        return self._framing

    def _answer(self, framing: Framing) -> None:
        """Write the frames that the library makes: pongs, and close frames after everything that was sent before."""
        if framing.state is not State.OPEN and self.phase is not Phase.CLOSING:
            self._heartbeat.start_closing(self)
            if self._connection is not None:
                self._connection.lost()
        for data in framing.data_to_send():
            if framing.state is State.OPEN and self.unsent() > self._door.limits.unsent:
                self.abort()  # it sends pings and does not read the pongs
                return
            if data:
                self.write(data)
            elif self._transport.can_write_eof():
                self._transport.write_eof()
            else:
                self._transport.close()
