"""`python -m bench.replaced`: a server with many clients of version 2 is stopped, and all of them resume on another.

Two servers share a Redis (`--broker`) and a secret. Somebody tells all clients something twice a second, the whole time. Each
client checks that it hears every number once and in order. Printed: until when all are back, the longest time that a client
heard nothing, and what the second server spent.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import resource
import secrets
import signal
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import uvloop

from bench.load.window import cpu_seconds
from bench.peer import WALKWIRE_2
from bench.process import running
from bench.stage import client_core, server_core
from walkwire.load import frame, opening
from walkwire.load.address import Address

CHANNEL = "room"
PAUSE = 0.5  # seconds between two notifications
SPREAD = 2.0  # seconds over which clients come back, as by the back-off of clients/js after 4200


class Crowd:
    """All clients. `servers`: the addresses to come back to."""

    def __init__(self) -> None:
        self.servers: list[Address] = []
        self.is_moving = False
        self.missing = 0  # clients that are not back
        self.back_at = 0.0
        self.are_back = asyncio.Event()
        self.faults: list[str] = []
        self.tasks: set[asyncio.Task[None]] = set()

    def lose(self, client: Listener) -> None:
        """A client has lost its connection: it comes back, to the last of the servers."""
        if self.is_moving:
            task = asyncio.ensure_future(self._bring_back(client))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    async def _bring_back(self, client: Listener) -> None:
        await asyncio.sleep(random.uniform(0, SPREAD))
        streams = client.who["streams"]
        event = {
            "type": "connect",
            "id": 0,
            "session": client.who["session"],
            "at": {"user": streams["user"]["at"], "client": streams["client"]["at"]},
            "channels": [{"channel_id": CHANNEL, "at": client.at}],
        }
        address = Address(**{**_fields(self.servers[-1]), "says": (json.dumps(event),)})
        greetings: list[bytes] = []
        await opening.connect([address], [CHANNEL], client.take, greetings.append)
        before = client.who["client_id"]
        client.greet(greetings[0])
        if client.who["client_id"] != before:
            self.faults.append("another session")
        if client.who["streams"]["channels"][CHANNEL]["recovered"] is not True:
            self.faults.append("not recovered")
        self.missing -= 1
        self.back_at = time.perf_counter()
        if not self.missing:
            self.are_back.set()


class Listener(asyncio.Protocol):
    """One client: what it has heard."""

    __slots__ = ("_buffer", "_crowd", "_transport", "at", "gap", "heard", "last", "who")

    def __init__(self, crowd: Crowd) -> None:
        self._crowd = crowd
        self._buffer = b""
        self.who: Any = {}
        self.at = ""
        self.heard = 0  # the last number
        self.last = time.perf_counter()
        self.gap = 0.0

    def take(self, transport: asyncio.Transport) -> asyncio.Protocol:
        """Read from this connection from now on."""
        self._buffer = b""
        self._transport = transport
        return self

    def greet(self, reply: bytes) -> None:
        """Keep what the reply to `connect` says."""
        self.who = json.loads(reply)["data"]
        self.at = self.who["streams"]["channels"][CHANNEL]["at"] if not self.at else self.at

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        place = 0
        while (found := frame.measure(self._buffer, place)) is not None:
            payload = self._buffer[found[0] : found[1]]
            if self._buffer[place] & 0x0F == frame.CLOSE:
                self._transport.close()
            elif payload.startswith(b'{"type":"channel"'):
                self._hear(payload)
            place = found[1]
        self._buffer = self._buffer[place:]

    def connection_lost(self, error: Exception | None) -> None:
        self._crowd.lose(self)

    def _hear(self, payload: bytes) -> None:
        told = json.loads(payload)
        number, now = told["data"]["n"], time.perf_counter()
        if self.heard and number != self.heard + 1:
            self._crowd.faults.append(f"{number} after {self.heard}")
        self.heard, self.at = number, told["at"]
        self.gap, self.last = max(self.gap, now - self.last), now


def _fields(address: Address) -> dict[str, Any]:
    return {name: getattr(address, name) for name in Address.__dataclass_fields__}


async def measure(count: int, ports: tuple[int, int], pids: tuple[int, int]) -> None:
    """Connect, stop the first server, wait until all are back and have heard the same."""
    crowd = Crowd()
    crowd.servers = [Address(**WALKWIRE_2.address(port)) for port in ports]
    clients = [Listener(crowd) for _ in range(count)]
    waiting = iter(clients)
    greeted = iter(clients)
    await opening.connect(
        [crowd.servers[0]] * count,
        [CHANNEL] * count,
        lambda transport: next(waiting).take(transport),
        lambda reply: next(greeted).greet(reply),
    )
    teller = Listener(crowd)
    [transport] = await opening.connect([crowd.servers[1]], [CHANNEL], teller.take, teller.greet)
    told = 0

    async def tell() -> None:
        nonlocal told
        while True:
            told += 1
            event = {"type": "channel", "channel_ids": [CHANNEL], "data": {"n": told}}
            transport.write(frame.text(json.dumps(event).encode()))
            await asyncio.sleep(PAUSE)

    telling = asyncio.ensure_future(tell())
    await asyncio.sleep(3)
    for client in clients:
        client.gap = 0.0
    crowd.is_moving, crowd.missing = True, count
    began, before = time.perf_counter(), cpu_seconds(pids[1])
    os.kill(pids[0], signal.SIGTERM)
    await crowd.are_back.wait()
    spent = cpu_seconds(pids[1]) - before
    await asyncio.sleep(2)
    telling.cancel()
    await asyncio.sleep(2)
    print(f"{count:,} clients: all back after {crowd.back_at - began:.1f} s")
    print(f"longest silence of a client: {max(client.gap for client in clients):.1f} s, told every {PAUSE} s")
    print(f"the second server spent {spent:.1f} s of its core, {spent / count * 1e6:,.0f} µs a client")
    late = sum(client.heard != told for client in clients)
    print(f"{late} clients have not heard all; {len(crowd.faults)} faults {crowd.faults[:3]}")


def main() -> None:
    """Read the arguments, start two servers, measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=15_000)
    parser.add_argument("--broker", default="redis://localhost?prefix=bench.")
    arguments = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    command = [*WALKWIRE_2.command, "--broker", arguments.broker, "--drain-seconds", "3"]
    os.sched_setaffinity(0, {client_core()})
    settings = f'token_secret = "{secrets.token_hex(32)}"\n'

    def prepare(folder: Path) -> object:
        return (folder / "walkwire.toml").write_text(settings)

    with ExitStack() as stack:
        first, second = [stack.enter_context(running(command, server_core(), prepare)) for _ in range(2)]
        uvloop.run(measure(arguments.clients, (first.port, second.port), (first.pid, second.pid)))


if __name__ == "__main__":
    main()
