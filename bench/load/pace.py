"""Pace: messages at a fixed rate, whatever becomes of them (an open loop), and how late each hearer has each of them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import cast

from bench.load import frame
from bench.load.socket import Door, abort, connect
from bench.load.window import Window

FILLING_SECONDS = 8.0  # what a server may take to get the first megabytes to those who read


async def pace(
    pid: int,
    door: Door,
    sockets: int,
    message: str,
    rate: float,
    seconds: float,
    *,
    stalled: int = 0,
    filling: Sequence[str] = (),
    beside: Sequence[str] = (),
    warm_up: float = 0.5,
) -> dict[str, float]:
    """`stalled` more sockets do not read at all: first `filling` is said to all, so that the kernel's buffers are full.

    Each of `beside` is said on a socket of its own before the start. `count`: deliveries to those who read; `p50`, `p99`,
    `worst`: seconds from the time a message was due to its arrival; `lost`: the part of deliveries that came a second after
    the last message or not at all. Where `filling` does not get through, all is lost.
    """
    clock = Clock()
    transports = await connect(door, sockets, lambda _: Hearer(clock))
    still = await connect(door, stalled, _Stalled)
    others = await connect(door, len(beside), _Stalled)
    found = {"count": 0.0, "p50": float("inf"), "p99": float("inf"), "worst": float("inf"), "lost": 1.0}
    if await _fill(transports, clock, filling):
        for transport, question in zip(others, beside, strict=True):
            transport.resume_reading()
            transport.write(frame.text(question))
        await asyncio.sleep(warm_up)
        window = Window(pid)
        count = await _say(transports[0], clock, frame.text(message), rate, seconds)
        found |= window.close(len(clock.delays))
        found |= _figures(clock.delays, count * sockets)
    abort(transports + still + others)
    return found


async def _fill(transports: Sequence[asyncio.Transport], clock: Clock, filling: Sequence[str]) -> bool:
    due = len(transports) * len(filling)
    for one in filling:
        transports[0].write(frame.text(one))
    end = time.perf_counter() + FILLING_SECONDS
    while clock.early < due and time.perf_counter() < end:  # noqa: ASYNC110  # the hearers have no time for an event
        await asyncio.sleep(0.02)
    return clock.early >= due


async def _say(sender: asyncio.Transport, clock: Clock, message: bytes, rate: float, seconds: float) -> int:
    start = time.perf_counter() + 0.01
    count = int(rate * seconds)
    clock.due = [start + i / rate for i in range(count)]
    said = 0
    while said < count:
        now = time.perf_counter()
        while said < count and clock.due[said] <= now:
            sender.write(message)
            said += 1
        await asyncio.sleep(0.0005)
    await asyncio.sleep(1.0)
    return count


def _figures(delays: list[float], due: int) -> dict[str, float]:
    if not delays:
        return {}
    ordered = sorted(delays)
    last = len(ordered) - 1
    return {
        "p50": ordered[last // 2],
        "p99": ordered[last * 99 // 100],
        "worst": ordered[last],
        "lost": 1 - len(delays) / due,
    }


class Clock:
    """When each message was due, and how late each delivery was. Before the start (`due` is empty) they are only counted."""

    def __init__(self) -> None:
        self.due: list[float] = []
        self.delays: list[float] = []
        self.early = 0


class Hearer(asyncio.Protocol):
    """Hears all messages in the order in which they were said, so that their number tells which one it is."""

    __slots__ = ("_clock", "_heard", "_reader", "_transport")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._heard = 0
        self._reader = frame.Reader()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        clock, reader = self._clock, self._reader
        count = reader.take(data)
        if reader.answers:
            self._transport.write(reader.answers)
            reader.answers = b""
        if not clock.due:
            clock.early += count
            return
        now = time.perf_counter()
        for number in range(self._heard, self._heard + count):
            clock.delays.append(now - clock.due[number])
        self._heard += count


class _Stalled(asyncio.Protocol):
    """Does not read, until it is told to, and then does not care."""

    def __init__(self, transport: asyncio.Transport) -> None:
        transport.pause_reading()
