"""Durable: the history of streams that are kept in the program's database. The commits that tell something write it.

Beside the guarantees of every history: an entry is in the stream if and only if its commit was made, and survives what the
database survives. Its offsets grow by one.

Servers hear new entries from the server that committed them, through the broker. Whatever is not heard in this way, because that
server died first or the broker was away, is found by comparing `tails` (`wire/streams/following` does so once a second).
"""

from __future__ import annotations

import asyncio
import logging
from asyncio import Future, Task
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import ParamSpec, Protocol, TypeVar

from walkwire.ending import end_tasks
from walkwire.errors import PublicError, Unreached
from walkwire.history import Entry, Hear, History, Mark, Page, Retention
from walkwire.store import Asking, StreamBound, StreamPlace, StreamStore

PAGE_BYTES = 1024 * 1024  # messages that are read at once
TRIM_SECONDS = 10.0  # between two looks for entries to remove

P = ParamSpec("P")
T = TypeVar("T")

_NO_STREAM = Mark("", 0)

_log = logging.getLogger(__name__)


class DurableStore(StreamStore, Protocol):
    """What this history needs of a store: streams, and the clock of the database."""

    def now(self) -> float:
        """Return Unix seconds, by the clock of the database; see `TaskStore.now`."""


class Subscriptions(Protocol):
    """What this history needs of the broker. See `Broker`."""

    def subscribe(self, topics: Iterable[str]) -> None:
        """Subscribe to these topics."""

    def unsubscribe(self, topics: Iterable[str]) -> None:
        """Unsubscribe from these topics."""

    def when_subscribed(self) -> Future[None] | None:
        """Return a future that resolves once all subscriptions so far are in force; None: they are."""


class DurableHistory:
    """The streams in a database.

    - asking: the threads in which the store is called
    - broker: by which servers hear what others have written
    - topic_of: returns the topic of the broker for that, given that of a stream
    """

    is_local = False
    is_empty = True

    def __init__(
        self, store: DurableStore, asking: Asking, broker: Subscriptions, topic_of: Callable[[str], str]
    ) -> None:
        self._store = store
        self._asking = asking
        self._broker = broker
        self._topic_of = topic_of
        self._open: dict[str, StreamBound] = {}
        self._trimming: Task[None] | None = None

    def for_level(self, level: Retention) -> History:
        """Return itself."""
        return self

    async def start(self, hear: Hear, lost: Callable[[], None]) -> None:
        """Begin to remove what is no longer kept; see `History.start`."""
        self._trimming = asyncio.get_running_loop().create_task(self._trim())

    async def stop(self) -> None:
        """End; see `History.stop`."""
        await end_tasks(self._trimming)

    async def open(self, topics: Mapping[str, Retention]) -> dict[str, Mark]:
        """Subscribe, then look for the tails; see `History.open`."""
        self._open |= {topic: StreamBound(level.most, level.seconds) for topic, level in topics.items()}
        self._broker.subscribe([self._topic_of(topic) for topic in topics])
        waiting = self._broker.when_subscribed()
        if waiting is not None:
            await waiting
        return await self._tails_of(topics)

    def close(self, topics: Collection[str]) -> None:
        """Unsubscribe; see `History.close`."""
        for topic in topics:
            self._open.pop(topic, None)
        self._broker.unsubscribe([self._topic_of(topic) for topic in topics])

    def append(self, topic: str, message: bytes) -> None:
        """Do nothing: commits append."""

    async def tails(self, topics: Collection[str]) -> dict[str, Mark]:
        """One statement; see `History.tails`. A stream that was removed while it is open begins again."""
        found = await self._ask(self._store.stream_tails, list(topics))
        marks = {topic: Mark(*place) for topic, place in found.items()}
        if len(marks) < len(topics):
            marks |= await self._tails_of([topic for topic in topics if topic not in marks])
        return marks

    async def read(
        self, topic: str, limit: int, *, after: Mark | None = None, upto: Mark | None = None
    ) -> Page:
        """One statement; see `History.read`. A page ends after `PAGE_BYTES`, too."""
        page = await self._ask(self._store.read_stream, topic, limit, PAGE_BYTES, _place(after), _place(upto))
        if page is None:
            tails = await self._tails_of([topic])  # if it is open, it goes on there
            return Page(tails.get(topic, _NO_STREAM), (), has_gap=after is not None or upto is not None)
        entries = tuple(Entry(offset, message) for offset, message in page.entries)
        return Page(Mark(*page.tail), entries, page.has_gap, page.has_more)

    async def _tails_of(self, topics: Collection[str]) -> dict[str, Mark]:
        bounds = {topic: self._open[topic] for topic in topics if topic in self._open}
        if not bounds:
            return {}
        found = await self._ask(self._store.open_streams, bounds)
        return {topic: Mark(*place) for topic, place in found.items()}

    async def _ask(self, question: Callable[P, T], *arguments: P.args, **options: P.kwargs) -> T:
        """Ask the store. Raises Unreached, whatever the store raises: who asks tries again."""
        try:
            return await self._asking.ask(question, *arguments, **options)
        except PublicError:
            raise Unreached from None
        except Exception as error:
            _log.error("The database cannot read streams", exc_info=error)
            raise Unreached from None

    async def _trim(self) -> None:
        """Remove what is no longer kept, one stream after another. Several servers share the work."""
        while True:
            await asyncio.sleep(TRIM_SECONDS)
            try:
                now = await self._ask(self._store.now)
                while await self._ask(self._store.trim_stream, now):
                    pass
            except Unreached:
                continue


def _place(mark: Mark | None) -> StreamPlace | None:
    return None if mark is None else StreamPlace(*mark)
