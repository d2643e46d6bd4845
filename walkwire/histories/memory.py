"""Memory: the history of a server that runs alone. It ends with the process, and its streams begin new epochs in the next.

`append` costs about a microsecond. What all streams keep together is bounded: beyond it, the streams that were silent longest
lose their entries first.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import time
from asyncio import TimerHandle
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Collection, Mapping
from itertools import islice

from walkwire.history import Entry, Hear, History, Mark, Page, Retention

STREAM_BYTES = 1024 * 1024  # kept of one stream
BYTES = 64 * 1024 * 1024  # kept of all
SWEEP_SECONDS = 15.0  # between two looks for streams that nobody has open


class _Kept:
    """What is kept of one topic.

    - epoch: of this life of the stream
    - offset: of the newest entry
    - dropped: the offset up to which entries are gone
    - closed_at: when the last listener went; None: it is open
    """

    __slots__ = ("closed_at", "dropped", "entries", "epoch", "level", "offset", "size", "times")

    def __init__(self, epoch: str, level: Retention) -> None:
        self.epoch = epoch
        self.level = level
        self.offset = 0
        self.dropped = 0
        self.entries: deque[Entry] = _NOTHING
        self.times: deque[float] = _NO_TIMES
        self.size = 0
        self.closed_at: float | None = None

    @property
    def tail(self) -> Mark:
        return Mark(self.epoch, self.offset)


class MemoryHistory:
    """Keeps entries in this process. `clock` returns seconds."""

    is_local = True

    def __init__(self, clock: Callable[[], float] = time.time, bound: int = BYTES) -> None:
        self._clock = clock
        self._bound = bound
        self._hear: Hear = _drop
        self._kept: dict[str, _Kept] = {}  # those that were appended to last are at the end
        self._size = 0
        self._life = os.urandom(6).hex()
        self._numbers = itertools.count(1)
        self._timer: TimerHandle | None = None

    def for_level(self, level: Retention) -> History:
        """Return itself."""
        return self

    @property
    def size(self) -> int:
        """Return how many bytes of messages are kept."""
        return self._size

    @property
    def is_empty(self) -> bool:
        """Return whether no topic is kept."""
        return not self._kept

    def __len__(self) -> int:
        """Return how many streams are kept."""
        return len(self._kept)

    async def start(self, hear: Hear, lost: Callable[[], None]) -> None:
        """Begin; see `History.start`. Nothing is ever lost."""
        self._hear = hear

    async def stop(self) -> None:
        """End; see `History.stop`."""
        self._hear = _drop
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def open(self, topics: Mapping[str, Retention]) -> dict[str, Mark]:
        """Keep these topics; see `History.open`."""
        return {topic: self.open_now(topic, level) for topic, level in topics.items()}

    def open_now(self, topic: str, level: Retention) -> Mark:
        """Do what `open` does for one topic, without waiting."""
        kept = self._kept.get(topic)
        if kept is not None and self._is_over(kept):
            self._forget(topic)
            kept = None
        if kept is None:
            kept = self._kept[topic] = _Kept(f"{self._life}{next(self._numbers):x}", level)
        kept.closed_at = None
        return kept.tail

    def close(self, topics: Collection[str]) -> None:
        """Keep these topics for as long as their level says; see `History.close`."""
        now = self._clock()
        for topic in topics:
            if (kept := self._kept.get(topic)) is not None:
                kept.closed_at = now
        if self._timer is None and topics:
            self._wait()

    def append(self, topic: str, message: bytes) -> None:
        """Append to a topic that is kept; see `History.append`."""
        kept = self._kept.pop(topic, None)
        if kept is None:
            return
        if kept.closed_at is not None and self._is_over(kept):
            self._size -= kept.size
            return
        self._kept[topic] = kept
        previous = kept.offset
        kept.offset += 1
        if kept.entries is _NOTHING:
            kept.entries, kept.times = deque(), deque()
        kept.entries.append(Entry(kept.offset, message))
        kept.times.append(self._clock())
        kept.size += len(message)
        self._size += len(message)
        self._trim(kept)
        if self._size > self._bound:
            self._make_room()
        if kept.closed_at is None:
            self._hear(topic, kept.tail, previous, message)

    async def tails(self, topics: Collection[str]) -> dict[str, Mark]:
        """Return the newest places; see `History.tails`."""
        return {topic: self._kept[topic].tail for topic in topics if topic in self._kept}

    async def read(
        self, topic: str, limit: int, *, after: Mark | None = None, upto: Mark | None = None
    ) -> Page:
        """Return entries; see `History.read`."""
        kept = self._kept.get(topic)
        if kept is None:
            return Page(Mark("", 0), (), has_gap=after is not None or upto is not None)
        self._trim(kept)
        for mark in (after, upto):
            if mark is not None and (mark.epoch != kept.epoch or not 0 <= mark.offset <= kept.offset):
                return Page(kept.tail, (), has_gap=True)
        entries = kept.entries
        if after is not None:
            start = bisect_right(entries, after.offset, key=_offset)
            found = tuple(islice(entries, start, start + limit))
            return Page(kept.tail, found, after.offset < kept.dropped, start + limit < len(entries))
        end = len(entries) if upto is None else bisect_right(entries, upto.offset, key=_offset)
        found = tuple(islice(entries, max(0, end - limit), end))
        return Page(kept.tail, found, has_more=end > limit)

    def _trim(self, kept: _Kept) -> None:
        oldest = self._clock() - kept.level.seconds
        while kept.entries and (
            len(kept.entries) > kept.level.most
            or kept.times[0] < oldest
            or (kept.size > STREAM_BYTES and len(kept.entries) > 1)
        ):
            self._drop_oldest(kept)

    def _drop_oldest(self, kept: _Kept) -> None:
        entry = kept.entries.popleft()
        kept.times.popleft()
        kept.dropped = entry.offset
        kept.size -= len(entry.message)
        self._size -= len(entry.message)

    def _make_room(self) -> None:
        for kept in self._kept.values():
            while kept.entries:
                self._drop_oldest(kept)
                if self._size <= self._bound * 7 // 8:  # so that not every further entry costs a search
                    return

    def _is_over(self, kept: _Kept) -> bool:
        """Return whether nobody has opened it for as long as it is kept."""
        return kept.closed_at is not None and self._clock() - kept.closed_at > kept.level.seconds

    def _forget(self, topic: str) -> None:
        self._size -= self._kept.pop(topic).size

    def _wait(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(SWEEP_SECONDS, self._sweep)

    def _sweep(self) -> None:
        self._timer = None
        for topic in [topic for topic, kept in self._kept.items() if self._is_over(kept)]:
            self._forget(topic)
        if any(kept.closed_at is not None for kept in self._kept.values()):
            self._wait()


_NOTHING: deque[Entry] = deque(maxlen=0)
_NO_TIMES: deque[float] = deque(maxlen=0)


def _offset(entry: Entry) -> int:
    return entry.offset


def _drop(topic: str, mark: Mark, previous: int, message: bytes) -> None:
    pass
