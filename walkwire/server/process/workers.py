"""Workers: processes that serve one port, and the parent that starts, replaces and stops them.

Each worker has a socket of its own (SO_REUSEPORT: the kernel distributes connections evenly), which listens once the worker is
ready. The parent holds these sockets too. When a worker dies, the parent accepts the connections that wait at its socket, hands
them to other workers and closes the socket, so that new connections go to the others. If no other worker is ready, they wait for
the replacement. The parent runs no event loop and no thread, so it may fork at any time.
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

SHORT_LIFE = 10.0  # seconds: a worker that lived less is replaced after a growing pause
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0
CANNOT_START = 2  # exit code, the same as that of the command line

_STOPS = {signal.SIGTERM, signal.SIGINT}
_SIGNALS = {*_STOPS, signal.SIGCHLD}
_ENDS = {*_STOPS, signal.SIGQUIT}  # signals that the parent sends

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WorkerSlot:
    """What a worker gets from its parent.

    - `number`: from 1.
    - `listeners`: bound sockets.
    - `channel`: brings connections that waited for a worker that died (`server/process/handover`).
    - `parent_pipe`: the reading end of a pipe that is closed when the parent dies.
    - `ready_pipe`: an end of a pipe, at the first start only. Each worker closes its end when it is ready; the first one reads
      until all have, then announces the server.
    """

    number: int
    listeners: list[socket.socket]
    channel: socket.socket
    parent_pipe: int
    ready_pipe: int | None


Work = Callable[[WorkerSlot], int]
"""Serve in a process of its own until a signal comes, and return the exit code. SIGQUIT means: exit at once."""


class Workers:
    """The parent of `count` processes that run `work`, each at the sockets that `bind` returns.

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
        """Start the workers and supervise them until a signal stops all. Returns the exit code."""
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        parent_pipe, ready_pipe = os.pipe(), os.pipe()
        try:
            for worker in self._workers:
                self._start(worker, parent_pipe, ready_pipe)
            _close(*ready_pipe)
            while self._alive or self._due:
                self._handle(signal.sigtimedwait(_SIGNALS, self._wait()), parent_pipe)
        finally:
            _close(*parent_pipe)
            if self._is_stopping:  # a late or masked signal must not decide the exit code
                for number in _STOPS:
                    signal.signal(number, signal.SIG_IGN)
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return self._code

    def _handle(self, received: signal.struct_siginfo | None, parent_pipe: tuple[int, int]) -> None:
        self._reap()  # first: a worker that ended before the signal came says nothing of the stop
        if received is not None and received.si_signo != signal.SIGCHLD:
            self._stop(signal.Signals(received.si_signo))
            self._reap()
        now = time.monotonic()
        for worker in [worker for worker in self._due if worker.due <= now]:
            self._due.remove(worker)
            self._start(worker, parent_pipe, None)

    def _wait(self) -> float:
        return max(
            0.0, min((worker.due for worker in self._due), default=time.monotonic() + 60) - time.monotonic()
        )

    def _stop(self, number: signal.Signals) -> None:
        """Send the signal to all workers; the second time SIGQUIT, so that they exit at once."""
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
        for worker, code in ended:  # after all are known: connections go only to workers that are alive
            if worker.channel is not None:
                worker.channel.close()
            self._handle_end(worker, code)

    def _handle_end(self, worker: _Worker, code: int) -> None:
        if self._is_stopping:
            is_clean = code == 0 or -code in _ENDS  # a worker that was still starting is ended by the signal
            self._code = self._code or (0 if is_clean else 1)
            return
        if code == CANNOT_START and worker.starts == 1:
            self._stop(signal.SIGTERM)
            self._code = CANNOT_START
            return
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"exited with {code}"
        _log.error("Worker %d (process %d) %s and is replaced", worker.number, worker.process, how)
        worker.schedule_restart()
        self._due.append(worker)
        self._hand_over(worker)

    def _hand_over(self, dead: _Worker) -> None:
        """Pass the connections that wait at the sockets of a dead worker to others, and let new ones go to these."""
        channels = [one.channel for one in self._alive.values() if one.channel is not None and one.is_ready]
        if not channels or not dead.is_ready:
            return
        try:
            fresh = self._bind()
        except StartError as error:
            _log.error("New connections wait for worker %d: %s", dead.number, error)
            return
        if fresh is dead.listeners:  # all workers share them
            return
        lost = 0
        for listener in dead.listeners:
            for connection in handover.waiting(listener):
                channels.append(channels.pop(0))  # round robin
                lost += not handover.send(channels, connection)
        if lost:
            _log.error(
                "%d connections that waited for worker %d are lost: no other worker accepts them",
                lost,
                dead.number,
            )
        dead.close_listeners()
        dead.listeners = fresh

    def _start(
        self, worker: _Worker, parent_pipe: tuple[int, int], ready_pipe: tuple[int, int] | None
    ) -> None:
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
            code = self._serve(worker, theirs, parent_pipe, ready_pipe)
        except BaseException:
            _log.exception("Unexpected error in worker %d", worker.number)
        finally:
            with suppress(Exception):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(code)

    def _serve(
        self,
        worker: _Worker,
        channel: socket.socket,
        parent_pipe: tuple[int, int],
        ready_pipe: tuple[int, int] | None,
    ) -> int:
        """Run the work in the child process and return its exit code."""
        os.setpgid(0, 0)  # Ctrl-C goes to the parent, which forwards it
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # until the server handles it
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        os.close(parent_pipe[1])
        for other in self._workers:
            if other.listeners is not worker.listeners:
                other.close_listeners()
            if other.channel is not None:
                other.channel.close()
        ours = None
        if ready_pipe is not None:
            is_first = worker.number == 1
            os.close(ready_pipe[1 if is_first else 0])
            ours = ready_pipe[0 if is_first else 1]
        return self._work(WorkerSlot(worker.number, worker.listeners, channel, parent_pipe[0], ours))


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
        """Whether its sockets listen. Also answers for a dead worker, since the parent holds its sockets."""
        return all(one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) for one in self.listeners)

    def close_listeners(self) -> None:
        """Close this process's copies of the sockets."""
        for listener in self.listeners:
            listener.close()

    def schedule_restart(self) -> None:
        """Decide when to start it again."""
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
