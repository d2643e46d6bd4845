"""Ask: a question on each socket, and the next one as soon as it is answered: a closed loop of as many as there are sockets."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from bench.load import frame
from bench.load.hearer import Hearer
from bench.load.socket import abort, connect
from bench.load.window import Window
from walkwire.load.address import Address


async def ask(
    pid: int,
    address: Address,
    sockets: int,
    questions: Sequence[str],
    answer: str,
    seconds: float,
    warm_up: float = 0.3,
    beside: str = "",
) -> dict[str, float]:
    """`questions` are said in turn, as many at a time as there are. Each answer must hold `answer`. `count`: the answers.

    `beside` as for `Window`.
    """
    tally = Tally(answer.encode())
    frames = [frame.text(question) for question in questions]
    transports = await connect(address, sockets, lambda _: Asker(tally, frames))
    await asyncio.sleep(warm_up)
    before, window = tally.count, Window(pid, beside)
    await asyncio.sleep(seconds)
    found = window.close(tally.count - before)
    abort(transports)
    tally.check()
    return found


class Tally:
    """Answers so far, and the first one that was not what it should be."""

    def __init__(self, expected: bytes) -> None:
        self.count = 0
        self.expected = expected
        self.wrong: bytes | None = None

    def check(self) -> None:
        """Raises RuntimeError where an answer was wrong, or none came."""
        if self.wrong is not None or not self.count:
            raise RuntimeError(f"The answer was {self.wrong!r}, not one with {self.expected!r}")


class Asker(Hearer):
    """One socket's share."""

    __slots__ = ("_frames", "_next", "_tally")

    def __init__(self, tally: Tally, frames: Sequence[bytes]) -> None:
        super().__init__()
        self._tally = tally
        self._frames = frames
        self._next = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._transport.write(b"".join(self._frames))

    def data_received(self, data: bytes) -> None:
        reader, tally = self._reader, self._tally
        count = 1 if len(data) == reader.size and reader.is_between else self.read(data)
        if tally.expected not in data and count:
            tally.wrong = tally.wrong or data
        tally.count += count
        frames = self._frames
        if len(frames) == 1:
            self._transport.write(frames[0] * count)
        else:
            place = self._next
            self._next = (place + count) % len(frames)
            self._transport.write(b"".join(frames[(place + i) % len(frames)] for i in range(count)))
