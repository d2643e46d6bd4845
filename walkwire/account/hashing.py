"""Hashing: computes argon2id hashes of passwords in processes of their own, one hash at a time in each.

A hash takes 0.1 to 0.2 s of a core. In a thread of the server it would take half of the event loop's time wherever both share
a core, up to 4 ms at a time: the scheduler looks who waits only so often. So the process has a lower priority, and while it
computes a timer makes it yield every half a millisecond.

This file is also the program of these processes. It runs by itself, so it imports nothing of the package.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import signal
import subprocess
import sys
from asyncio import Future
from typing import Any

from pwdlib.exceptions import PwdlibError
from pwdlib.hashers.argon2 import Argon2Hasher

# Threads of one hash: with more, it would take more than one core.
LANES = 1
# Its share of a core for which a busy event loop competes is a tenth.
NICE = 10
YIELD_SECONDS = 0.0005
ATTEMPTS = 3  # for one hash, while processes are killed


class HashingEnded(RuntimeError):
    """A hash could not be computed: the processes end, or were ended."""


class HashingProcesses:
    """Hash and verify, each call in a process that does nothing else meanwhile. It is started if none is idle.

    Passwords and hashes go through pipes. A process that was killed is replaced, and asked again.
    """

    def __init__(self) -> None:
        self._processes: set[_Process] = set()
        self._idle: list[_Process] = []
        self._is_closed = False

    async def hash(self, password: str) -> str:
        """Return a hash that contains its salt and parameters."""
        made: str = await self._ask(password, None)
        return made

    async def verify(self, password: str, hash: str) -> bool:
        """Return whether `hash` is one of `password`. False for a text that is not a hash."""
        is_right: bool = await self._ask(password, hash)
        return is_right

    async def close(self) -> None:
        """Kill the processes. Calls under way raise HashingEnded."""
        self._is_closed = True
        self._idle.clear()
        ended = [process.end() for process in self._processes]
        if ended:
            await asyncio.wait(ended)

    async def _ask(self, password: str, hash: str | None) -> Any:
        line = json.dumps([password, hash]).encode() + b"\n"
        for _ in range(ATTEMPTS):
            process = await self._take()
            try:
                answer = await process.ask(line)
            except BaseException:  # it would answer to whoever asks next
                process.end()
                raise
            if answer:
                self._idle.append(process)
                return json.loads(answer)
            self._processes.discard(process)
            await process.end()
        raise HashingEnded("The process that hashes passwords ends again and again")

    async def _take(self) -> _Process:
        if self._is_closed:
            raise HashingEnded("Passwords are hashed no longer")
        if self._idle:
            return self._idle.pop()
        # -P: the modules in this file's folder must not hide those of the standard library.
        _, made = await asyncio.get_running_loop().subprocess_exec(
            _Process, sys.executable, "-P", __file__, stderr=subprocess.DEVNULL
        )
        self._processes.add(made)
        if self._is_closed:
            made.end()
        return made


class _Process(asyncio.SubprocessProtocol):
    """One process."""

    def __init__(self) -> None:
        self._ended: Future[None] = asyncio.get_running_loop().create_future()
        self._transport: Any  # a SubprocessTransport; uvloop's is of another class
        self._answer: Future[bytes] | None = None
        self._received = b""
        self._is_lost = False

    async def ask(self, line: bytes) -> bytes:
        """Return the answer, empty if the process has ended."""
        if self._is_lost:
            return b""
        self._answer = asyncio.get_running_loop().create_future()
        self._input.write(line)
        return await self._answer

    def end(self) -> Future[None]:
        """Kill the process. Return a future that is done when it has ended."""
        self._transport.close()
        return self._ended

    # Called by the event loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._input = self._transport.get_pipe_transport(0)

    def pipe_data_received(self, fd: int, data: bytes | str) -> None:
        assert isinstance(data, bytes)
        self._received += data
        if self._received.endswith(b"\n"):
            answer, self._received = self._received, b""
            self._tell(answer)

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        self._lose()

    def process_exited(self) -> None:
        self._lose()
        self._ended.set_result(None)

    def _lose(self) -> None:
        self._is_lost = True
        self._tell(b"")

    def _tell(self, answer: bytes) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(answer)


def main() -> None:
    """Answer each line of the input, `[password, hash or null]`, in JSON: with a new hash, or whether it is right."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which ends the input
    os.nice(NICE)
    can_yield = _yield_at_alarms()
    hasher = Argon2Hasher(parallelism=LANES)
    for line in sys.stdin.buffer:
        password, hash = json.loads(line)
        if can_yield:
            signal.setitimer(signal.ITIMER_REAL, YIELD_SECONDS, YIELD_SECONDS)
        answer = hasher.hash(password) if hash is None else _is_right(hasher, password, hash)
        signal.setitimer(signal.ITIMER_REAL, 0)
        sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n")
        sys.stdout.buffer.flush()


def _is_right(hasher: Argon2Hasher, password: str, hash: str) -> bool:
    try:
        return hasher.verify(password, hash)
    except PwdlibError:  # no hash of argon2; before its version 0.4 the library returned False
        return False


def _yield_at_alarms() -> bool:
    """Let a thread that gets SIGALRM yield the processor. A handler in Python would be called after the hash only."""
    libc = ctypes.CDLL(None)
    handler = ctypes.cast(libc.sched_yield, ctypes.c_void_p)
    libc.signal.argtypes, libc.signal.restype = (ctypes.c_int, ctypes.c_void_p), ctypes.c_void_p
    failed = ctypes.c_void_p(-1).value
    return bool(libc.signal(int(signal.SIGALRM), handler) != failed)


if __name__ == "__main__":
    main()
