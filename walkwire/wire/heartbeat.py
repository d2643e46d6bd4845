"""Heartbeat: one wheel for all sockets. Who is silent is asked; who does not answer, or does not finish closing, is ended.

No socket has a timer or a task: it sits in one slot of the wheel, and the wheel turns by one slot a tick.
"""

from __future__ import annotations

import asyncio
import math
from enum import Enum
from typing import Protocol

STRETCH = 1000  # sockets seen to until the loop is let go


class Phase(Enum):
    """Where a socket is in its life."""

    OPEN = "heard from lately"
    ASKED = "sent a ping"
    CLOSING = "said goodbye to"


class Beating(Protocol):
    """A socket, as the heartbeat sees it. `heard` is the tick in which it last said anything; the rest is the heartbeat's."""

    heard: int
    due: int
    phase: Phase

    def ping(self) -> None:
        """Ask for a sign of life."""

    def fall_silent(self) -> None:
        """There was none: close."""

    def abort(self) -> None:
        """Closing took too long: end at once."""

    def is_deaf(self) -> bool:
        """Is what the peer says not read for the moment? Then its silence means nothing."""


class Heartbeat:
    """Times in seconds; they are kept to a tick, a second or, with short times, a quarter of the shortest.

    `ping` is how long a socket may be silent, `pong` how long it may take to answer, `close` how long a goodbye may take.
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
        """Let the wheel turn with the running loop's clock."""
        loop = asyncio.get_running_loop()
        self._turn_at(loop, loop.time() + self.tick_seconds)

    def stop(self) -> None:
        """Let the wheel stand."""
        if self._timer is not None:
            self._timer.cancel()

    def watch(self, socket: Beating) -> None:
        """A socket has come."""
        socket.heard = self.now
        socket.phase = Phase.OPEN
        self._count += 1
        self._put(socket, self._ping)

    def see_off(self, socket: Beating) -> None:
        """A socket was said goodbye to: give it its time for that."""
        self._take(socket)
        socket.phase = Phase.CLOSING
        self._put(socket, self._close)

    def forget(self, socket: Beating) -> None:
        """A socket has gone."""
        if self._take(socket):
            self._count -= 1
        if not self._count and self._empty is not None and not self._empty.done():
            self._empty.set_result(None)

    async def empty(self, seconds: float) -> None:
        """Return when all sockets have gone; those that have not after `seconds` are ended at once."""
        self._empty = asyncio.get_running_loop().create_future()
        if self._count:
            await asyncio.wait((self._empty,), timeout=seconds)
        for socket in [socket for slot in self._wheel for socket in slot]:
            socket.abort()

    def tick(self) -> None:
        """Turn the wheel by one slot, and see to those who are due."""
        self.now += 1
        self._see_to(list(self._wheel[self.now % len(self._wheel)]))

    def _turn_at(self, loop: asyncio.AbstractEventLoop, when: float) -> None:
        self._timer = loop.call_at(when, self._turn, loop, when)

    def _turn(self, loop: asyncio.AbstractEventLoop, when: float) -> None:
        # A loop that was held up does not catch up: the peers could not be heard meanwhile.
        self._turn_at(loop, max(when + self.tick_seconds, loop.time()))
        self.tick()

    def _see_to(self, due: list[Beating]) -> None:
        for socket in due[:STRETCH]:
            if socket.due <= self.now and self._take(socket):
                self._meet(socket)
        if len(due) > STRETCH:
            asyncio.get_running_loop().call_soon(self._see_to, due[STRETCH:])

    def _meet(self, socket: Beating) -> None:
        if socket.phase is Phase.CLOSING:
            self._put(socket, self._close)
            socket.abort()
        elif socket.phase is Phase.ASKED and socket.heard < socket.due - self._pong and not socket.is_deaf():
            self._put(socket, self._close)
            socket.fall_silent()
        elif (quiet := self.now - socket.heard) < self._ping or socket.is_deaf():
            socket.phase = Phase.OPEN
            self._put(socket, max(1, self._ping - quiet))
        else:
            socket.phase = Phase.ASKED
            self._put(socket, self._pong)
            socket.ping()

    def _put(self, socket: Beating, ticks: int) -> None:
        socket.due = self.now + ticks
        self._wheel[socket.due % len(self._wheel)].add(socket)

    def _take(self, socket: Beating) -> bool:
        slot = self._wheel[socket.due % len(self._wheel)]
        if socket not in slot:
            return False
        slot.remove(socket)
        return True
