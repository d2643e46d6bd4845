"""Pace: a run of `walkwire load`, beside sockets that do not read, or beside walks."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Sequence

from bench.load import frame
from bench.load.socket import abort, connect
from bench.load.window import Window
from walkwire.load.address import Address
from walkwire.load.plan import Plan
from walkwire.load.run import Run

FILLING_SECONDS = 10.0  # what a server may take to get the first megabytes to those who read


async def pace(
    pid: int,
    address: Address,
    sockets: int,
    rate: float,
    seconds: float,
    *,
    stalled: int = 0,
    filling: Sequence[int] = (),
    beside: Sequence[str] = (),
    settle: float = 0.5,
) -> dict[str, float]:
    """`stalled` more sockets do not read at all: first so many bytes are said to all, so that the kernel's buffers are full.

    Each of `beside` is said on a socket of its own before the start. `count`: deliveries to those who read; `p50`, `p99`,
    `worst`: seconds from the time a message was due to its arrival; `lost`: the part of deliveries that did not come. Where
    `filling` does not get through, all is lost.
    """
    run = Run(address, Plan(sockets, 1, rate, seconds, patience=1.0))
    await run.connect()
    channel = [run.channel(0)]
    still = await connect(address, stalled, Stalled, channel)
    others = await connect(address, len(beside), Stalled, channel)
    found = {"count": 0.0, "p50": math.inf, "p99": math.inf, "worst": math.inf, "lost": 1.0}
    if await _fill(run, address, filling):
        for transport, question in zip(others, beside, strict=True):
            transport.resume_reading()
            transport.write(frame.text(question))
        await asyncio.sleep(settle)
        window = Window(pid)
        result = await run.send()
        found |= window.close(result.delivered)
        if result.delivered:
            found |= {"p50": result.p50 / 1000, "p99": result.p99 / 1000, "worst": result.max / 1000}
            found["lost"] = result.lost / result.due
    run.leave()
    abort(still + others)
    return found


async def _fill(run: Run, address: Address, filling: Sequence[int]) -> bool:
    """Say so much, each message when all who read have heard the last: they are never far behind. Tells whether they did."""
    heard = [peer.messages for peer in run.peers]
    end = time.perf_counter() + FILLING_SECONDS
    for number, size in enumerate(filling, 1):
        event = address.tell(run.channel(0), f'{{"text":"{"x" * size}"}}')
        run.peers[0].write(frame.text(event.decode()))
        while any(peer.messages < before + number for peer, before in zip(run.peers, heard, strict=True)):
            if time.perf_counter() > end:
                return False
            await asyncio.sleep(0.005)
    return True


class Stalled(asyncio.Protocol):
    """Does not read, until it is told to, and then does not care."""

    def __init__(self, transport: asyncio.Transport) -> None:
        transport.pause_reading()
