"""Warm starts of `walkwire`: in a fork of a process that has imported all of it already.

A cold start takes 1.5 s of the processor, nearly all of it for imports, and a warm one 0.2 s. From there on it is the process
that `walkwire` is: its arguments, environment, folder, output, signals and exit code are its own. Passwords are cheap there,
with Argon2 at its least, as in `walkwire.testing`: a hash in earnest takes 0.2 s of the processor.

The process that has imported everything ("the stove") waits for requests, without threads and without an event loop. There is one
for each process of tests. It starts when it is first needed, and ends with that process.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import pkgutil
import random
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import IO, Any

COMMAND = Path(sys.executable).with_name("walkwire")
LIGHT = (sys.executable, "-P", __file__)  # the command with cheap passwords, started cold
IS_POSSIBLE = hasattr(os, "pidfd_open")  # on Linux

_REQUEST = 1024 * 1024  # bytes, at most
_STARTING = 60.0  # seconds for the imports, on a machine with much to do
_STOVE = "--stove"  # the argument of the process that waits
_NEVER = "walkwire.__main__"  # runs when it is imported
# What is imported by the first start of a server, and not with walkwire.
_LATER = (
    "encodings.idna",
    "pydantic.v1",
    "uvicorn.lifespan.off",
    "uvicorn.protocols.websockets.websockets_sansio_impl",
    "uvloop",
)
_lock = threading.Lock()


class Process:
    """A process that was started warm, with what tests use of `subprocess.Popen`."""

    def __init__(self, reply: socket.socket, stdout: IO[str] | None) -> None:
        self.stdout = stdout
        self.returncode: int | None = None
        self._reply = reply
        reply.settimeout(_STARTING)
        self.pid = int(reply.recv(32))

    def poll(self) -> int | None:
        """Its exit code, None while it runs."""
        with suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code; waits for the end. Raises subprocess.TimeoutExpired."""
        if self.returncode is None:
            self._reply.settimeout(timeout)
            try:
                answer = self._reply.recv(32)
            except (TimeoutError, BlockingIOError):
                raise subprocess.TimeoutExpired(str(COMMAND), timeout or 0) from None
            self.returncode = int(answer)
            self._reply.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send it a signal, if it runs."""
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        """`kill -9`."""
        self.send_signal(signal.SIGKILL)


def start(
    arguments: Sequence[str | Path],
    *,
    folder: Path,
    environment: Mapping[str, str],
    stderr: IO[Any],
    stdout: IO[Any] | None = None,
) -> Process:
    """Start `walkwire` with arguments. Without `stdout`, that of the process is a pipe of text, as with `subprocess.PIPE`."""
    request = {
        "arguments": [str(one) for one in arguments],
        "folder": str(folder),
        "environment": dict(environment),
    }
    with _lock:
        stove = _stove()
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    read = write = None
    if stdout is None:
        read, write = os.pipe()
    try:
        files = [write if stdout is None else stdout.fileno(), stderr.fileno(), theirs.fileno()]
        socket.send_fds(stove, [json.dumps(request).encode()], [file for file in files if file is not None])
    finally:
        theirs.close()
        if write is not None:
            os.close(write)
    return Process(ours, None if read is None else open(read, encoding="utf-8"))  # noqa: PTH123 - a descriptor


@cache
def _stove() -> socket.socket:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end in (ours, theirs):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _REQUEST)
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-P", __file__, _STOVE, str(theirs.fileno())],
            stdin=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
        )
    atexit.register(_let_cool, ours, process)
    return ours


def _let_cool(control: socket.socket, process: subprocess.Popen[bytes]) -> None:
    control.close()
    process.wait()


class _Stove:
    """The other end: forks at each request, and reports each process's id, and its exit code when it has ended."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._poll = select.poll()
        self._poll.register(control, select.POLLIN)
        self._alive: dict[int, tuple[int, socket.socket]] = {}  # by descriptor of the process

    def wait(self) -> bool:
        """Serve requests. Returns True in each process that is to be `walkwire`, and False at the end."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the tests, and they end this
        while True:
            for file, _ in self._poll.poll():
                if file in self._alive:
                    self._reap(file)
                    continue
                message, files, _, _ = socket.recv_fds(self._control, _REQUEST, 3)
                if not message:
                    return False
                if self._fork(json.loads(message), files):
                    return True

    def _reap(self, file: int) -> None:
        process, reply = self._alive.pop(file)
        self._poll.unregister(file)
        os.close(file)
        _, status = os.waitpid(process, 0)
        with reply, suppress(OSError):  # nobody asks any more
            reply.send(b"%d" % os.waitstatus_to_exitcode(status))

    def _fork(self, request: dict[str, Any], files: list[int]) -> bool:
        reply = socket.socket(fileno=files.pop())
        process = os.fork()
        if not process:
            reply.close()
            self._become(request, files)
            return True
        for file in files:
            os.close(file)
        with suppress(OSError):
            reply.send(b"%d" % process)
        file = os.pidfd_open(process)
        self._alive[file] = (process, reply)
        self._poll.register(file, select.POLLIN)
        return False

    def _become(self, request: dict[str, Any], files: list[int]) -> None:
        for other, (_, reply) in self._alive.items():
            os.close(other)
            reply.close()
        self._control.close()
        for target, file in enumerate(files, 1):
            os.dup2(file, target)
            os.close(file)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.chdir(request["folder"])
        os.environ.clear()
        os.environ.update(request["environment"])
        sys.argv = [str(COMMAND), *request["arguments"]]
        random.seed()


def make_passwords_cheap() -> None:
    """Hash the passwords of this process as `walkwire.testing` does."""
    from walkwire.account import password
    from walkwire.testing import CheapHasher

    password.HashingProcesses = CheapHasher  # type: ignore[assignment, misc]


def _import_all() -> None:
    import walkwire

    for module in pkgutil.walk_packages(walkwire.__path__, "walkwire."):
        if module.name != _NEVER:
            importlib.import_module(module.name)
    for name in _LATER:
        importlib.import_module(name)


class _Exit:
    """Ends this process as the interpreter would, with `code`, but at once: an interpreter's end touches, and so copies, all that
    was imported. None: leave the end to the interpreter."""

    code: int | None = None

    def run(self) -> None:
        """Run `walkwire`."""
        from walkwire.cli import main

        try:
            main()
        except SystemExit as exit:
            self.code = exit.code if isinstance(exit.code, int) else None
            raise

    def end(self) -> None:
        """Call it as the last of all that is done `atexit`."""
        if self.code is not None:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(self.code)


if __name__ == "__main__":
    exit = _Exit()
    atexit.register(exit.end)  # before anything else is, so that it is the last
    from walkwire.cli import main

    make_passwords_cheap()
    if sys.argv[1] != _STOVE:
        sys.argv[0] = str(COMMAND)
        main()
    _import_all()
    gc.freeze()
    assert threading.active_count() == 1, "a fork would lose the other threads"
    if _Stove(socket.socket(fileno=int(sys.argv[2]))).wait():
        exit.run()
