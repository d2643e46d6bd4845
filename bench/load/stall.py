"""Stall: some of those who hear a run of `walkwire load` stop reading, until the server gives them up.

What the kernel takes for somebody who does not read is no small part of it: so they are told more, in a channel of their own,
until it takes no more. From then on what the server has to keep for them grows by just what is said.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.load import frame
from bench.load.pace import Stalled
from bench.load.socket import abort, connect
from bench.load.window import Window
from walkwire.load.address import Address
from walkwire.load.plan import Plan
from walkwire.load.run import Run

CHUNK = 64 * 1024
LOOK = 0.01  # seconds between two looks at the server
HEAD = 4  # bytes of a frame before a message of 126 to 65,535


async def stall(
    pid: int, address: Address, sockets: int, stalled: int, rate: float, seconds: float, size: int, bound: int
) -> dict[str, float]:
    """`rate` messages of `size` bytes a second to `sockets`, and to `stalled` more, who do not read.

    `p99`, `worst`, `lost`: as `pace` has them; `gone`: how many of the stalled the server let go; `late`: the longest time,
    in seconds, from when `bound` bytes waited for one of them until it was gone; `grown`: bytes that the server grew by, at most.
    """
    run = Run(address, Plan(sockets, 1, rate, seconds, size, patience=1.0))
    await run.connect()
    still = await connect(address, stalled, Stalled, ["crammed"])
    for transport in still:
        transport.write(frame.text(json.dumps({"type": "join", "channel_ids": [run.channel(0)]})))
    await asyncio.sleep(0.3)
    watch = _Watch(pid, run)
    looking = asyncio.ensure_future(watch.look())
    if still:
        unsent = await _cram(run, address, still, bound // 4)
        watch.left = [(bound - waiting) / (size + HEAD) for waiting in unsent]
    window = Window(pid)
    result = await run.send()
    found = window.close(result.delivered)
    looking.cancel()
    run.leave()
    abort(still)
    lates = (gone - then for gone, then in zip(watch.gone, watch.passed, strict=False))
    return found | {
        "p50": result.p50 / 1000,
        "p99": result.p99 / 1000,
        "worst": result.max / 1000,
        "lost": result.lost / result.due,
        "gone": len(watch.gone),
        "late": max(lates, default=0.0),
        "grown": watch.most - watch.first,
    }


async def _cram(run: Run, address: Address, still: Sequence[asyncio.Transport], least: int) -> list[int]:
    """Tell them more until at least so many bytes wait for each in the server, and give how many do."""
    ports = [transport.get_extra_info("sockname")[1] for transport in still]
    data = json.dumps({"text": "x" * CHUNK})
    event = frame.text(address.tell("crammed", data).decode())
    told = 0
    unsent = [0]
    while min(unsent) < least:
        run.peers[0].write(event)
        told += len(data) + 10  # the head of a frame of this size
        await asyncio.sleep(0.03)
        taken = _taken_by_kernel()
        unsent = [told - taken.get(port, 0) for port in ports]
    return unsent


def _taken_by_kernel() -> Mapping[int, int]:
    """Bytes under way on each connection, by the client's port: sent and not yet received, received and not yet read."""
    found: dict[int, int] = {}
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, remote, _, queues = line.split()[:5]
        sent, received = (int(part, 16) for part in queues.split(":"))
        for address, size in ((remote, sent), (local, received)):
            port = int(address.partition(":")[2], 16)
            found[port] = found.get(port, 0) + size
    return found


class _Watch:
    """A server from outside. `gone`: when connections ended; `first` and `most`: resident bytes.

    `left`: for each that stalls, how many messages more until the bound is passed; `passed`: when it was, earliest first.
    """

    def __init__(self, pid: int, run: Run) -> None:
        self.gone: list[float] = []
        self.left: list[float] = []
        self.passed: list[float] = []
        self._run = run
        self._folder = Path(f"/proc/{pid}")
        self._files = self._count()
        self.first = self.most = self._resident()

    async def look(self) -> None:
        """Until cancelled."""
        while True:
            now = time.perf_counter()
            past = sum(left < self._run.sent for left in self.left)
            self.passed += [now] * (past - len(self.passed))
            self.gone += [now] * (self._files - len(self.gone) - self._count())
            self.most = max(self.most, self._resident())
            await asyncio.sleep(LOOK)

    def _count(self) -> int:
        return len(os.listdir(self._folder / "fd"))  # noqa: PTH208  # no need of a path for each

    def _resident(self) -> int:
        return int((self._folder / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
