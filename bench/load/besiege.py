"""Besiege: what honest clients feel of hostile ones (`bench.load.hostile`), and what the server keeps of them."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.load.window import Window
from walkwire.load.address import Address
from walkwire.load.plan import Plan
from walkwire.load.run import Run
from walkwire.load.tally import Result

FIRST = 1.5  # seconds of the hostile ones before the honest ones come
LONGEST = 120.0  # seconds after which they leave in any case
LOOK = 0.05  # seconds between two looks at the server's memory
GOING = 60  # seconds within which all is as before, after the hostile ones have left
NOTHING = 2**20  # bytes that a server may grow in peace, too


async def besiege(
    pid: int,
    address: Address,
    tokens: list[str],
    honest: int,
    hostile: dict[str, Any],
    rate: float,
    seconds: float,
    log: str,
) -> dict[str, Any]:
    """`honest` clients, as these users and from as many addresses, hear `rate` messages a second, in channels of ten.

    First in peace, then beside `hostile` (see `bench.load.hostile`), who stay until the last message is heard. `peace` and
    `siege`: p99 in seconds; `arrival`: seconds until all honest clients are connected, beside the hostile ones; `lost`: the part
    of deliveries that did not come; `closed`: honest clients that lost their connection; `grown`: bytes above peace, at most;
    `left`: bytes above peace after they have gone; `logged`: bytes a second in the file `log`; `connected`: by kind.
    """
    addresses = [
        replace(address, token=token, source=f"127.1.0.{number + 1}") for number, token in enumerate(tokens)
    ]
    peace, _ = await _run(addresses, honest, rate, seconds)
    memory = _Memory(pid)
    size = _size(log)
    began = time.perf_counter()
    attackers = await _attackers(hostile | {"port": address.port, "seconds": LONGEST})
    looking = asyncio.ensure_future(memory.look())
    await asyncio.sleep(FIRST)
    window = Window(pid)
    siege, arrival = await _run(addresses, honest, rate, seconds)
    found = window.close(siege.delivered)
    assert attackers.stdin is not None
    attackers.stdin.close()  # which tells them to go
    output, _ = await attackers.communicate()
    looking.cancel()
    logged = (_size(log) - size) / (time.perf_counter() - began)
    left = await memory.settle()
    return found | {
        "peace": peace.p99 / 1000,
        "siege": siege.p99 / 1000,
        "siege p50": siege.p50 / 1000,
        "worst": siege.max / 1000,
        "arrival": arrival,
        "lost": siege.lost / siege.due,
        "closed": siege.closed,
        "grown": memory.most - memory.first,
        "left": left,
        "logged": logged,
        "errors": list(siege.errors),
        "connected": json.loads(output or b"{}"),
    }


async def _run(addresses: list[Address], honest: int, rate: float, seconds: float) -> tuple[Result, float]:
    """Return what they heard, and in how many seconds all were connected."""
    run = Run(addresses[0], Plan(honest, honest // 10, rate, seconds, patience=2.0), addresses[1:])
    began = time.perf_counter()
    await run.connect()
    arrival = time.perf_counter() - began
    try:
        return await run.send(), arrival
    finally:
        run.leave()


def _size(path: str) -> int:
    return Path(path).stat().st_size


async def _attackers(task: dict[str, Any]) -> asyncio.subprocess.Process:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.load.hostile", stdin=-1, stdout=-1
    )
    assert process.stdin is not None
    process.stdin.write(json.dumps(task).encode() + b"\n")
    return process


class _Memory:
    """Resident bytes of a server and of the processes that it started: at first, and at most."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self.first = self.most = self._now()

    async def look(self) -> None:
        """Until cancelled."""
        while True:
            self.most = max(self.most, self._now())
            await asyncio.sleep(LOOK)

    async def settle(self) -> int:
        """Bytes above `first` after a minute, or when hardly any are left."""
        for _ in range(GOING):
            if self._now() <= self.first + NOTHING:
                break
            await asyncio.sleep(1)
        return self._now() - self.first

    def _now(self) -> int:
        started = Path(f"/proc/{self._pid}/task/{self._pid}/children").read_text().split()
        return sum(_resident(pid) for pid in (self._pid, *started))


def _resident(pid: int | str) -> int:
    """Bytes of a process, 0 if it has ended."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0
