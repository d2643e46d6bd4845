"""Budget: how long the event loop may handle input before it does something else, that of all sockets and requests together.

When a turn's time is spent, what was received waits for the next turn. Then those sockets come first that took least time lately.
So a client that sends little waits for a turn or two, however many others flood the server.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from heapq import heappop, heappush
from time import perf_counter
from typing import Protocol

TURN = 0.005  # seconds of input in one turn
LEFT_OVER = 0.0025  # of them for what is left of earlier turns: so that new input finds some time
SLICE = 0.001  # seconds of one socket while others wait
FRAME = 0.00003  # seconds that are counted for a frame of a few bytes, without a look at the clock
REQUEST = 0.0001  # the same for a request over HTTP: a short one takes as long until it is answered, or given to a thread
SHARE = 0.01  # of the time, that every socket may take before it comes after others


class Sliced(Protocol):
    """A socket whose input is handled in slices.

    - taken: the socket's place in line, kept by `Budget`; 0 at first
    """

    taken: float

    def read_rest(self) -> None:
        """Handle one slice of what was received before."""


class Budget:
    """The time of one event loop.

    - clock: returns seconds, monotonic
    - spent: seconds since the last turn
    - is_spent: new input has to wait for the next turn
    """

    def __init__(self, clock: Callable[[], float] = perf_counter) -> None:
        self.clock = clock
        self.is_spent = False
        self.spent = 0.0
        self._left: list[tuple[float, int, Sliced]] = []
        self._again: list[Sliced] = []  # had their slice in this turn
        self._numbers = itertools.count()
        self._is_due = False

    def slice_ends(self, started: float) -> float:
        """Return when a socket that began at `started` has to let others go on."""
        return started + (SLICE if self._left or self._again else TURN)

    def spend(self, socket: Sliced, started: float) -> None:
        """Count the time since `started` for a socket."""
        now = self.clock()
        self._count(socket, now - started, now)

    def count(self, socket: Sliced, seconds: float) -> None:
        """Count an estimated time for a socket, for what it will cause."""
        self._count(socket, seconds, self.clock())

    def renew(self) -> None:
        """Begin a new turn, unless input of an earlier one waits: its own turn is due. Called when a turn's answers are sent."""
        if not self._is_due:
            self.spent = 0.0

    def close(self) -> None:
        """Let new input wait for the next turn: the time of this one is spent."""
        self.is_spent = True
        if not self._is_due:
            self._schedule()

    def wait(self, socket: Sliced) -> None:
        """Call `read_rest` of a socket in a later turn."""
        self._again.append(socket)
        if not self._is_due:
            self._schedule()

    def _count(self, socket: Sliced, seconds: float, now: float) -> None:
        self.spent += seconds
        forgotten = now * SHARE
        socket.taken = (socket.taken if socket.taken > forgotten else forgotten) + seconds
        if self.spent >= TURN:
            self.close()

    def _schedule(self) -> None:
        self._is_due = True
        asyncio.get_running_loop().call_soon(self._turn)

    def _turn(self) -> None:
        self._is_due = self.is_spent = False
        self.spent = 0.0
        again, self._again = self._again, []
        forgotten = self.clock() * SHARE
        for socket in again:
            heappush(self._left, (max(socket.taken, forgotten), next(self._numbers), socket))
        try:
            while self._left and self.spent < LEFT_OVER:
                heappop(self._left)[2].read_rest()
        finally:
            if self._left and not self._is_due:
                self._schedule()
