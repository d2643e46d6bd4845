"""Figures: how long a notification takes to one who is on the same server, and to one who is on another, over each broker.

python -m tests.cluster.figures [messages a second, 500] [listeners on each server, 5] [seconds, 5]
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import tempfile
import time
from pathlib import Path

from tests.brokers.service import KINDS
from tests.cluster.cluster import PROGRAM, cluster
from tests.serving import Server


async def measure(servers: list[Server], rate: int, listeners: int, seconds: float) -> list[list[float]]:
    """The times, in milliseconds, from the saying of a message to its hearing, on each server."""
    times: list[list[float]] = [[] for _ in servers]
    async with contextlib.AsyncExitStack() as stack:
        speaker = await stack.enter_async_context(servers[0].connect())

        async def listen(server: Server, into: list[float]) -> None:
            socket = await stack.enter_async_context(server.connect(None, "figures"))

            async def hear() -> None:
                async for message in socket.wire:
                    into.append((time.perf_counter_ns() - int(message[5:-1])) / 1e6)

            tasks.append(asyncio.create_task(hear()))

        tasks: list[asyncio.Task[None]] = []
        for server, into in zip(servers, times, strict=True):
            for _ in range(listeners):
                await listen(server, into)
        start = time.perf_counter()
        for number in range(int(rate * seconds)):
            pause = start + number / rate - time.perf_counter()
            if pause > 0:
                await asyncio.sleep(pause)
            event = '{"type":"channel","channel_ids":["figures"],"data":{"t":T}}'
            await speaker.say(event.replace("T", str(time.perf_counter_ns())))
        await asyncio.sleep(0.5)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return times


def show(what: str, times: list[float], expected: int) -> None:
    times = sorted(times)
    p50, p99 = times[len(times) // 2], times[int(len(times) * 0.99)]
    print(f"{what:32} p50 {p50:6.2f} ms   p99 {p99:6.2f} ms   {len(times)} of {expected} heard")


async def main(rate: int = 500, listeners: int = 5, seconds: int = 5) -> None:
    expected = rate * seconds * listeners
    with tempfile.TemporaryDirectory() as folder, Server(PROGRAM, Path(folder)) as server:
        (alone,) = await measure([server], rate, 2 * listeners, seconds)
        show("one server, no broker", alone, 2 * expected)
    for kind in KINDS:
        with tempfile.TemporaryDirectory() as folder:
            async with cluster(kind, Path(folder), 2, is_direct=True) as made:
                here, there = await measure(made.servers, rate, listeners, seconds)
                show(f"{kind}, same server", here, expected)
                show(f"{kind}, another server", there, expected)


if __name__ == "__main__":
    asyncio.run(main(*map(int, sys.argv[1:])))
