"""Fan-out: one says something, all hear it; the next is said when the last has heard it. Nobody waits otherwise."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from bench.load import frame
from bench.load.hearer import Hearer
from bench.load.socket import CHANNEL, abort, connect
from bench.load.window import Window
from walkwire.load.address import Address


@dataclass(frozen=True)
class Stage:
    """To how many sockets, how many messages at a time in each channel, what is said there, and for how long (seconds)."""

    sockets: int
    in_flight: int
    messages: Sequence[str]
    seconds: float
    warm_up: float = 0.3


async def fan_out(
    pid: int, address: Address, stages: Sequence[Stage], channels: Sequence[str] = (CHANNEL,)
) -> list[dict[str, float]]:
    """Measure the stages one after another, on as many sockets as each asks for: each has no fewer than the one before.

    The first socket of each channel says the stage's message for it. `count` is deliveries. Messages in flight are sent in one
    write, and the next ones when all of these have reached all.
    """
    tally = Tally()
    transports: list[asyncio.Transport] = []
    found = []
    for stage in stages:
        missing = stage.sockets - len(transports)
        transports += await connect(address, missing, lambda _: Listener(tally), channels)
        found.append(await _measure(pid, stage, tally, transports))
    abort(transports)
    return found


async def _measure(
    pid: int, stage: Stage, tally: Tally, transports: Sequence[asyncio.Transport]
) -> dict[str, float]:
    loop = asyncio.get_running_loop()
    bursts = [frame.text(message) * stage.in_flight for message in stage.messages]
    over = loop.create_future()
    speakers = list(zip(transports, bursts, strict=False))
    tally.begin(speakers, stage.sockets * stage.in_flight, over)
    await asyncio.sleep(stage.warm_up)
    before, window = tally.count, Window(pid)
    await asyncio.sleep(stage.seconds)
    found = window.close(tally.count - before)
    tally.is_over = True
    await asyncio.wait_for(over, 30)
    if not found["count"]:
        raise RuntimeError("Nothing was delivered")
    return found


class Tally:
    """How many deliveries there were in all, and what is sent when the round is complete."""

    def __init__(self) -> None:
        self.count = 0
        self.target = 0
        self.size = 0
        self.is_over = False

    def begin(
        self, speakers: Sequence[tuple[asyncio.Transport, bytes]], deliveries: int, over: asyncio.Future[None]
    ) -> None:
        self.is_over = False
        self._speakers, self._deliveries, self._over = speakers, deliveries, over
        self.target = self.count
        self.next()

    def next(self) -> None:
        """All have heard all: say more."""
        if self.count > self.target:
            raise RuntimeError(f"{self.count} deliveries where {self.target} were due")
        if self.is_over:
            if not self._over.done():
                self._over.set_result(None)
            return
        self.target += self._deliveries
        for speaker, burst in self._speakers:
            speaker.write(burst)


class Listener(Hearer):
    """Counts. Messages of the usual size are counted by their length; whatever does not fit is read frame by frame."""

    __slots__ = ("_tally",)

    def __init__(self, tally: Tally) -> None:
        super().__init__()
        self._tally = tally

    def data_received(self, data: bytes) -> None:
        tally = self._tally
        size = tally.size
        if size and not len(data) % size and self._reader.is_between:
            tally.count += len(data) // size
        else:
            tally.count += self.read(data)
            tally.size = self._reader.size
        if tally.count >= tally.target:
            tally.next()
