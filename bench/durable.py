"""`python -m bench.durable`: what a walk costs that tells a durable stream, or has a key, beside the same walk without.

Each walk makes a node, over REST, `--at-once` (8) at a time, in turns of `--seconds`. Printed for each database: medians of the
walks in a second and of the server's processor time for each, and how many times those of the plain walk they are.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import time
import uuid
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import uvloop

from bench import postgres
from bench.load.window import cpu_seconds
from bench.peer import WALKWIRE, WALKWIRE_POSTGRES
from bench.process import Running, running
from bench.stage import client_core, server_core

SETTINGS = '[history]\n"room:*" = "durable 10000 1d"\n'
ROUNDS = 5
TEXT = "x" * 90

Way = Callable[[int], tuple[str, dict[str, str], str]]
"""Returns the walker, its context and headers for the request of one connection."""


def _tell(channel: str) -> tuple[str, dict[str, str], str]:
    return "make_and_tell", {"text": TEXT, "channel_id": channel}, ""


WAYS: dict[str, Way] = {
    "makes a node": lambda number: ("make", {"text": TEXT}, ""),
    "and tells a channel": lambda number: _tell(f"lobby:{number}"),
    "and tells a durable stream of its own": lambda number: _tell(f"room:{number}"),
    "and tells one durable stream": lambda number: _tell("room:all"),
    "and has a key": lambda number: ("make", {"text": TEXT}, f"idempotency-key: {uuid.uuid4()}\r\n"),
}


async def call(port: int, number: int, way: Way, until: float) -> int:
    """Call again and again on one connection. Return how often."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    count = 0
    while time.perf_counter() < until:
        walker, context, headers = way(number)
        body = json.dumps(context)
        writer.write(
            f"POST /walker/{walker} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\ncontent-type: application/json\r\n{headers}"
            f"content-length: {len(body)}\r\n\r\n{body}".encode()
        )
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        (length,) = (line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        await reader.readexactly(int(length.partition(b":")[2]))
        count += 1
    writer.close()
    return count


async def measure(server: Running, at_once: int, seconds: float) -> None:
    """Take turns, and print medians."""
    rates: dict[str, list[float]] = {name: [] for name in WAYS}
    costs: dict[str, list[float]] = {name: [] for name in WAYS}
    for turn in range(ROUNDS + 1):
        for name, way in WAYS.items():
            began, before = time.perf_counter(), cpu_seconds(server.pid)
            counts = await asyncio.gather(
                *(call(server.port, number, way, began + seconds) for number in range(at_once))
            )
            if turn:  # the first one warms up
                rates[name].append(sum(counts) / (time.perf_counter() - began))
                costs[name].append((cpu_seconds(server.pid) - before) / sum(counts))
    rate = statistics.median(next(iter(rates.values())))
    cost = statistics.median(next(iter(costs.values())))
    for name in WAYS:
        median, spent = statistics.median(rates[name]), statistics.median(costs[name])
        time_taken = f"{median:6,.0f}/s, takes {rate / median:.2f} times"
        print(f"{name:40} {time_taken}; {spent * 1e6:5,.0f} µs of the server, {spent / cost:.2f} times")


def main() -> None:
    """Read the arguments, measure on each database."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--at-once", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--database", choices=("sqlite", "postgres"), action="append")
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {client_core()})

    def prepare(folder: Path) -> object:
        return (folder / "walkwire.toml").write_text(SETTINGS)

    for kind in arguments.database or ("sqlite", "postgres"):
        peer = WALKWIRE if kind == "sqlite" else WALKWIRE_POSTGRES
        print(kind)
        with postgres.database() if kind == "postgres" else nullcontext("") as url:
            command = [part.replace("{database}", url) for part in peer.command]
            with running(command, server_core(), prepare) as server:
                uvloop.run(measure(server, arguments.at_once, arguments.seconds))


if __name__ == "__main__":
    main()
