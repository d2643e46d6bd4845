"""Churn: a run of `walkwire load`, while others enter its channel and leave it all the time."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from itertools import cycle, islice

from bench.load import frame
from bench.load.hearer import Hearer
from bench.load.socket import abort, connect
from bench.load.window import Window
from walkwire.load.address import Address
from walkwire.load.plan import Plan
from walkwire.load.run import TICK, Run


async def churn(
    pid: int, address: Address, sockets: int, rate: float, seconds: float, movers: int, moves: float
) -> dict[str, float]:
    """`rate` messages a second to `sockets`; `movers` more join their channel and leave it, `moves` times a second all together.

    `p50`, `p99`, `worst`: as `pace` has them, of those who stay; `moves`: joins and leaves that were confirmed, a second.
    """
    run = Run(address, Plan(sockets, 1, rate, seconds))
    await run.connect()
    tally = Tally()
    moving = await connect(address, movers, lambda _: Mover(tally), ["elsewhere"])
    for transport in moving[: movers // 2]:  # so that as many hear it, whether or not they move
        transport.write(_move("join", run))
    await asyncio.sleep(0.5)
    tally.count = 0
    window, began = Window(pid), time.perf_counter()
    task = asyncio.ensure_future(_move_about(moving, run, moves, began)) if moves else None
    result = await run.send()
    took, confirmed = time.perf_counter() - began, tally.count
    found = window.close(result.delivered)
    if task is not None:
        task.cancel()
    run.leave()
    abort(moving)
    if not result.is_complete:
        raise RuntimeError(f"{result.lost} of {result.due} deliveries were lost")
    return found | {
        "p50": result.p50 / 1000,
        "p99": result.p99 / 1000,
        "worst": result.max / 1000,
        "moves": confirmed / took,
    }


def _move(kind: str, run: Run) -> bytes:
    return frame.text(json.dumps({"type": kind, "channel_ids": [run.channel(0)], "id": 1}))


async def _move_about(moving: Sequence[asyncio.Transport], run: Run, moves: float, began: float) -> None:
    """Those who are in leave, the others join, in turn."""
    join, leave = _move("join", run), _move("leave", run)
    in_first = [leave] * (len(moving) // 2) + [join] * (len(moving) - len(moving) // 2)
    turned = [join if said is leave else leave for said in in_first]
    order = cycle(zip([*moving, *moving], in_first + turned, strict=True))
    said = 0
    while True:
        due = int((time.perf_counter() - began) * moves)
        for transport, event in islice(order, due - said):
            transport.write(event)
        said = due
        await asyncio.sleep(TICK)


class Tally:
    """Confirmed so far."""

    def __init__(self) -> None:
        self.count = 0


class Mover(Hearer):
    """Counts the answers; does not care what else it hears."""

    __slots__ = ("_tally",)

    def __init__(self, tally: Tally) -> None:
        super().__init__()
        self._tally = tally

    def data_received(self, data: bytes) -> None:
        self._tally.count += data.count(b'{"type":"reply","id":1,"ok":true')
        self.read(data)
