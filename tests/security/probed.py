"""A real server process with a probe of its event loop: how long one turn of the loop computes, in processor time of its thread.

`python -m tests.security.probed serve …` is the command `walkwire` with that probe. A machine that is busy with other things
does not change what the probe measures. What a thread of the walks computes is not in it.
"""

from __future__ import annotations

import asyncio
import select
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import uvloop

from tests.serving import PATIENCE, Server

BEGIN, END = b"begin", b"end"
HUNG = 60.0  # seconds
SOCKET = "probe.sock"  # in the folder of the server
TURNS = (
    20  # from the end of an input to the end of the measurement: the server notices that the client has gone
)


class Probe:
    """Runs once in each turn of the loop while it measures."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._is_on = False
        self._before = 0.0
        self._longest = 0.0
        self._left = 0
        self._tell: Callable[[float], None] | None = None

    def begin(self) -> None:
        """Measure from now on."""
        self._longest, self._before, self._tell = 0.0, time.thread_time(), None
        if not self._is_on:
            self._is_on = True
            self._loop.call_soon(self._turn)

    def end(self, tell: Callable[[float], None]) -> None:
        """Stop some turns later, and tell the seconds of the longest turn."""
        self._tell, self._left = tell, TURNS

    def _turn(self) -> None:
        now = time.thread_time()
        self._longest = max(self._longest, now - self._before)
        if self._tell is not None:
            self._left -= 1
            if self._left == 0:
                self._is_on = False
                self._tell(self._longest)
                return
        self._before = time.thread_time()
        self._loop.call_soon(self._turn)


class ProbedServer(Server):
    """A `Server` whose probe is asked by `begin` and `longest`."""

    command = (sys.executable, "-m", "tests.security.probed")

    def __init__(self, program: Path, folder: Path, *arguments: str, **settings: str) -> None:
        super().__init__(program, folder, *arguments, **settings)
        self._asking = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._asking.settimeout(HUNG)
        self._asking.bind(str(folder / "asking.sock"))
        self._asking.connect(str(folder / SOCKET))

    def begin(self) -> None:
        """Measure from now on."""
        self._asking.send(BEGIN)
        self._asking.recv(64)

    def longest(self) -> float:
        """Stop measuring, and return the milliseconds of the longest turn."""
        self._asking.send(END)
        try:
            return float(self._asking.recv(64)) * 1000
        except TimeoutError:
            raise AssertionError(f"the loop has not turned for {HUNG:g} s") from None

    def _let_go(self) -> None:
        self._asking.close()
        super()._let_go()


def exchange(port: int, data: bytes, ending: bytes | None = None, patience: float = PATIENCE) -> bytes:
    """Send data on a connection of its own while reading from it, and return what was heard.

    Ends when `ending` is heard, when the server closes, or after `patience` seconds.
    """
    heard = bytearray()
    with socket.create_connection(("127.0.0.1", port)) as wire:
        wire.setblocking(False)
        left, until = memoryview(data), time.monotonic() + patience
        while (seconds := until - time.monotonic()) > 0:
            readable, writable, _ = select.select([wire], [wire] if left else [], [], seconds)
            try:
                if writable:
                    left = left[wire.send(left[: 256 * 1024]) :]
                if readable:
                    piece = wire.recv(256 * 1024)
                    if not piece:
                        break
                    heard += piece
            except BlockingIOError:
                continue
            except ConnectionError:
                break
            if ending is not None and heard.find(ending, max(0, len(heard) - 512 * 1024)) >= 0:
                break
    return bytes(heard)


def _listen(probe: Probe, loop: asyncio.AbstractEventLoop) -> None:
    asked = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    asked.bind(SOCKET)
    asked.setblocking(False)

    def answer() -> None:
        question, who = asked.recvfrom(64)
        if question == BEGIN:
            probe.begin()
            asked.sendto(b"0", who)
        else:
            probe.end(lambda longest: asked.sendto(repr(longest).encode(), who) and None)

    loop.add_reader(asked, answer)


def main() -> None:
    """The command `walkwire`. The first event loop that is made, which is the server's, has a probe."""
    from walkwire.cli import main as walkwire

    make: Any = uvloop.new_event_loop

    def make_probed() -> asyncio.AbstractEventLoop:
        loop: asyncio.AbstractEventLoop = make()
        uvloop.new_event_loop = make
        _listen(Probe(loop), loop)
        return loop

    uvloop.new_event_loop = make_probed
    walkwire()


if __name__ == "__main__":
    main()
