"""Hold: for how long a broadcast keeps a server's loop from everybody else: one asks again and again while it is written.

Those who hear the broadcast are not read meanwhile: what the client would do with it is not the server's time. Nor is what
others do with its core, so a wait is counted in CPU time of the server, too.
"""

from __future__ import annotations

import asyncio
import os
import select
import socket
import statistics
import time

from bench.load import frame
from bench.load.arrive import Idler
from bench.load.socket import abort, connect
from bench.load.window import Window, cpu_seconds
from walkwire.load.address import Address

ASKING_SECONDS = 0.25  # after each broadcast
PATIENCE = 5.0
PING, PONG = b"\x89\x80\x00\x00\x00\x00", b"\x8a\x00"


async def hold(
    pid: int, address: Address, sockets: int, message: str, question: str, answer: str, times: int
) -> dict[str, float]:
    """`message` is said to `sockets` sockets, so many times, and `question` is asked meanwhile, or a ping sent where it is "".

    Of the longest wait for an answer during each broadcast, the medians: `held`, in CPU seconds of the server, and `waited`, by
    the clock.
    """
    transports = await connect(address, sockets, lambda _: Idler())
    others = await connect(address, 1, lambda _: Idler(), ["probe"])
    speaker, asker = _own(transports[0]), _own(others[0])
    asked, expected = (frame.text(question), answer.encode()) if question else (PING, PONG)
    window = Window(pid)
    waits = []
    for _ in range(times):
        speaker.send(frame.text(message))
        waits.append(_ask(pid, asker, asked, expected))
        await asyncio.sleep(ASKING_SECONDS)  # now they are read
    found = window.close(times)
    speaker.close()
    asker.close()
    abort(transports + others)
    by_cpu, by_clock = zip(*waits, strict=True)
    return found | {"held": statistics.median(by_cpu), "waited": statistics.median(by_clock)}


def _own(transport: asyncio.Transport) -> socket.socket:
    """The same connection, to be used past the event loop."""
    return socket.socket(fileno=os.dup(transport.get_extra_info("socket").fileno()))


def _ask(pid: int, asker: socket.socket, question: bytes, answer: bytes) -> tuple[float, float]:
    """The longest waits, in the server's CPU seconds and by the clock. Raises RuntimeError where no answer comes."""
    poll = select.poll()
    poll.register(asker, select.POLLIN)
    cpu, clock = 0.0, 0.0
    end = time.perf_counter() + ASKING_SECONDS
    while (began := time.perf_counter()) < end:
        spent = cpu_seconds(pid)
        asker.send(question)
        heard = b""
        while answer not in heard:
            if not poll.poll(PATIENCE * 1000):
                raise RuntimeError("A question was not answered")
            heard += asker.recv(65536)
        cpu = max(cpu, cpu_seconds(pid) - spent)
        clock = max(clock, time.perf_counter() - began)
    return cpu, clock
