"""Heartbeat: a timer wheel for all sockets. Pings silent ones, closes those that do not answer, aborts those that do not close.

No socket has a timer or a task of its own: it is in one slot of the wheel, and the wheel advances by one slot each tick.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence, Set
from enum import Enum
from typing import Protocol

STRETCH = 1000  # sockets visited before the event loop runs other callbacks


class Phase(Enum):
    """State of a socket."""

    OPEN = "received from lately"
    ASKED = "sent a ping"
    CLOSING = "sent a close frame"


class Beating(Protocol):
    """A socket that is watched.

    - heard: the tick in which anything was last received; the socket sets it
    - due, phase: the heartbeat's own
    """

    heard: int
    due: int
    phase: Phase

    def ping(self) -> None:
        """Send a ping."""

    def no_pong(self) -> None:
        """Close: there was no answer to the ping."""

    def abort(self) -> None:
        """Abort: closing took too long."""

    def is_paused(self) -> bool:
        """Return whether reading is paused. The silence of the peer means nothing then."""

    def held(self) -> int:
        """Return the number of bytes that are unfinished or unsent."""

    def give_up(self) -> None:
        """Close, and free what is held."""


class Heartbeat:
    """Times in seconds, rounded up to ticks. A tick is a second, or a quarter of the shortest time if that is less.

    - ping: silence before a socket is sent a ping
    - pong: wait for an answer before it is closed
    - close: wait for the end of closing before it is aborted
    """

    def __init__(self, ping: float, pong: float, close: float = 5.0) -> None:
        self.tick_seconds = min(1.0, ping / 4, pong / 4, close / 4)
        self.now = 0
        self._ping = math.ceil(ping / self.tick_seconds)
        self._pong = math.ceil(pong / self.tick_seconds)
        self._close = math.ceil(close / self.tick_seconds)
        self._wheel: list[set[Beating]] = [set() for _ in range(max(self._ping, self._pong, self._close) + 1)]
        self._count = 0
        self._empty: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return self._count

    def start(self) -> None:
        """Start to tick by the running loop's clock."""
        loop = asyncio.get_running_loop()
        self._turn_at(loop, loop.time() + self.tick_seconds)

    def stop(self) -> None:
        """Stop ticking."""
        if self._timer is not None:
            self._timer.cancel()

    def watch(self, socket: Beating) -> None:
        """Watch a new socket."""
        socket.heard = self.now
        socket.phase = Phase.OPEN
        self._count += 1
        self._insert(socket, self._ping)

    def start_closing(self, socket: Beating) -> None:
        """Abort this socket unless it has gone after `close` seconds."""
        self._remove(socket)
        socket.phase = Phase.CLOSING
        self._insert(socket, self._close)

    def forget(self, socket: Beating) -> None:
        """Watch this socket no longer."""
        if self._remove(socket):
            self._count -= 1
        if not self._count and self._empty is not None and not self._empty.done():
            self._empty.set_result(None)

    def slots(self) -> Sequence[Set[Beating]]:
        """Return all sockets that are watched, in the slots of the wheel."""
        return self._wheel

    async def empty(self, seconds: float) -> None:
        """Return when all sockets have gone. Those that have not after `seconds` are aborted."""
        self._empty = asyncio.get_running_loop().create_future()
        if self._count:
            await asyncio.wait((self._empty,), timeout=seconds)
        for socket in [socket for slot in self._wheel for socket in slot]:
            socket.abort()

    def tick(self) -> None:
        """Advance the wheel by one slot, and visit the sockets that are due."""
        self.now += 1
        self._visit_all(list(self._wheel[self.now % len(self._wheel)]))

    def _turn_at(self, loop: asyncio.AbstractEventLoop, when: float) -> None:
        self._timer = loop.call_at(when, self._turn, loop, when)

    def _turn(self, loop: asyncio.AbstractEventLoop, when: float) -> None:
        # Ticks that a blocked loop has missed are skipped: it could not receive anything meanwhile.
        self._turn_at(loop, max(when + self.tick_seconds, loop.time()))
        self.tick()

    def _visit_all(self, due: list[Beating]) -> None:
        for socket in due[:STRETCH]:
            if socket.due <= self.now and self._remove(socket):
                self._visit(socket)
        if len(due) > STRETCH:
            asyncio.get_running_loop().call_soon(self._visit_all, due[STRETCH:])

    def _visit(self, socket: Beating) -> None:
        if socket.phase is Phase.CLOSING:
            self._insert(socket, self._close)
            socket.abort()
        elif (
            socket.phase is Phase.ASKED and socket.heard < socket.due - self._pong and not socket.is_paused()
        ):
            self._insert(socket, self._close)
            socket.no_pong()
        elif (quiet := self.now - socket.heard) < self._ping or socket.is_paused():
            socket.phase = Phase.OPEN
            self._insert(socket, max(1, self._ping - quiet))
        else:
            socket.phase = Phase.ASKED
            self._insert(socket, self._pong)
            socket.ping()

    def _insert(self, socket: Beating, ticks: int) -> None:
        socket.due = self.now + ticks
        self._wheel[socket.due % len(self._wheel)].add(socket)

    def _remove(self, socket: Beating) -> bool:
        slot = self._wheel[socket.due % len(self._wheel)]
        if socket not in slot:
            return False
        slot.remove(socket)
        return True
