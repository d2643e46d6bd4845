"""Workers: processes that serve one port, and the parent that starts them, replaces one that dies, and tells them to stop.

Each worker has a socket of its own (SO_REUSEPORT: the system shares connections out evenly), which listens from the moment that
the worker is ready. The parent holds them, too. When a worker dies, the parent accepts the connections that wait at its socket,
hands them to other workers and closes the socket, so that newcomers go to the others. If no other worker is ready, they wait for
the successor. The parent runs no event loop and no thread: it may fork at any time.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field

from walkwire.errors import StartError
from walkwire.server.process import handover

SHORT_LIFE = 10.0  # seconds: a worker that lived less is replaced after a pause, which grows
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0
CANNOT_START = 2  # exit code, as of the command line

_STOPS = {signal.SIGTERM, signal.SIGINT}
_SIGNALS = {*_STOPS, signal.SIGCHLD}
_ENDS = {*_STOPS, signal.SIGQUIT}  # what the parent tells

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Post:
    """A worker's place.

    `number`: from 1.
    `channel`: brings connections that waited for a worker that died (`server/process/handover`).
    `lifeline`: a pipe that ends with the parent.
    `gate`: at the first start, a pipe that each worker closes when it is ready, but for the first one, which tells everybody
    when it has ended.
    """

    number: int
    listeners: list[socket.socket]
    channel: socket.socket
    lifeline: int
    gate: int | None


Work = Callable[[Post], int]
"""Serves at a post, in a process of its own, until a signal comes; gives the exit code. SIGQUIT means: at once."""


class Workers:
    """`count` processes that do `work`, each at the sockets that `bind` gives. `run` is the parent's life; it gives the exit
    code.

    Raises StartError if a socket cannot be bound.
    """

    def __init__(self, work: Work, count: int, bind: Callable[[], list[socket.socket]]) -> None:
        self._work = work
        self._bind = bind
        self._workers = [_Worker(number, bind()) for number in range(1, count + 1)]
        self._alive: dict[int, _Worker] = {}  # by process id
        self._due: list[_Worker] = []
        self._is_stopping = False
        self._code = 0

    def run(self) -> int:
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        lifeline, gate = os.pipe(), os.pipe()
        try:
            for worker in self._workers:
                self._start(worker, lifeline, gate)
            _close(*gate)
            while self._alive or self._due:
                self._hear(signal.sigtimedwait(_SIGNALS, self._wait()), lifeline)
        finally:
            _close(*lifeline)
            if (
                self._is_stopping
            ):  # a late signal, or one that the mask holds back, must not decide the exit code
                for number in _STOPS:
                    signal.signal(number, signal.SIG_IGN)
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return self._code

    def _hear(self, said: signal.struct_siginfo | None, lifeline: tuple[int, int]) -> None:
        if said is not None and said.si_signo != signal.SIGCHLD:
            self._stop(signal.Signals(said.si_signo))
        self._reap()
        now = time.monotonic()
        for worker in [worker for worker in self._due if worker.due <= now]:
            self._due.remove(worker)
            self._start(worker, lifeline, None)

    def _wait(self) -> float:
        return max(
            0.0, min((worker.due for worker in self._due), default=time.monotonic() + 60) - time.monotonic()
        )

    def _stop(self, number: signal.Signals) -> None:
        """Tell all; the second time, that they should not wait."""
        tell = signal.SIGQUIT if self._is_stopping else number
        self._is_stopping = True
        self._due.clear()
        for worker in self._workers:
            worker.close_listeners()
        for process in self._alive:
            os.kill(process, tell)

    def _reap(self) -> None:
        ended = []
        with suppress(ChildProcessError):
            while (found := os.waitpid(-1, os.WNOHANG))[0]:
                process, status = found
                if process in self._alive:
                    ended.append((self._alive.pop(process), os.waitstatus_to_exitcode(status)))
        for worker, code in ended:  # when all are known: what one leaves is handed to those that live
            if worker.channel is not None:
                worker.channel.close()
            self._see_end(worker, code)

    def _see_end(self, worker: _Worker, code: int) -> None:
        if self._is_stopping:
            is_clean = code == 0 or -code in _ENDS  # one that was still starting had no more to end
            self._code = self._code or (0 if is_clean else 1)
            return
        if code == CANNOT_START and worker.starts == 1:
            self._stop(signal.SIGTERM)
            self._code = CANNOT_START
            return
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"exited with {code}"
        _log.error("Worker %d (process %d) %s and is replaced", worker.number, worker.process, how)
        worker.rest()
        self._due.append(worker)
        self._relieve(worker)

    def _relieve(self, dead: _Worker) -> None:
        """Hand what waits at the sockets of a worker that died to others, and let newcomers go to these."""
        channels = [one.channel for one in self._alive.values() if one.channel is not None and one.is_ready]
        if not channels or not dead.is_ready:
            return
        try:
            fresh = self._bind()
        except StartError as error:
            _log.error("Newcomers wait for worker %d: %s", dead.number, error)
            return
        if fresh is dead.listeners:  # all workers have the same
            return
        lost = 0
        for listener in dead.listeners:
            for connection in handover.waiting(listener):
                channels.append(channels.pop(0))  # in turns
                lost += not handover.send(channels, connection)
        if lost:
            _log.error(
                "%d connections that waited for worker %d are lost: no other takes them", lost, dead.number
            )
        dead.close_listeners()
        dead.listeners = fresh

    def _start(self, worker: _Worker, lifeline: tuple[int, int], gate: tuple[int, int] | None) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        ours, theirs = handover.pair()
        process = os.fork()
        if process:
            theirs.close()
            worker.channel = ours
            worker.process, worker.began = process, time.monotonic()
            worker.starts += 1
            self._alive[process] = worker
            return
        code = 1
        try:
            ours.close()
            code = self._serve(worker, theirs, lifeline, gate)
        except BaseException:
            _log.exception("A fault in worker %d", worker.number)
        finally:
            with suppress(Exception):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(code)

    def _serve(
        self, worker: _Worker, channel: socket.socket, lifeline: tuple[int, int], gate: tuple[int, int] | None
    ) -> int:
        """In the child."""
        os.setpgid(0, 0)  # Ctrl-C is for the parent, which passes it on
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # until the server hears it
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        os.close(lifeline[1])
        for other in self._workers:
            if other.listeners is not worker.listeners:
                other.close_listeners()
            if other.channel is not None:
                other.channel.close()
        ours = None
        if gate is not None:
            is_first = worker.number == 1
            os.close(gate[1 if is_first else 0])
            ours = gate[0 if is_first else 1]
        return self._work(Post(worker.number, worker.listeners, channel, lifeline[0], ours))


@dataclass(slots=True)
class _Worker:
    number: int
    listeners: list[socket.socket]
    channel: socket.socket | None = None  # to its process
    process: int = 0
    starts: int = 0
    began: float = 0.0
    due: float = 0.0
    pause: float = field(default=0.0)

    @property
    def is_ready(self) -> bool:
        """Whether its sockets listen: also of one that has died, as the parent holds them."""
        return all(one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) for one in self.listeners)

    def close_listeners(self) -> None:
        """Close the sockets that this process holds."""
        for listener in self.listeners:
            listener.close()

    def rest(self) -> None:
        """It has died: say when to start it again."""
        now = time.monotonic()
        is_early = now - self.began < SHORT_LIFE
        self.pause = (
            min(max(2 * self.pause, FIRST_PAUSE), LONGEST_PAUSE) if is_early and self.starts > 1 else 0.0
        )
        self.due = now + self.pause


def _close(*ends: int) -> None:
    with ExitStack() as stack:
        for end in ends:
            stack.callback(os.close, end)
