"""Recovery: what a client gets of a stream when it begins to hear it: what it missed, or the last of what was told."""

from __future__ import annotations

import asyncio
from asyncio import Task
from collections.abc import Callable
from functools import partial
from typing import Literal, NamedTuple, Protocol

from walkwire.history import Entry, History, Mark, Page
from walkwire.wire.streams import position
from walkwire.wire.streams.stream import Stream

MOST = 1000  # notifications that are replayed
FRAMED = 128  # bytes that a frame has beside its message, about
MOST_BYTES = 512 * 1024  # of them: half of what may wait for a client

Reason = Literal["expired", "reset", "too_many", "forbidden"]


class Recovery(NamedTuple):
    """Where a client begins to hear a stream.

    - at: the place that it is told; None: it may not hear the stream
    - recovered: whether it gets all that it missed; None: it did not say where it was
    - reason: why not
    - entries: what it gets before anything newer
    - upto: the place up to which it has heard everything then; None: it begins with what comes next
    """

    at: Mark | None
    recovered: bool | None = None
    reason: Reason | None = None
    entries: tuple[Entry, ...] = ()
    upto: Mark | None = None


FORBIDDEN = Recovery(None, False, "forbidden")


class Pages(Protocol):
    """What reads pages of streams; see `History.read`."""

    async def read(
        self, topic: str, limit: int, *, after: Mark | None = None, upto: Mark | None = None
    ) -> Page:
        """Return entries of a topic."""


class SharedReads:
    """Reads once for all clients that come back to the same place of a stream at the same moment.

    What is read for a client must not be older than its arrival: otherwise it misses what was delivered in between. `place_of`
    returns the last place of a topic that was delivered on this server.
    """

    def __init__(self, history: History, place_of: Callable[[str], Mark | None]) -> None:
        self._history = history
        self._place_of = place_of
        self._reading: dict[tuple[str, int, Mark], Task[Page]] = {}

    async def read(
        self, topic: str, limit: int, *, after: Mark | None = None, upto: Mark | None = None
    ) -> Page:
        """Return entries of a topic, as new as what was delivered when this was called; see `History.read`."""
        here = self._place_of(topic)
        if after is None or here is None:
            return await self._history.read(topic, limit, after=after, upto=upto)
        question = (topic, limit, after)
        task = self._reading.get(question)
        if task is not None:
            page = await asyncio.shield(task)
            if page.tail.epoch == here.epoch and page.tail.offset >= here.offset:
                return page
        task = asyncio.ensure_future(self._history.read(topic, limit, after=after))
        self._reading[question] = task
        task.add_done_callback(partial(self._forget, question))
        return await asyncio.shield(task)

    def _forget(self, question: tuple[str, int, Mark], task: Task[Page]) -> None:
        if self._reading.get(question) is task:
            del self._reading[question]
        if not task.cancelled():
            task.exception()  # retrieved: perhaps nobody waits any more


async def recover(history: Pages, stream: Stream, at: str | None, rewind: int) -> Recovery:
    """Return what a client gets of an open stream to which it is arriving.

    - history: reads it
    - at: the last position that it has heard; None: none
    - rewind: how many of the last notifications it wants if it is not recovered

    Raises Unreached.
    """
    here = stream.at
    assert here is not None
    result = Recovery(here)
    if at is not None:
        mark = position.read(at)
        if mark is None or mark.epoch != here.epoch:
            result = Recovery(here, False, "reset")
        elif mark == here:  # what comes next is delivered here without a gap
            result = Recovery(here, True, None, (), here)
        else:
            result = await _replay(history, stream, here, mark)
    if rewind and not result.recovered:
        page = await history.read(stream.topic, min(rewind, MOST))
        entries = _last(page.entries)
        at_first = Mark(page.tail.epoch, entries[0].offset - 1) if entries else page.tail
        result = result._replace(at=at_first, entries=entries, upto=page.tail)
    return result


async def _replay(history: Pages, stream: Stream, here: Mark, mark: Mark) -> Recovery:
    if stream.overflow == "latest":
        page = await history.read(stream.topic, 1)
        if page.tail.epoch != mark.epoch or mark.offset > page.tail.offset:
            return Recovery(here, False, "reset")
        missed = tuple(entry for entry in page.entries if entry.offset > mark.offset)
        return Recovery(mark, True, None, missed, page.tail)
    page = await history.read(stream.topic, MOST + 1, after=mark)
    if page.has_gap:
        is_old = page.tail.epoch == mark.epoch and mark.offset <= page.tail.offset
        return Recovery(here, False, "expired" if is_old else "reset")
    if page.has_more or len(page.entries) > MOST or sum(map(_size, page.entries)) > MOST_BYTES:
        return Recovery(here, False, "too_many")
    last = page.entries[-1].offset if page.entries else mark.offset
    return Recovery(mark, True, None, page.entries, Mark(mark.epoch, last))


def _last(entries: tuple[Entry, ...]) -> tuple[Entry, ...]:
    """Return the last entries that have `MOST_BYTES` at most."""
    size = 0
    for number, entry in enumerate(reversed(entries)):
        size += _size(entry)
        if size > MOST_BYTES:
            return entries[len(entries) - number :]
    return entries


def _size(entry: Entry) -> int:
    return len(entry.message) + FRAMED
