"""Workers: processes that serve one port, and the parent that starts them, replaces one that dies, and tells them to stop.

Each worker has a listening socket of its own (SO_REUSEPORT: the system shares connections out evenly). The parent holds them,
too, so that what waits in the line of a worker that died is served by the one that takes its place. The parent runs no event
loop and no thread: it may fork at any time.
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

SHORT_LIFE = 10.0  # seconds: a worker that lived less is replaced after a pause, which grows
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0
CANNOT_START = 2  # exit code, as of the command line

_STOPS = {signal.SIGTERM, signal.SIGINT}
_SIGNALS = {*_STOPS, signal.SIGCHLD}
_ENDS = {*_STOPS, signal.SIGQUIT}  # what the parent tells

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Post:
    """A worker's place. `number` from 1. `lifeline` is a pipe that ends with the parent. `gate`, at the first start, is a pipe
    that each worker closes when it is ready, but for the first one, which tells everybody when it has ended."""

    number: int
    listeners: list[socket.socket]
    lifeline: int
    gate: int | None


Work = Callable[[Post], int]
"""Serves at a post, in a process of its own, until a signal comes; gives the exit code. SIGQUIT means: at once."""


class Workers:
    """Processes that do `work`, one for each of `listeners`. `run` is the parent's life; it gives the exit code."""

    def __init__(self, work: Work, listeners: list[list[socket.socket]]) -> None:
        self._work = work
        self._listeners = listeners
        self._alive: dict[int, _Worker] = {}  # by process id
        self._due: list[_Worker] = []
        self._is_stopping = False
        self._code = 0

    def run(self) -> int:
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        lifeline, gate = os.pipe(), os.pipe()
        try:
            for number, listeners in enumerate(self._listeners, 1):
                self._start(_Worker(number, listeners), lifeline, gate)
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
        for listeners in self._listeners:
            for listener in listeners:
                listener.close()
        for process in self._alive:
            os.kill(process, tell)

    def _reap(self) -> None:
        while True:
            try:
                process, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if process == 0:
                return
            worker = self._alive.pop(process, None)
            if worker is not None:
                self._see_end(worker, os.waitstatus_to_exitcode(status))

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

    def _start(self, worker: _Worker, lifeline: tuple[int, int], gate: tuple[int, int] | None) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        process = os.fork()
        if process:
            worker.process, worker.began = process, time.monotonic()
            worker.starts += 1
            self._alive[process] = worker
            return
        code = 1
        try:
            code = self._serve(worker, lifeline, gate)
        except BaseException:
            _log.exception("A fault in worker %d", worker.number)
        finally:
            with suppress(Exception):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(code)

    def _serve(self, worker: _Worker, lifeline: tuple[int, int], gate: tuple[int, int] | None) -> int:
        """In the child."""
        os.setpgid(0, 0)  # Ctrl-C is for the parent, which passes it on
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # until the server hears it
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        os.close(lifeline[1])
        for listeners in self._listeners:
            if listeners is not worker.listeners:
                for listener in listeners:
                    listener.close()
        ours = None
        if gate is not None:
            is_first = worker.number == 1
            os.close(gate[1 if is_first else 0])
            ours = gate[0 if is_first else 1]
        return self._work(Post(worker.number, worker.listeners, lifeline[0], ours))


@dataclass(slots=True)
class _Worker:
    number: int
    listeners: list[socket.socket]
    process: int = 0
    starts: int = 0
    began: float = 0.0
    due: float = 0.0
    pause: float = field(default=0.0)

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
