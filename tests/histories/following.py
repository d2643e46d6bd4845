"""A server of the suite whose streams are durable: it writes them as servers do, and hears them as servers do."""

from __future__ import annotations

import asyncio
from asyncio import Future
from collections.abc import Awaitable, Callable, Collection, Mapping

from walkwire.broker import Broker
from walkwire.errors import Unreached
from walkwire.histories import suite
from walkwire.histories.durable import DurableHistory
from walkwire.history import RECENT, Entry, Hear, History, Mark, Page, Retention
from walkwire.server.streams.durable import DurableEntries, DurableWriter
from walkwire.store import Asking, Store
from walkwire.walk.run.threads import Mailbox
from walkwire.wire.message import envelope
from walkwire.wire.message.notification import Notification
from walkwire.wire.streams.following import Following
from walkwire.wire.streams.stream import Stream

_HEAD = envelope.bare("channels", b"")


class Followed:
    """The durable history, heard through `Following`: in order, and with what was missed."""

    is_local = False
    is_empty = True

    def __init__(self, durable: DurableHistory, trim: Callable[[], Awaitable[bool]]) -> None:
        self._durable = durable
        self._trim = trim
        self._hear: Hear = lambda *heard: None
        self._following = Following(durable, self._deliver, self._resync)
        self.hear = self._following.hear

    def for_level(self, level: Retention) -> History:
        return self

    async def start(self, hear: Hear, lost: Callable[[], None]) -> None:
        self._hear = hear
        await self._following.start()

    async def stop(self) -> None:
        await self._following.stop()

    async def open(self, topics: Mapping[str, Retention]) -> dict[str, Mark]:
        streams = [Stream("channels", topic, topic, level, "close") for topic, level in topics.items()]
        for stream in streams:
            self._following.add(stream)
        marks = {}
        for stream in streams:
            if stream.opened is not None:
                await stream.opened
            assert stream.at is not None
            marks[stream.topic] = stream.at
        return marks

    def close(self, topics: Collection[str]) -> None:
        for topic in topics:
            stream = self._following.find(topic)
            assert stream is not None
            self._following.remove(stream)

    def append(self, topic: str, message: bytes) -> None:
        raise AssertionError

    async def tails(self, topics: Collection[str]) -> dict[str, Mark]:
        return await self._durable.tails(topics)

    async def read(
        self, topic: str, limit: int, *, after: Mark | None = None, upto: Mark | None = None
    ) -> Page:
        while await self._trim():
            pass
        page = await self._durable.read(topic, limit, after=after, upto=upto)
        return page._replace(entries=tuple(Entry(offset, _bare(message)) for offset, message in page.entries))

    def _deliver(self, stream: Stream, mark: Mark, message: bytes) -> None:
        self._hear(stream.topic, mark, mark.offset - 1, _bare(message))

    def _resync(self, stream: Stream, mark: Mark, reason: str) -> None:
        raise AssertionError(reason)


class DurableServer(suite.Probe):
    """Publishes by the writer of clients' events: the entry is written, then told here, and published.

    `most`: how much is kept of every stream, whatever a check asks for. What is beyond it is removed before each read.
    """

    history: Followed

    def __init__(self, broker: Broker, store: Store, most: int | None = None) -> None:
        self._asking = Asking()
        self._store = store
        self._most = most
        durable = DurableHistory(store, self._asking, broker, envelope.kept_topic)
        super().__init__(broker, Followed(durable, self._trim))
        self._levels: dict[str, Retention] = {}
        self._writer: DurableWriter
        self._written: Future[None] | None = None

    async def start(self) -> None:
        mailbox = Mailbox(asyncio.get_running_loop())
        self._writer = DurableWriter(
            self._store, self._asking, mailbox, DurableEntries(self._level_of), self._notify
        )
        await super().start()

    async def stop(self) -> None:
        await self.published()
        await super().stop()
        await self._asking.close()
        self._store.close()

    async def open(self, *topics: str, level: Retention = RECENT) -> list[Mark]:
        durable = level._replace(is_durable=True, most=self._most or level.most)
        self._levels |= dict.fromkeys(topics, durable)
        return await super().open(*topics, level=durable)

    def publish(self, topic: str, message: bytes) -> None:
        self._written = self._writer(Notification("channels", (topic.removeprefix("c."),), message))

    async def published(self) -> None:
        if self._written is not None:
            await self._written
        await super().published()

    def _level_of(self, kind: str, name: str) -> Retention:
        usual = RECENT._replace(is_durable=True, most=self._most or RECENT.most)
        return self._levels.get(f"c.{name}", usual)

    async def _trim(self) -> bool:
        return await self._asking.ask(lambda: self._store.trim_stream(self._store.now()))

    def _notify(self, notification: Notification) -> None:
        ((topic, mark),) = notification.kept
        assert mark is not None
        message = envelope.bare("channels", notification.data)
        self.history.hear(topic, mark, mark.offset - 1, message)
        try:
            self.broker.publish(topic, notification.data)
            self.broker.publish(envelope.kept_topic(topic), envelope.encode_kept(mark, message))
        except Unreached:
            pass

    def _receive(self, topic: str, message: bytes) -> None:
        if topic.startswith(envelope.KEPT):
            self.history.hear(topic[len(envelope.KEPT) :], *envelope.decode_kept(message))
        else:
            super()._receive(topic, message)


def _bare(message: bytes) -> bytes:
    assert message.startswith(_HEAD)
    return message[len(_HEAD) :]
