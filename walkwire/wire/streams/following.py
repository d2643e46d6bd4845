"""Following: hears streams from their history, in order and without gaps.

Every entry names the one before it. If that is not the one that was delivered last, entries were missed: the stream waits until
they were read from the history.
"""

from __future__ import annotations

import asyncio
import logging
from asyncio import Task
from collections.abc import Callable, Coroutine
from typing import Any

from walkwire.ending import end_tasks
from walkwire.errors import Unreached
from walkwire.history import History, Mark
from walkwire.wire.streams.recovery import Reason
from walkwire.wire.streams.stream import Backlog, Heard, Stream

FIRST_PAUSE, LONGEST_PAUSE = 0.05, 2.0  # seconds between two attempts to reach the history
LOOK_SECONDS = 30.0  # between two comparisons of all streams with their histories
DURABLE_SECONDS = (
    1.0  # the same of durable streams: a server may have died before it sent what it had committed
)
ON_ITS_WAY = 0.1  # seconds: what was committed so long ago, and was not heard, is read
PAGE = 500  # entries that a repair reads at once, and streams that are compared at once

Deliver = Callable[[Stream, Mark, bytes], None]
Resync = Callable[[Stream, Mark, Reason], None]

_log = logging.getLogger(__name__)


class Following:
    """The streams that are heard on this server, by topic.

    - deliver: called with each entry of a stream, once and in order
    - resync: called when entries of a stream were missed that cannot be read any more. The stream goes on at the given place
    - repairs, resyncs: how often entries were missed, and could not be read later
    """

    def __init__(self, history: History, deliver: Deliver, resync: Resync) -> None:
        self.repairs = self.resyncs = 0
        self._history = history
        self._deliver_to = deliver
        self._resync_all = resync
        self._streams: dict[str, Stream] = {}
        self.find = self._streams.get
        """Return the stream of a topic, None if nobody here hears it."""
        self._opening: list[Stream] = []
        self._tasks: set[Task[None]] = set()
        self._looks: asyncio.TimerHandle | None = None
        self._durable: dict[str, Stream] = {}
        self._durable_looks: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        """Return how many streams are heard."""
        return len(self._streams)

    def everything(self) -> list[Stream]:
        """Return the streams that are heard."""
        return list(self._streams.values())

    async def start(self) -> None:
        """Begin to hear."""
        await self._history.start(self.hear, self.look)
        if not self._history.is_local:
            self._look_again()

    async def stop(self) -> None:
        """End."""
        self._durable.clear()
        for timer in (self._looks, self._durable_looks):
            if timer is not None:
                timer.cancel()
        await end_tasks(*self._tasks)
        await self._history.stop()

    def add(self, stream: Stream) -> None:
        """Hear a stream, once it is open."""
        self._streams[stream.topic] = stream
        if stream.level.is_durable:
            self._durable[stream.topic] = stream
            if self._durable_looks is None:
                self._look_at_durable_later()
        self._open(stream)

    def remove(self, stream: Stream) -> None:
        """Hear a stream no longer."""
        del self._streams[stream.topic]
        self._durable.pop(stream.topic, None)
        self._history.close((stream.topic,))
        if stream.opened is not None and not stream.opened.done():
            stream.opened.cancel()

    def hear(self, topic: str, mark: Mark, previous: int, message: bytes) -> None:
        """Deliver an entry, or keep it until those before it were delivered."""
        stream = self._streams.get(topic)
        if stream is None:
            return
        heard = Heard(mark, previous, message)
        if stream.waiting is not None:
            stream.waiting.append(heard)
        elif not self._follow(stream, heard):
            self._begin_repair(stream, heard)

    def look(self) -> None:
        """Compare streams with their history: entries may have been missed. Durable ones are compared all the time."""
        streams = tuple(stream for stream in self._streams.values() if not stream.level.is_durable)
        if streams:
            self._begin(self._compare(streams))

    def _follow(self, stream: Stream, heard: Heard) -> bool:
        """Deliver an entry that follows, and pass over one that was delivered. Return whether it was either."""
        at = stream.at
        if at is None or heard.mark.epoch != at.epoch:
            return False
        if heard.mark.offset > at.offset:
            if heard.previous > at.offset:
                return False
            self._tell(stream, heard.mark, heard.message)
        return True

    def _tell(self, stream: Stream, mark: Mark, message: bytes) -> None:
        stream.at = mark
        self._deliver_to(stream, mark, message)

    def _look_again(self) -> None:
        self._looks = asyncio.get_running_loop().call_later(LOOK_SECONDS, self._look_again)
        self.look()

    def _look_at_durable_later(self) -> None:
        self._durable_looks = asyncio.get_running_loop().call_later(
            DURABLE_SECONDS, lambda: self._begin(self._look_at_durable())
        )

    async def _look_at_durable(self) -> None:
        """Compare all durable streams, one time after another while there are any."""
        try:
            await self._compare(tuple(self._durable.values()), ON_ITS_WAY)
        finally:
            self._durable_looks = None
            if self._durable:
                self._look_at_durable_later()

    def _open(self, stream: Stream) -> None:
        stream.waiting = Backlog()
        if self._history.for_level(stream.level).is_local:
            work = self._history.open({stream.topic: stream.level})
            try:
                work.send(None)  # it waits for nothing
            except StopIteration as result:
                self._have_opened(stream, result.value[stream.topic])
            return
        stream.opened = asyncio.get_running_loop().create_future()
        self._opening.append(stream)
        if len(self._opening) == 1:
            asyncio.get_running_loop().call_soon(self._open_all)

    def _open_all(self) -> None:
        opening, self._opening = self._opening, []
        for is_durable in (False, True):  # each may be out of reach alone
            some = [stream for stream in opening if stream.level.is_durable == is_durable]
            if some:
                self._begin(self._open_until_reached(some))

    async def _open_until_reached(self, streams: list[Stream]) -> None:
        """Open streams. While the history cannot be reached, those fail who wait, and the others are opened later."""
        pause = FIRST_PAUSE
        while streams := [stream for stream in streams if self._streams.get(stream.topic) is stream]:
            try:
                marks = await self._history.open({stream.topic: stream.level for stream in streams})
            except Unreached as error:
                for stream in streams:
                    _fail(stream, error)
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
                continue
            for stream in streams:
                if self._streams.get(stream.topic) is stream:
                    self._have_opened(stream, marks[stream.topic])
            return

    def _have_opened(self, stream: Stream, mark: Mark) -> None:
        stream.at = mark
        opened, stream.opened = stream.opened, None
        if not self._drain(stream):
            self._begin(self._repair(stream))
        if opened is not None and not opened.done():
            opened.set_result(None)

    def _begin_repair(self, stream: Stream, heard: Heard | None = None) -> None:
        self.repairs += 1
        stream.waiting = Backlog()
        if heard is not None:
            stream.waiting.append(heard)
        self._begin(self._repair(stream))

    async def _repair(self, stream: Stream) -> None:
        """Deliver what was missed, then what has waited."""
        pause = 0.0
        while self._streams.get(stream.topic) is stream and stream.waiting is not None:
            await asyncio.sleep(pause)
            pause = min(max(2 * pause, FIRST_PAUSE), LONGEST_PAUSE)
            before = len(stream.waiting.kept)
            try:
                page = await self._history.read(stream.topic, PAGE, after=stream.at)
            except Unreached:
                continue
            if self._streams.get(stream.topic) is not stream or stream.at is None:
                return
            if page.has_gap:
                self._resync(stream, page.tail)
            for entry in page.entries:
                self._follow(
                    stream, Heard(Mark(page.tail.epoch, entry.offset), stream.at.offset, entry.message)
                )
            if page.has_more:
                pause = 0.0
            else:
                stream.waiting.drop_others(page.tail.epoch, before)
                if self._drain(stream):
                    return

    def _resync(self, stream: Stream, tail: Mark) -> None:
        """Go on at the present place."""
        self.resyncs += 1
        assert stream.at is not None
        reason: Reason = "expired" if tail.epoch == stream.at.epoch else "reset"
        stream.at = tail
        self._resync_all(stream, tail, reason)

    def _drain(self, stream: Stream) -> bool:
        """Deliver what has waited. Return whether all of it followed, so that the stream is live again."""
        backlog, stream.waiting = stream.waiting, Backlog()
        assert backlog is not None
        while backlog.kept:
            if not self._follow(stream, backlog.kept[0]):
                stream.waiting = backlog
                return False
            backlog.kept.popleft()
        if backlog.is_over:
            return False
        stream.waiting = None
        return True

    async def _compare(self, streams: tuple[Stream, ...], patience: float = 0.0) -> None:
        """Repair those of the streams whose newest place is not the one that was delivered last, after so many seconds."""
        for begin in range(0, len(streams), PAGE):
            some = [each for each in streams[begin : begin + PAGE] if each.waiting is None]
            try:
                tails = await self._history.tails([stream.topic for stream in some])
            except Unreached:
                return  # `look` is called again when it can be reached
            behind = [stream for stream in some if self._is_behind(stream, tails.get(stream.topic))]
            if behind and patience:
                await asyncio.sleep(patience)
            for stream in behind:
                if self._is_behind(stream, tails.get(stream.topic)):
                    self._begin_repair(stream)

    def _is_behind(self, stream: Stream, tail: Mark | None) -> bool:
        """Return whether a stream that is live here has not been heard up to this place."""
        at = stream.at
        if self._streams.get(stream.topic) is not stream or stream.waiting is not None:
            return False
        return tail is not None and at is not None and (tail.epoch != at.epoch or tail.offset > at.offset)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(_log_fault)


def _fail(stream: Stream, error: Unreached) -> None:
    """Fail for those who wait that a stream is opened."""
    opened, stream.opened = stream.opened, asyncio.get_running_loop().create_future()
    if opened is not None and not opened.done():
        opened.set_exception(error)
        opened.exception()  # retrieved: perhaps nobody waits


def _log_fault(task: Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.error("A stream could not be repaired", exc_info=error)
