"""Budget: how long the event loop may handle input before it does something else, that of all sockets and requests together.

When a turn's time is spent, what was received waits for the next turn. Then those sockets come first that took least time since
the line began. So a client that sends little waits for a turn or two, however many others flood the server. (It is start-time
fair queueing: Goyal, Vin, Cheng 1996. The virtual time is the place of the socket that was served last.)

In a crowd turns are short, as a message waits for two or three of them. And garbage is collected every few turns: it gathers with
all that is under way, and the interpreter would begin once what is under way grows, which then takes 10 to 30 ms.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import math
from collections.abc import Callable
from heapq import heappop, heappush
from time import perf_counter
from typing import Protocol

TURN = 0.0025  # seconds of input in one turn
IN_CROWD = 1 / 5  # of that, in a crowd
LEFT_OVER = 1 / 2  # of a turn, for what is left of earlier ones: so that new input finds some time
SLICE = 1 / 5  # of a turn, for one socket while others wait
FRAME_SECONDS = 0.00003  # seconds that are counted for a frame of a few bytes, without a look at the clock
WALK = 0.00015  # the same for a request to a walker over HTTP: a short one takes so long until it is given to a thread
REQUEST = 0.0003  # and for another request, until it is answered
CROWD = 64  # sockets in line; whoever joins them is to hold little meanwhile
# Turns of a crowd between two collections of new garbage, and of what was not garbage in these.
YOUNG, OLDER = 4, 16


def request_seconds(path: str) -> float:
    """Return the seconds that are counted for a request to this path."""
    return WALK if path.startswith("/walker/") else REQUEST


class Sliced(Protocol):
    """A socket whose input is handled in slices.

    - taken: the socket's place in line, kept by `Budget`; 0 at first
    - is_narrow: whether it was told last to hold little
    """

    taken: float
    is_narrow: bool

    def narrow(self, is_narrow: bool) -> None:
        """Let the peer send little ahead, or as much as usual, from now on."""

    def read_rest(self) -> None:
        """Handle one slice of what was received before."""


class Budget:
    """The time of one event loop.

    - clock: returns seconds, monotonic
    - collect: collects garbage of a generation and of younger ones
    - turn: seconds of input in this turn
    - spent: seconds of input since it began
    - is_spent: new input has to wait for the next turn
    - place: new input of a socket that has taken more has to wait in line; infinite while nobody waits
    """

    def __init__(
        self, clock: Callable[[], float] = perf_counter, collect: Callable[[int], object] = gc.collect
    ) -> None:
        self.clock = clock
        self._collect = collect
        self._turns = 0  # of crowds
        self.turn = TURN
        self.is_spent = False
        self.spent = 0.0
        self.place = math.inf
        self._served = 0.0  # the place of the socket that was served last: nobody is before it
        self._furthest = 0.0  # the place of the socket that has taken most
        self._left: list[tuple[float, float, int, Sliced]] = []  # with their places
        self._again: list[Sliced] = []  # had their slice in this turn
        self._numbers = itertools.count()
        self._is_due = False

    def must_wait(self, socket: Sliced) -> bool:
        """Return whether new input of a socket has to stand in line."""
        return self.is_spent or socket.taken > self.place

    def slice_ends(self, started: float) -> float:
        """Return when a socket that began at `started` has to let others go on."""
        return started + self.turn * (SLICE if self._left or self._again else 1)

    def spend(self, socket: Sliced, started: float) -> None:
        """Count the time since `started` for a socket."""
        self.count(socket, self.clock() - started)

    def count(self, socket: Sliced, seconds: float) -> None:
        """Count a time for a socket, which may be an estimate of what its input will cause."""
        self.spent += seconds
        socket.taken = (socket.taken if socket.taken > self._served else self._served) + seconds
        self._furthest = max(self._furthest, socket.taken)
        if self.spent >= self.turn:
            self.close()

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
        if socket.is_narrow != (len(self._left) >= CROWD):
            socket.narrow(not socket.is_narrow)
        self._again.append(socket)
        if not self._is_due:
            self._schedule()

    def _schedule(self) -> None:
        self._is_due = True
        asyncio.get_running_loop().call_soon(self._turn)

    def _turn(self) -> None:
        self._is_due = self.is_spent = False
        self.spent = 0.0
        again, self._again = self._again, []
        for socket in again:
            place = max(socket.taken, self._served)
            heappush(self._left, (place, socket.taken, next(self._numbers), socket))
        self.turn = TURN
        if len(self._left) >= CROWD:
            self.turn *= IN_CROWD
            self._tidy()
        try:
            while self._left and self.spent < self.turn * LEFT_OVER:
                place, _, _, socket = heappop(self._left)
                self._served = max(self._served, place)
                socket.read_rest()
        finally:
            if not self._left and not self._again:
                self._served, self.place = self._furthest, math.inf
            else:
                self.place = self._served
                if not self._is_due:
                    self._schedule()

    def _tidy(self) -> None:
        """Collect garbage, if it is time."""
        self._turns += 1
        if self._turns % YOUNG == 0:
            self._collect(1 if self._turns % OLDER == 0 else 0)
