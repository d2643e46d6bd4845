"""Soak: clients come and go and do all that a client may, and afterwards nothing of them is left.

`python -m tests.soak --seconds 600 --rate 50` runs it on a server process; a short one is `tests/journeys/test_soak.py`. With
`--attacks 40`, so many hostile connections go on beside the visitors all the time, against a server in production.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import random
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from websockets.exceptions import ConnectionClosed

from tests.serving import PROGRAMS, Person, Server, Socket

WARM_UP = 0.3  # of the time, in which memory may still grow
ROOMS = 20
STAY = 2.0  # seconds, at most
FIRST = 40  # visitors at once, before anything is counted
# Of `bench/load/hostile`: those that leave something unfinished, are dear or wrong. Floods would leave the visitors no time.
ATTACKS = (
    "silent",
    "slow head",
    "slow body",
    "garbage",
    "deep",
    "wide",
    "giant",
    "large heads",
    "upload",
    "e-mail",
    "reset",
    "inflated",
)
SOURCES = 8  # addresses of attackers


@dataclass(frozen=True)
class Sample:
    """A server process at one moment. `memory` is what it has for itself, in bytes. Of its files only sockets are counted:
    threads open the database when they first need it."""

    memory: int
    sockets: int
    threads: int


@dataclass(frozen=True)
class Soaked:
    """`drift` is the part by which memory grew after the warm-up, by the medians of the first and the last fifth after it."""

    visits: int
    failures: tuple[str, ...]
    before: Sample
    after: Sample
    drift: float


def sample(pid: int) -> Sample:
    """What the kernel says of a process."""
    folder = Path(f"/proc/{pid}")
    lines = (folder / "smaps_rollup").read_text().splitlines()
    memory = next(int(line.split()[1]) for line in lines if line.startswith("Anonymous:"))
    return Sample(memory * 1024, _sockets(folder / "fd"), len(list((folder / "task").iterdir())))


def _sockets(files: Path) -> int:
    found = 0
    for each in files.iterdir():
        with suppress(OSError):  # closed meanwhile
            found += str(each.readlink()).startswith("socket:")
    return found


async def soak(
    server: Server, seconds: float, rate: float, say: Callable[[str], None] = lambda line: None
) -> Soaked:
    """So many visitors a second for so long, and a moment after the last has gone."""
    person = await server.person("soak")
    counter = (await server.walk("make_counter", person.token))[0]["id"]
    # What is made at the first use, and threads for as many who ask at once.
    await asyncio.gather(*(_visit(server, person, counter, number) for number in range(FIRST)))
    await _empty(server)
    before = sample(server.process.pid)
    failures: list[str] = []
    memory: list[int] = []
    async with asyncio.TaskGroup() as visitors:
        began = time.monotonic()
        for number in itertools.count():
            now = time.monotonic() - began
            if now >= seconds:
                break
            if number and number / rate > now:
                await asyncio.sleep(number / rate - now)
            visitors.create_task(_noted(_visit(server, person, counter, number), failures))
            if number % max(1, int(rate)) == 0:
                memory.append(sample(server.process.pid).memory)
                say(f"{now:5.0f} s  {number:,} visitors, {memory[-1] / 2**20:.1f} MiB")
    await _empty(server)
    after = sample(server.process.pid)
    return Soaked(number, tuple(dict.fromkeys(failures)), before, after, _drift(memory))


@contextmanager
def attacked(server: Server, count: int, seconds: float) -> Iterator[None]:
    """Keep so many hostile connections to a server, in a process of their own."""
    if not count:
        yield
        return
    attack = subprocess.Popen(
        [sys.executable, "-m", "bench.load.hostile"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    assert attack.stdin is not None
    task = {"port": server.port, "count": count, "kinds": ATTACKS, "sources": SOURCES, "seconds": seconds}
    attack.stdin.write(json.dumps(task) + "\n")
    attack.stdin.flush()
    try:
        yield
    finally:
        attack.kill()
        attack.communicate()


def _drift(memory: list[int]) -> float:
    kept = memory[int(len(memory) * WARM_UP) :]
    fifth = max(1, len(kept) // 5)
    first, last = sorted(kept[:fifth]), sorted(kept[-fifth:])
    return last[fifth // 2] / first[fifth // 2] - 1


async def _empty(server: Server) -> None:
    """Wait until as good as nobody is connected: goodbyes are over, and what was aborted is known to be."""
    before = None
    while before != (now := sample(server.process.pid).sockets):
        before = now
        await asyncio.sleep(0.3)


async def _noted(visit: Any, failures: list[str]) -> None:
    try:
        await visit
    except (OSError, TimeoutError, AssertionError, ConnectionClosed) as error:
        failures.append(f"{type(error).__name__}: {error}"[:200])


async def _visit(server: Server, person: Person, counter: str, number: int) -> None:
    chance = random.Random(number)
    room = f"room {chance.randrange(ROOMS)}"
    token = person.token if chance.random() < 0.5 else None
    async with server.connect(token, room if chance.random() < 0.7 else None) as socket:
        for event in _events(chance, socket, person, counter):
            await socket.say(event)
        await _hear_a_while(socket, chance.random() * STAY)
        if chance.random() < 0.3:
            socket.wire.transport.abort()


def _events(chance: random.Random, socket: Socket, person: Person, counter: str) -> list[Any]:
    """All types of events, and some nonsense, in any order."""
    data = {"type": "chat", "data": {"text": "x" * chance.randrange(200)}}
    rooms = [f"room {chance.randrange(ROOMS)}" for _ in range(3)]
    walker = {"type": "walker", "walker": "read_counter", "node": counter}
    events: list[Any] = [
        {"type": "connection"},
        {"type": "connection", "id": 1},
        {"type": "join", "channel_ids": rooms, "id": 2},
        {"type": "leave", "channel_ids": rooms[:1]},
        {"type": "channel", "channel_ids": rooms, "data": data},
        {"type": "user", "root_ids": [person.root_id], "data": data},
        {"type": "client", "client_ids": [socket.client_id], "data": data, "id": 3},
        {"type": "change_user", "token": chance.choice([person.token, None, "nonsense"])},
        walker | {"response": True},
        walker | {"id": 4},
        {"type": "walker", "walker": "unknown"},
        "nonsense",
        json.dumps({"type": "channel"}),
        b'{"type":"connection"}',
    ]
    chance.shuffle(events)
    return events


async def _hear_a_while(socket: Socket, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while True:
                await socket.wire.recv()


def main() -> int:
    """Exit with 1 where something is left, or memory grew by 2 % or more."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--rate", type=float, default=50, help="visitors a second")
    parser.add_argument("--attacks", type=int, default=0, help="hostile connections at a time")
    arguments = parser.parse_args()
    production = {"production": "true", "token_secret": secrets.token_hex(32)} if arguments.attacks else {}
    # All visitors are one user, and on a busy machine the next come before the last have gone.
    production |= {"user_connections": "1000"}
    with (
        tempfile.TemporaryDirectory() as folder,
        Server(PROGRAMS / "ledger.py", Path(folder), **production) as server,
        attacked(server, arguments.attacks, arguments.seconds + 60),
    ):
        soaked = asyncio.run(soak(server, arguments.seconds, arguments.rate, print))
    print(
        f"{soaked.visits:,} visitors, memory {soaked.drift:+.2%} after the warm-up, "
        f"sockets {soaked.before.sockets} → {soaked.after.sockets}, threads {soaked.before.threads} → {soaked.after.threads}"
    )
    for failure in soaked.failures:
        print(failure)
    is_clean = not soaked.failures and soaked.after.sockets <= soaked.before.sockets
    return 0 if is_clean and soaked.drift < 0.02 else 1


if __name__ == "__main__":
    sys.exit(main())
