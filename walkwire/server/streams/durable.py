"""Durable: what is written to durable streams: for walks with their commits, for clients and services before the answer."""

from __future__ import annotations

import asyncio
import logging
from asyncio import Future, Task
from collections import deque
from collections.abc import Callable, Collection
from contextvars import Context, copy_context
from functools import partial
from typing import NamedTuple

from walkwire.errors import Busy, Internal, Limited, PublicError
from walkwire.history import Mark
from walkwire.store import Asking, Changes, GraphStore, Lost, Reads, StreamBound, StreamEntry
from walkwire.walk.audience import Addressees
from walkwire.walk.run.threads import Mailbox
from walkwire.wire.message import envelope, frame
from walkwire.wire.message.notification import Kept, Kind, Notification
from walkwire.wire.streams.streams import LevelOf

TOGETHER = 500  # entries that are written by one commit, about
MOST_WAITING = 32 * 1024 * 1024  # bytes: beyond it, the database takes less than clients send

_log = logging.getLogger(__name__)


class DurableEntries:
    """Makes the entries of notifications. May be called in any thread. `level_of` returns the level of a stream."""

    def __init__(self, level_of: LevelOf) -> None:
        self._level_of = level_of

    def of_walk(self, addressees: Addressees, data: bytes) -> list[StreamEntry]:
        """Return what a walk's commit has to write of a notification. Raises Limited."""
        match addressees.kind:
            case "users" | "channels":
                return self.of(addressees.kind, addressees.targets, data)
        return []

    def of(self, kind: Kind, targets: Collection[str], data: bytes) -> list[StreamEntry]:
        """Return an entry for each of the targets whose stream is durable. Raises Limited."""
        levels = [(target, self._level_of(kind, target)) for target in targets]
        durable = [(target, level) for target, level in levels if level.is_durable]
        if not durable:
            return []
        if len(data) > frame.LIMIT:
            raise Limited(f"This is too large to be sent: {frame.LIMIT} bytes at most.")
        message = envelope.bare(kind, data)
        return [
            StreamEntry(envelope.stream_topic(kind, target), message, StreamBound(level.most, level.seconds))
            for target, level in durable
        ]


def kept_of(entries: Collection[StreamEntry]) -> tuple[Kept, ...]:
    """Return what listeners are told of entries that were written."""
    return tuple(Kept(entry.topic, None if entry.place is None else Mark(*entry.place)) for entry in entries)


class _Waiting(NamedTuple):
    """A notification that is to be written. `context`: that of the event or request, in which it is sent, too."""

    notification: Notification
    entries: list[StreamEntry]
    written: Future[None]
    context: Context


class DurableWriter:
    """Writes what clients and services send to durable streams, in its order, and then lets it be sent: see `Hub.use_writer`.

    Notifications that come while others are written are written together.

    - mailbox: the way from the store's threads to the sockets' loop, the same as that of walks: it keeps the order of the commits
    - notify: sends a notification
    """

    def __init__(
        self,
        store: GraphStore,
        asking: Asking,
        mailbox: Mailbox,
        entries: DurableEntries,
        notify: Callable[[Notification], None],
    ) -> None:
        self._store = store
        self._asking = asking
        self._mailbox = mailbox
        self._entries = entries
        self._notify = notify
        self._waiting: deque[_Waiting] = deque()
        self._size = 0  # bytes that wait
        self._writing: Task[None] | None = None

    def __call__(self, notification: Notification) -> Future[None] | None:
        """Write a notification, and return a future that is done then; None if none of its streams is durable.

        The future fails with Busy or CommitInDoubt. Raises Limited, Busy.
        """
        entries = self._entries.of(notification.kind, notification.targets, notification.data)
        if not entries:
            return None
        size = sum(len(entry.message) for entry in entries)
        if self._size + size > MOST_WAITING:
            raise Busy
        loop = asyncio.get_running_loop()
        written: Future[None] = loop.create_future()
        self._size += size
        self._waiting.append(_Waiting(notification, entries, written, copy_context()))
        if self._writing is None:
            self._writing = loop.create_task(self._write())
        return written

    async def _write(self) -> None:
        try:
            while self._waiting:
                batch: list[_Waiting] = []
                changes = Changes()
                while self._waiting and len(changes.entries) < TOGETHER:
                    batch.append(self._waiting.popleft())
                    changes.entries += batch[-1].entries
                then = partial(self._mailbox.post, self._tell, batch)
                try:
                    await self._asking.ask(self._store.commit, Reads(), changes, then)
                except Exception as error:
                    _fail(batch, error)
                self._size -= sum(len(entry.message) for entry in changes.entries)
        finally:
            self._writing = None

    def _tell(self, batch: list[_Waiting]) -> None:
        for notification, entries, written, context in batch:
            kind, targets, data, overflow = (
                notification.kind,
                notification.targets,
                notification.data,
                notification.overflow,
            )
            context.run(self._notify, Notification(kind, targets, data, overflow, kept_of(entries)))
            if not written.done():
                written.set_result(None)


def _fail(batch: list[_Waiting], error: Exception) -> None:
    shown: PublicError
    if isinstance(error, PublicError):
        shown = error
    elif isinstance(error, Lost):  # the database broke a deadlock
        shown = Busy()
    else:
        shown = Internal()
        _log.error("%s: what was sent to durable streams was not written", shown.message, exc_info=error)
    for one in batch:
        if not one.written.done():
            one.written.set_exception(shown)
            one.written.exception()  # retrieved: perhaps nobody waits
