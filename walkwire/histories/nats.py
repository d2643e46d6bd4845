"""NATS: a history that all servers share, in one JetStream stream that captures what is published.

Publishers do nothing for it. JetStream republishes each message to a topic `r.…`, with its sequence number and that of the
message before it on the same subject. These are the offsets. The JetStream stream is made when the first topic is opened.

**Lives.** A message with random content, on a subject of its own, names the life of the JetStream stream. One that was emptied
or made anew has no such message, or another, and so other epochs. The life is read again after each page, and when a connection
was made on which messages are heard. Numbers begin again with each life. So a message follows the one before it only if that was
heard, or looked up, with the time at which it was stored: one with the same number and another time is of another life.

**Notes.** Messages expire by age, also the last one of a quiet topic. So a server that has a topic open writes a note to it
before its last message expires. The note says since which place there was no other message. JetStream accepts a note only if
the message that the server knows as the last is the last, so what a note says is true.

**Why a page is complete.** JetStream removes the oldest messages of a subject first: by their number, by age, or because there
are too many bytes. Single messages cannot be deleted. So the messages that are left are the last ones that were sent. After a
page behind a place p was read, the oldest message that is left is looked up. If it is not behind p, all messages behind p were
there while the page was read. If it is behind p, the page is complete only if it is a note which says that there was nothing
between p and itself. In all other cases the page has a gap, even if nothing is missing.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import time
from asyncio import Task
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from walkwire.brokers.link import Link
from walkwire.brokers.nats import NatsConnection, note, read_nats_url
from walkwire.ending import end_tasks
from walkwire.errors import Unreached
from walkwire.histories.jetstream import Captured, JetStream
from walkwire.history import RECENT, Entry, Hear, History, Mark, Page, Retention

REFRESH_SECONDS = 15.0  # between two looks for topics whose last message gets old
NOTE_SECONDS = 100.0  # the age of a last message at which a note is written
# Seconds. A topic that is closed keeps its messages for those of its level, although its last note may be so old already.
MOST_AGE = RECENT.seconds + NOTE_SECONDS + 4 * REFRESH_SECONDS

_LIFE = "k.life"

_log = logging.getLogger(__name__)


class _Known:
    """What this server knows of a topic that it has open: the last message, and when it was sent at the latest."""

    __slots__ = ("seq", "since", "stamp", "time")

    def __init__(self, last: Captured, now: float) -> None:
        self.know(last, now)

    def know(self, last: Captured, now: float) -> None:
        """Take in which message is the last."""
        self.seq, self.since, self.stamp, self.time = last.seq, last.since, last.stamp, now

    def is_other(self, same: Captured) -> bool:
        """Return whether a message with the number of the last is another one. If its time was not known, it is now."""
        if not self.stamp:
            self.stamp = same.stamp
        return bool(same.stamp) and self.stamp != same.stamp


class NatsHistory:
    """Opens and reads streams in JetStream."""

    is_local = False
    is_empty = False

    def __init__(self, settings: dict[str, Any], prefix: str, shown: str) -> None:
        self._stream = JetStream(settings, prefix, MOST_AGE)
        self._settings, self._prefix = settings, prefix
        self._link = Link(self._make_connection, "NATS history", shown)
        self._hear: Hear = _drop
        self._lost: Callable[[], None] = lambda: None
        self._open: set[str] = set()
        self._known: dict[str, _Known] = {}  # of the open topics, in this life
        self._life = ""
        self._is_sure = False
        self._doubts = 0
        self._life_time = 0.0
        self._starting: Task[None] | None = None
        self._refreshing: Task[None] | None = None

    def for_level(self, level: Retention) -> History:
        """Return itself."""
        return self

    async def start(self, hear: Hear, lost: Callable[[], None]) -> None:
        """Begin, without a connection; see `History.start`."""
        self._hear, self._lost = hear, lost

    async def stop(self) -> None:
        """Disconnect; see `History.stop`."""
        self._hear, self._lost = _drop, lambda: None
        await end_tasks(self._starting, self._refreshing)
        if self._starting is not None:
            await self._link.stop()
        await self._stream.close()

    async def open(self, topics: Mapping[str, Retention]) -> dict[str, Mark]:
        """Hear these topics, then write a note to those that are empty; see `History.open`. All are kept as RECENT says."""
        loop = asyncio.get_running_loop()
        if self._starting is None:
            self._starting = loop.create_task(self._link.start(self._receive, self._returned))
        await asyncio.shield(self._starting)
        self._open.update(topics)
        self._link.subscribe([_kept(topic) for topic in topics])
        if (settled := self._link.when_subscribed()) is not None:
            await settled
        if self._link.away is not None:
            raise Unreached
        marks = await self._look(topics)
        if self._refreshing is None:
            self._refreshing = loop.create_task(self._refresh())
        return marks

    def close(self, topics: Collection[str]) -> None:
        """Hear these topics no longer, and write no more notes to them; see `History.close`."""
        self._open.difference_update(topics)
        for topic in topics:
            self._known.pop(topic, None)
        self._link.unsubscribe([_kept(topic) for topic in topics])

    def append(self, topic: str, message: bytes) -> None:
        """Do nothing: JetStream captures what is published."""

    async def tails(self, topics: Collection[str]) -> dict[str, Mark]:
        """Look up the last messages; see `History.tails`."""
        return await self._look([topic for topic in topics if topic in self._open])

    async def read(
        self, topic: str, limit: int, *, after: Mark | None = None, upto: Mark | None = None
    ) -> Page:
        """Return entries; see `History.read`."""
        await self._require_life()
        while True:
            life = self._life
            page = await self._read_any(topic, limit, after, upto)
            if await self._find_life() == life:
                return page

    async def _read_any(self, topic: str, limit: int, after: Mark | None, upto: Mark | None) -> Page:
        mark = upto if after is None else after
        last = await self._stream.last(topic)
        if last is None and topic in self._open:
            last = await self._last_or_note(topic)
        tail = Mark(self._epoch(topic), 0 if last is None else last.since)
        if last is None or (mark is not None and (mark.epoch != tail.epoch or mark.offset > tail.offset)):
            return Page(tail, (), has_gap=mark is not None)
        if after is not None and after.offset == tail.offset:
            return Page(tail, ())
        return await self._read(topic, tail, limit, after, upto)

    async def _read(self, topic: str, tail: Mark, limit: int, after: Mark | None, upto: Mark | None) -> Page:
        begin = 1 if after is None else after.offset + 1
        found = await self._stream.fetch(topic, begin, tail.offset, 10**9 if after is None else limit + 1)
        oldest = await self._stream.next(topic, 1)
        first = tail.offset + 1 if oldest is None else oldest.seq
        breaks = [each.seq for each in found if each.is_break]
        first = max(first, *breaks, 0)
        entries = [Entry(each.seq, each.data) for each in found if each.seq >= first and not each.is_note]
        if after is not None:
            is_whole = oldest is not None and (oldest.seq <= after.offset or oldest.since <= after.offset)
            return Page(tail, tuple(entries[:limit]), bool(breaks) or not is_whole, len(entries) > limit)
        if upto is not None:
            entries = [entry for entry in entries if entry.offset <= upto.offset]
        return Page(tail, tuple(entries[-limit:]), has_more=len(entries) > limit)

    def _receive(self, name: str, message: bytes) -> None:
        """Take a message that was republished. It begins with its number, that of the one before, and its time; 0: none is left.

        Notes are not heard, unless something is missing before them. What does not follow names no message before it.
        """
        topic = name.removeprefix("r.")
        if topic not in self._open:
            return
        known = self._known.get(topic)
        head, _, data = message.partition(b"\n")
        seq, previous, stamp = head.decode().split(" ")
        new = Captured(int(seq), data, stamp)
        follows = False
        if known is not None and new.seq <= known.seq:
            if new.seq == known.seq and known.is_other(new):
                self._doubt()
                self._lost()
            return
        if known is not None:
            follows = int(previous) == known.seq and not new.is_break
            before = known.since
            known.know(new, time.monotonic())
            if follows and new.is_note:
                return
        elif new.is_note:
            return  # of a topic that is being opened: what it says is looked up
        self._hear(topic, Mark(self._epoch(topic), new.seq), before if follows else new.seq, data)

    def _make_connection(self) -> NatsConnection:
        self._doubt()
        return NatsConnection(self._settings, self._prefix)

    def _doubt(self) -> None:
        """Note that there may be another life. Until it was looked up, nothing that is heard follows anything."""
        self._doubts += 1
        self._is_sure = False
        self._known.clear()

    def _returned(self) -> None:
        self._lost()

    def _epoch(self, topic: str) -> str:
        return hashlib.blake2b(f"{self._life} {topic}".encode(), digest_size=12).hexdigest()

    async def _look(self, topics: Iterable[str]) -> dict[str, Mark]:
        """Return the tails of topics. One that is empty gets a note."""
        await self._require_life()
        names = list(topics)
        life, lasts = "", list[Captured]()
        while life != await self._find_life():  # another one than when they were looked up
            life = self._life
            lasts = await asyncio.gather(*map(self._last_or_note, names))
        now = time.monotonic() - NOTE_SECONDS  # how old they are is not known
        for name, last in zip(names, lasts, strict=True):
            if name in self._open and (name not in self._known or self._known[name].seq < last.seq):
                self._known[name] = _Known(last, now)
        return {name: Mark(self._epoch(name), last.since) for name, last in zip(names, lasts, strict=True)}

    async def _last_or_note(self, topic: str) -> Captured:
        while True:
            last = await self._stream.last(topic)
            if last is None:
                seq = await self._stream.write(topic, 0, note(0))
                last = None if seq is None else Captured(seq, note(0))
            if last is not None:
                return last

    async def _refresh(self) -> None:
        """Write notes to the topics whose last message gets old, and keep the message that names the life."""
        while True:
            await asyncio.sleep(REFRESH_SECONDS)
            try:
                before = self._life
                if await self._find_life() != before:
                    self._lost()
                now = time.monotonic()
                if now - self._life_time > NOTE_SECONDS / 2:
                    last = await self._stream.last(_LIFE)
                    if last is not None and await self._stream.write(_LIFE, last.seq, last.data) is not None:
                        self._life_time = now
                await self._look(self._open - self._known.keys())
                old = [topic for topic, known in self._known.items() if now - known.time >= NOTE_SECONDS]
                await asyncio.gather(*map(self._note, old))
            except Unreached:
                continue
            except Exception:
                _log.exception("The streams in JetStream could not be kept open")

    async def _note(self, topic: str) -> None:
        known = self._known.get(topic)
        if known is None:
            return
        seq = await self._stream.write(topic, known.seq, note(known.since))
        if seq is None:  # another server was first, or this one missed something
            last = await self._last_or_note(topic)
            if last.seq > known.seq:
                known.know(last, time.monotonic() - NOTE_SECONDS)
                self._lost()
        elif seq > known.seq:
            known.seq, known.stamp, known.time = seq, "", time.monotonic()

    async def _require_life(self) -> None:
        if not self._is_sure:
            await self._find_life()

    async def _find_life(self) -> str:
        """Return the life of the stream, and remember it. One that has none gets one."""
        while True:
            doubts = self._doubts
            last = await self._stream.last(_LIFE)
            if doubts != self._doubts:
                continue  # what was asked before may have been answered by the life before
            if last is not None:
                self._is_sure = True
                life = last.data.decode()
                if life != self._life:
                    self._life = life
                    self._known.clear()
                return life
            await self._stream.write(_LIFE, 0, os.urandom(8).hex().encode())


def open_nats_history(url: str) -> NatsHistory:
    """Return a history for the NATS of a broker's URL, not started yet. Raises StartError."""
    return NatsHistory(*read_nats_url(url))


def _kept(topic: str) -> str:
    return f"r.{topic}"


def _drop(topic: str, mark: Mark, previous: int, message: bytes) -> None:
    pass
