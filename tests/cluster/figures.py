"""Figures: what many servers on one database and one broker cost. Written to `bench/results/cluster.md`.

python -m tests.cluster.figures [--quick] [--seconds S] [--only walks|size|notify|publish]

It takes the PostgreSQL of this machine, in databases of its own, and starts its own brokers. With `--quick` all is short and
small and nothing is written; with `--only`, too.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench import machine
from bench.load.window import TICKS
from bench.peer import walker_event
from bench.process import ROOT, python, run
from bench.table import number
from tests.brokers.service import KINDS, Kind, service
from tests.cluster.broker_figures import publish
from tests.cluster.cluster import PROGRAM, cluster, new_database
from tests.cluster.page import Page, Row, busy_now, described
from tests.serving import Server
from walkwire.load.address import Address
from walkwire.store import Changes, EdgeRecord, NodeRecord, Reads
from walkwire.stores import open_store

WALKERS = ROOT / "bench" / "walkers.py"
PAGE = ROOT / "bench" / "results" / "cluster.md"
PUBLIC_ROOT = "0" * 23 + "1"
HUB = "c" * 24
CROWD = 64  # sockets that ask, the next question as soon as one is answered
TEXT = {"text": "a message of some words"}
LOAD_SECONDS, WARM_UP = 180.0, 0.5
BATCH = 10_000


# Walks a second


def walks(page: Page) -> None:
    """Walks a second on PostgreSQL, of one to four workers behind one port."""
    events = {
        "nothing": walker_event("nothing", response=True),
        "read ten": None,
        "make one": walker_event("make", response=True, context=TEXT),
    }
    rows: list[Row] = []
    for workers in (1, 2, 4):
        with new_database() as database, serving(database, workers) as server:
            events["read ten"] = walker_event("read", response=True, node=planted(server))
            for name, event in events.items():
                assert event is not None
                found = asked(server, event, CROWD, page.seconds)
                count = found["count"]
                row = {
                    "workers, walk": f"{workers}, {name}",
                    "walks a second": number(count / found["wall"]),
                    "CPU of walkwire, ms a walk": number(found["walkwire"] / count * 1000),
                    "CPU of PostgreSQL, ms a walk": number(found["postgres"] / count * 1000),
                    "CPU of the load client": f"{found['client']:.0%} of a core",
                }
                rows.append(row)
                print(row, flush=True)
    page.table(
        "Walks a second on PostgreSQL",
        rows,
        f"{CROWD} sockets, each asks again as soon as it is answered. Workers, PostgreSQL and the load client share "
        f"{os.cpu_count()} cores: with more of these there would be more to share.",
    )


# The size of the graph


def size(page: Page) -> None:
    """The same walks beside a thousand nodes and beside a million, all of which hang on one node."""
    sizes = (1_000, 20_000 if page.is_quick else 1_000_000)
    times: dict[str, dict[int, list[float]]] = {}
    took = {}
    with ExitStack() as stack:
        servers = {}
        for count in sizes:
            database = stack.enter_context(new_database())
            began = time.perf_counter()
            fill(database, count)
            took[count] = time.perf_counter() - began
            servers[count] = stack.enter_context(serving(database, 1))
        shelves = {count: planted(server) for count, server in servers.items()}
        for _ in range(1 if page.is_quick else 5):
            for count, server in servers.items():
                hub = f"n:Shelf:{HUB}"
                for name, event in {
                    "read ten of ten": walker_event("read", response=True, node=shelves[count]),
                    "change one": walker_event("change", response=True, node=shelves[count]),
                    "make one at the root": walker_event("make", response=True, context=TEXT),
                    "first ten and last ten of all": walker_event("ends", response=True, node=hub),
                    "make one at the node that has all": walker_event(
                        "make", response=True, context=TEXT, node=hub
                    ),
                }.items():
                    found = asked(server, event, 1, page.seconds)
                    milliseconds = found["wall"] / found["count"] * 1000
                    times.setdefault(name, {}).setdefault(count, []).append(milliseconds)
    rows = []
    for name, found_times in times.items():
        small, large = (statistics.median(found_times[count]) for count in sizes)
        ratios = [
            one / other for one, other in zip(found_times[sizes[1]], found_times[sizes[0]], strict=True)
        ]
        ratio = statistics.median(ratios)
        rows.append(
            {"walk": name}
            | {
                f"beside {count:,}, ms": number(found)
                for count, found in zip(sizes, (small, large), strict=True)
            }
            | {"ratio": f"{ratio:.2f}"}
        )
        if name.startswith("read ten"):
            page.judge(
                "a walk that touches ten nodes, in a large graph and in a small one", ratio, 1.5, "times"
            )
        if "all" in name:
            page.judge(f"{name}, of {sizes[1]:,}", large, 10, "ms")
    page.table(
        "The size of the graph, on PostgreSQL",
        rows,
        f"One socket, from a question to its answer. Filling took {took[sizes[1]]:.0f} s.",
    )


def fill(database: str, count: int) -> None:
    """A node with so many others."""
    store = open_store(database)
    try:
        hub = NodeRecord(HUB, "Shelf", PUBLIC_ROOT, 1, '{"count":0}')
        store.commit(Reads(), Changes(new_nodes=[hub]), _nothing)
        for first in range(0, count, BATCH):
            changes = Changes()
            for place in range(first, min(first + BATCH, count)):
                item = NodeRecord(f"b{place:023x}", "Item", PUBLIC_ROOT, 1, json.dumps(TEXT))
                changes.new_nodes.append(item)
                changes.new_edges.append(
                    EdgeRecord(f"d{place:023x}", "", HUB, "Shelf", item.id, "Item", 1, "{}")
                )
            store.commit(Reads(), changes, _nothing)
    finally:
        store.close()
    for command in (
        "ANALYZE",
        "CHECKPOINT",
    ):  # what is left to do is not to be done while others are measured
        subprocess.run(["psql", "-q", "-c", command, database], check=True)


# Notifications


def notify(page: Page) -> None:
    """From the saying of a message to its hearing, on the same server and on another one."""
    rate, listeners = (100, 5) if page.is_quick else (500, 5)
    expected = int(rate * page.seconds * 4) * listeners
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder, Server(PROGRAM, Path(folder)) as server:
        (alone,) = asyncio.run(deliveries([server], rate, 2 * listeners, page.seconds * 4))
        rows.append(_spread("one server, no broker", alone, 2 * expected))
    for kind in KINDS:
        here, there = asyncio.run(_two_servers(kind, rate, listeners, page.seconds * 4))
        rows.append(_spread(f"{kind}, same server", here, expected))
        rows.append(_spread(f"{kind}, another server", there, expected))
        for part, name in ((0.5, "p50"), (0.99, "p99")):
            more = at(there, part) - at(alone, part)
            what = f"{kind}: {name} to another server, more than on one server alone"
            page.judge(what, more, 3, "ms")
    page.table(
        f"From saying to hearing, {rate * listeners * 2:,} deliveries a second",
        rows,
        f"{rate} messages a second from one socket to {listeners} listeners on each of two servers, all in one Python process.",
    )


async def _two_servers(kind: Kind, rate: int, listeners: int, seconds: float) -> list[list[float]]:
    with tempfile.TemporaryDirectory() as folder:
        async with cluster(kind, Path(folder), 2, is_direct=True) as made:
            return await deliveries(made.servers, rate, listeners, seconds)


async def deliveries(servers: list[Server], rate: int, listeners: int, seconds: float) -> list[list[float]]:
    """The times, in milliseconds, from the saying of a message to its hearing, on each server."""
    times: list[list[float]] = [[] for _ in servers]
    async with AsyncExitStack() as stack:
        speaker = await stack.enter_async_context(servers[0].connect())
        tasks: list[asyncio.Task[None]] = []

        async def hear(socket: Any, into: list[float]) -> None:
            async for message in socket.wire:
                into.append((time.perf_counter_ns() - int(message[5:-1])) / 1e6)

        for server, into in zip(servers, times, strict=True):
            for _ in range(listeners):
                socket = await stack.enter_async_context(server.connect(None, "figures"))
                tasks.append(asyncio.create_task(hear(socket, into)))
        start = time.perf_counter()
        for count in range(int(rate * seconds)):
            pause = start + count / rate - time.perf_counter()
            if pause > 0:
                await asyncio.sleep(pause)
            event = '{"type":"channel","channel_ids":["figures"],"data":{"t":T}}'
            await speaker.say(event.replace("T", str(time.perf_counter_ns())))
        await asyncio.sleep(0.5)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return times


def at(times: list[float], part: float) -> float:
    return sorted(times)[int(len(times) * part)]


def _spread(what: str, times: list[float], expected: int) -> Row:
    return {
        "who listens": what,
        "p50, ms": f"{at(times, 0.5):.2f}",
        "p99, ms": f"{at(times, 0.99):.2f}",
        "heard": f"{len(times):,} of {expected:,}",
    }


# What all of them need


@contextmanager
def serving(database: str, workers: int) -> Iterator[Server]:
    """The bench's program on a database, by so many workers."""
    with tempfile.TemporaryDirectory() as name, service("redis", Path(name)) as broker:
        settings = {"broker": broker.url, "workers": str(workers), "token_secret": "s" * 32}
        with Server(WALKERS, Path(name), database=database, **settings) as server:
            yield server


def planted(server: Server) -> str:
    """A node with ten others."""
    return str(asyncio.run(server.walk("plant"))[0]["id"])


def asked(server: Server, event: str, sockets: int, seconds: float) -> dict[str, float]:
    """What `bench.load` saw, and the CPU seconds of walkwire and of PostgreSQL meanwhile."""
    order = {
        "kind": "ask",
        "core": min(os.sched_getaffinity(0)),
        "pid": server.process.pid,
        "address": asdict(Address("127.0.0.1", server.port)),
        "sockets": sockets,
        "questions": [event],
        "answer": '"status":200',
        "seconds": seconds,
        "warm_up": WARM_UP,
    }
    first = json.loads(event)  # however long it takes
    asyncio.run(server.walk(first["walker"], None, first.get("node"), **first.get("context", {})))
    before = _spent(server)
    found: dict[str, float] = json.loads(run(python("bench.load"), LOAD_SECONDS, json.dumps(order)))
    part = found["wall"] / (found["wall"] + WARM_UP)  # what went before is not in the count
    return found | {name: (now - before[name]) * part for name, now in _spent(server).items()}


def _spent(server: Server) -> dict[str, float]:
    return {"walkwire": _cpu(_family(server.process.pid)), "postgres": _cpu(_postgres())}


def _family(parent: int) -> list[int]:
    found = subprocess.run(["pgrep", "-P", str(parent)], capture_output=True, text=True, check=False)
    return [parent, *map(int, found.stdout.split())]


def _postgres() -> list[int]:
    found = subprocess.run(["pgrep", "-x", "postgres"], capture_output=True, text=True, check=False)
    return [int(line) for line in found.stdout.split()]


def _cpu(pids: list[int]) -> float:
    """CPU seconds of these processes so far, and of those of their children that have ended."""
    ticks = 0
    for pid in pids:
        with suppress(OSError):
            ticks += sum(map(int, Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:15]))
    return ticks / TICKS


def _nothing() -> None:
    pass


# The page

PARTS: dict[str, Callable[[Page], None]] = {
    "walks": walks,
    "size": size,
    "notify": notify,
    "publish": publish,
}


def main() -> None:
    """Read the arguments, measure, write."""
    parser = argparse.ArgumentParser(prog="python -m tests.cluster.figures")
    parser.add_argument("--quick", action="store_true", help="short and small; nothing is written")
    parser.add_argument("--seconds", type=float, default=3.0, help="of one measurement")
    parser.add_argument("--only", action="append", choices=PARTS, help="nothing is written")
    arguments = parser.parse_args()
    page = Page(1.0 if arguments.quick else arguments.seconds, arguments.quick)
    began, busy, load = time.perf_counter(), busy_now(), machine.load_average()
    for name, measure in PARTS.items():
        if not arguments.only or name in arguments.only:
            measure(page)
    facts = described() | {
        "run": f"{page.seconds:g} s each, {time.perf_counter() - began:.0f} s in all",
        "others on the machine": f"took {busy:.0%} of it before, {busy_now():.0%} after",
        "load average": f"{load:.2f} before, {machine.load_average():.2f} after",
    }
    text = page.written(facts)
    print("\n" + text)
    if not arguments.quick and not arguments.only:
        PAGE.write_text(text)
        print(f"Written to {PAGE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
