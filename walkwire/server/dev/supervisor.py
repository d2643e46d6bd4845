"""Supervisor: the process that holds the port and watches the sources. A child of it serves, and is replaced after a save.

A program that cannot be loaded replaces nothing: a child loads it first, without the database, and only says what is wrong.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from walkwire.errors import ProgramError
from walkwire.server.dev.watch import SourceWatch

LOOK_SECONDS = 0.15
STOP_SECONDS = 15.0  # for a child to end; then it is killed

_log = logging.getLogger("walkwire.dev")


class Supervisor:
    """Serves by a child process until a signal comes.

    - serve: runs in the child, given the listeners, until SIGTERM; returns its exit code
    - probe: runs in another child: loads the program, prints what is wrong, and returns 0 if nothing is
    - syntax_errors: returns those of a file
    """

    def __init__(
        self,
        folder: Path,
        listeners: Sequence[socket.socket],
        serve: Callable[[Sequence[socket.socket], float | None], int],
        probe: Callable[[], int],
        syntax_errors: Callable[[Path], list[ProgramError]],
    ) -> None:
        self._watch = SourceWatch(folder)
        self._listeners = listeners
        self._serve = serve
        self._probe = probe
        self._syntax_errors = syntax_errors
        self._child: int | None = None
        self._signal: int | None = None

    def run(self) -> int:
        """Serve, and serve again after each save. Returns the exit code: 0 after a signal."""
        if not self._watch.is_whole:
            _log.warning("The folder has too many files: not all of them are watched")
        with self._at_signals():
            self._begin(None)
            while self._signal is None:
                time.sleep(LOOK_SECONDS)
                self._reap()
                if changed := self._watch.changed():
                    self._reload(changed)
            self._end()
        return 0

    def _reload(self, changed: list[Path]) -> None:
        began = time.monotonic()
        files = [file for file in changed if file.exists() and file.suffix in (".jac", ".py")]
        errors = [error for file in files for error in self._syntax_errors(file)]
        names = ", ".join(file.name for file in changed[:3])
        if errors:
            _say(*errors)
        elif not self._is_ended_well(self._fork(self._probe)):
            pass
        else:
            self._end()
            if self._signal is None:
                self._begin(began)
            return
        if self._child is None:
            _log.error("%s was saved with an error. The next save is served", names)
        else:
            _log.error("%s was saved with an error: the version before goes on", names)

    def _begin(self, began: float | None) -> None:
        self._child = self._fork(lambda: self._serve(self._listeners, began))

    def _end(self) -> None:
        """End the child: its sockets are closed with 4200, at which clients come back at once."""
        child, self._child = self._child, None
        if child is None:
            return
        os.kill(child, signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        while os.waitpid(child, os.WNOHANG)[0] == 0:
            if time.monotonic() > deadline:
                _log.warning("The server did not end within %g s, and is killed", STOP_SECONDS)
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
                return
            time.sleep(0.005)

    def _reap(self) -> None:
        if self._child is not None and os.waitpid(self._child, os.WNOHANG)[0]:
            self._child = None
            _log.error("The server has ended. The next save starts it again")

    def _is_ended_well(self, child: int) -> bool:
        _, status = os.waitpid(child, 0)
        return os.waitstatus_to_exitcode(status) == 0

    def _fork(self, work: Callable[[], int]) -> int:
        sys.stdout.flush()
        sys.stderr.flush()
        child = os.fork()
        if child:
            return child
        code = 1
        try:
            os.setpgid(0, 0)  # Ctrl-C goes to the supervisor
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_DFL)
            code = work()
        except BaseException:
            _log.exception("Unexpected error in the server")
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    @contextmanager
    def _at_signals(self) -> Iterator[None]:
        def take(number: int, _: object) -> None:
            self._signal = number

        before = {number: signal.signal(number, take) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _say(*errors: object) -> None:
    for error in errors:
        print(error, file=sys.stderr, flush=True)  # noqa: T201 - as the command line does
