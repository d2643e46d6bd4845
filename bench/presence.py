"""`python -m bench.presence`: what presence costs with 10,000 users in one channel: bytes and processor time of each change.

All in one process, without sockets: clients are objects whose transports count bytes. Two servers share a bus in memory.
"""

from __future__ import annotations

import asyncio
import time
import tracemalloc
from collections.abc import Callable, Coroutine
from typing import Any

import uvloop

from walkwire.brokers.memory import Bus, MemoryBroker
from walkwire.histories.memory import MemoryHistory
from walkwire.wire.delivery.client import Client
from walkwire.wire.delivery.session import ClientSession
from walkwire.wire.presence.presence import LINGER, TICK
from walkwire.wire.wire import Wire

CROWD, ROOM = 10_000, 900  # users
CHANGES = 1000
INFO = b'{"name":"Ada Lovelace","picture":"https://example.com/ada.png"}'


class Counter:
    """A transport that counts what is written."""

    def __init__(self) -> None:
        self.bytes = self.writes = 0

    def write(self, data: bytes) -> None:
        """Count it."""
        self.bytes += len(data)
        self.writes += 1

    def unsent(self) -> int:
        """Return 0."""
        return 0

    def close(self, code: int, reason: str) -> None:
        """Do nothing."""

    def abort(self) -> None:
        """Do nothing."""

    def pause(self) -> None:
        """Do nothing."""

    def resume(self) -> None:
        """Do nothing."""


class Clock:
    """A clock and a ticker in one, moved by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """Return seconds."""
        return self.now

    def start(self, tick: Callable[[], None]) -> None:
        """Do nothing."""

    def stop(self) -> None:
        """Do nothing."""


class Counting(MemoryBroker):
    """A broker that counts bytes. `most`: of one message."""

    bytes = most = 0

    def publish(self, topic: str, message: bytes) -> None:
        """Count it and deliver it."""
        self.bytes += len(message)
        self.most = max(self.most, len(message))
        super().publish(topic, message)


class Server:
    """A server without sockets."""

    def __init__(self, bus: Bus, clock: Clock) -> None:
        self.clock = clock
        self.broker = Counting(bus)
        self.wire = Wire(self.broker, history=MemoryHistory(), ticker=clock, monotonic=clock)
        self.presence = self.wire.hub.presence

    def enter(self, number: int) -> tuple[Client, Counter]:
        """Let a user enter, who is in the channel."""
        transport = Counter()
        client = Client(self.wire.ids.new_session(), "", "", False, transport)
        client.channels = {"den"}
        client.session = ClientSession()
        client.session.info = client.session.given = INFO
        self.wire.hub.enter(client, f"{number:024x}")
        return client, transport

    async def tick(self) -> float:
        """Move the clock, and return the seconds of processor time that it took until all was written."""
        self.clock.now += TICK
        begun = time.process_time()
        self.presence.tick()
        await _settle()
        return time.process_time() - begun


async def main() -> None:
    """Measure, and print a table."""
    print("| what | figure |\n|---|---:|")
    await _one_server(CROWD, "count", 1000)
    await _one_server(ROOM, "list", ROOM)
    await _two_servers()
    await _memory()


async def _one_server(users: int, who: Any, watchers: int) -> None:
    server = Server(Bus(), Clock())
    await server.wire.start()
    people = [server.enter(number) for number in range(2, users + 2)]
    name = f"{users:,} users, {watchers:,} of them watch ({who})"
    bare = _time(lambda: _flap(server, people[0][0], CHANGES)) / CHANGES / 2
    begun = time.thread_time()
    holds = await _holds(server.presence.prepare(("den",)))
    print(
        f"| {name}: first watch | {(time.thread_time() - begun) * 1e3:.1f} ms, the longest turn {holds * 1e3:.1f} ms |"
    )
    server.presence.watch(people[0][0], "den", who)
    for client, _ in people[1:watchers]:
        server.presence.watch(client, "den", who)
    await server.tick()
    tracked = _time(lambda: _flap(server, people[-1][0], CHANGES)) / CHANGES / 2
    print(f"| {name}: a join or leave, as without presence | {bare * 1e6:.1f} µs |")
    print(f"| {name}: the same, tracked | {tracked * 1e6:.1f} µs |")
    await server.tick()
    before = people[0][1].bytes
    spent, ticks = 0.0, 50
    for number in range(ticks):
        if number % 2:
            server.wire.hub.membership.leave(people[-1][0], "den")
        else:
            server.wire.hub.admit(people[-1][0], {"den": None})
        spent += await server.tick()
    size = (people[0][1].bytes - before) / ticks
    print(f"| {name}: bytes of one change to each watcher | {size:,.0f} |")
    print(f"| {name}: processor time of one frame to all | {spent / ticks * 1e3:.2f} ms |")
    for client, _ in people[1:]:
        server.wire.hub.exit(client)
    server.clock.now += LINGER
    longest = max([await server.tick() for _ in range(20)])
    print(f"| {name}: all are dropped at once, longest tick | {longest * 1e3:.1f} ms |")
    await server.wire.stop()


async def _two_servers() -> None:
    bus, clock = Bus(), Clock()
    here, there = Server(bus, clock), Server(bus, clock)
    for server in (here, there):
        await server.wire.start()
    people = [there.enter(number) for number in range(2, CROWD + 2)]
    client, _ = here.enter(1)
    before = there.broker.bytes
    here.presence.watch(client, "den", "count")
    longest = await _holds(_settle())
    name = f"two servers, {CROWD:,} users on the other"
    print(f"| {name}: first answer | {(there.broker.bytes - before) / 1e6:.2f} MB |")
    print(f"| {name}: its largest message | {there.broker.most / 1024:,.0f} KiB |")
    print(f"| {name}: longest turn of the event loop, both servers | {longest * 1e3:.1f} ms |")
    for changes in (1, CHANGES):
        before, told, taken, rounds = there.broker.bytes, 0.0, 0.0, 20
        for number in range(rounds):
            for each, _ in people[:changes]:
                if number % 2:
                    there.wire.hub.admit(each, {"den": None})
                else:
                    there.wire.hub.membership.leave(each, "den")
            clock.now += TICK
            begun = time.process_time()
            there.presence.tick()
            told += time.process_time() - begun
            begun = time.process_time()
            await _settle()
            here.presence.tick()
            taken += time.process_time() - begun
        total = rounds * changes
        print(
            f"| {name}: {changes:,} changes in a tick: bytes of each | {(there.broker.bytes - before) / total:,.0f} |"
        )
        print(
            f"| … processor time of each, to tell and to hear | {told / total * 1e6:.1f} + {taken / total * 1e6:.1f} µs |"
        )
    for server in (here, there):
        await server.wire.stop()


async def _memory() -> None:
    server = Server(Bus(), Clock())
    await server.wire.start()
    for number in range(2, CROWD + 2):
        server.enter(number)
    tracemalloc.start()
    await server.presence.prepare(("den",))
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    print(f"| memory of a user who is tracked | {size / CROWD:,.0f} bytes |")
    await server.wire.stop()


def _flap(server: Server, client: Client, times: int) -> None:
    for _ in range(times):
        server.wire.hub.membership.leave(client, "den")
        server.wire.hub.admit(client, {"den": None})


def _time(work: Callable[[], None]) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun


async def _holds(work: Coroutine[Any, Any, None]) -> float:
    """Do something. Return the seconds of the longest turn of the event loop meanwhile."""
    task = asyncio.ensure_future(work)
    longest = 0.0
    while not task.done():
        begun = time.thread_time()
        await asyncio.sleep(0)
        longest = max(longest, time.thread_time() - begun)
    return longest


async def _settle() -> None:
    for _ in range(100):
        await asyncio.sleep(0)


if __name__ == "__main__":
    uvloop.run(main())
