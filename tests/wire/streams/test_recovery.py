"""Recovery: what a client gets of a stream when it comes back, and how often the history is read for that."""

from __future__ import annotations

import asyncio

from walkwire.histories.memory import MemoryHistory
from walkwire.history import RECENT, Mark, Page
from walkwire.wire.streams import position
from walkwire.wire.streams.recovery import Recovery, SharedReads, recover
from walkwire.wire.streams.stream import Stream

DEN = "c.den"


class Slow(MemoryHistory):
    """A history that answers when it is let go. `reads`: how often it was read."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = 0
        self.go = asyncio.Event()

    async def read(
        self, topic: str, limit: int, *, after: Mark | None = None, upto: Mark | None = None
    ) -> Page:
        self.reads += 1
        page = await super().read(topic, limit, after=after, upto=upto)
        await self.go.wait()
        return page


class Heard:
    """A stream that this server hears from a history."""

    def __init__(self) -> None:
        self.history = Slow()
        self.stream = Stream("channels", "den", DEN, RECENT, "close")
        self.stream.at = self.history.open_now(DEN, RECENT)
        self.reads = SharedReads(self.history, lambda topic: self.stream.at)

    def tell(self, message: bytes) -> Mark:
        self.history.append(DEN, message)
        assert self.stream.at is not None
        self.stream.at = self.stream.at._replace(offset=self.stream.at.offset + 1)
        return self.stream.at

    def back(self, mark: Mark) -> asyncio.Task[Recovery]:
        return asyncio.ensure_future(recover(self.reads, self.stream, position.text_of(mark), 0))


async def test_nothing_is_read_for_a_client_that_has_heard_everything() -> None:
    heard = Heard()
    here = heard.tell(b"1")
    assert await heard.back(here) == Recovery(here, True, None, (), here)
    assert heard.history.reads == 0


async def test_clients_that_come_back_together_share_what_is_read() -> None:
    heard = Heard()
    here = heard.tell(b"1")
    heard.tell(b"2")
    waiting = [heard.back(here) for _ in range(9)]
    await asyncio.sleep(0)
    heard.history.go.set()
    found = await asyncio.gather(*waiting)
    assert [[entry.message for entry in each.entries] for each in found] == [[b"2"]] * 9
    assert heard.history.reads == 1


async def test_what_was_read_before_a_client_arrived_is_not_enough_for_it() -> None:
    heard = Heard()
    here = heard.tell(b"1")
    heard.tell(b"2")
    first = heard.back(here)
    while not heard.history.reads:  # noqa: ASYNC110 - a turn or two
        await asyncio.sleep(0)
    heard.tell(b"3")  # delivered before the second client arrives
    second = heard.back(here)
    await asyncio.sleep(0)
    heard.history.go.set()
    assert [entry.message for entry in (await first).entries] == [b"2"]
    assert [entry.message for entry in (await second).entries] == [b"2", b"3"]
