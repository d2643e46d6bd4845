"""Stream: the clients of this server that hear one stream, and how far they have heard it."""

from __future__ import annotations

from asyncio import Future
from collections import deque
from typing import NamedTuple

import msgspec

from walkwire.history import Mark, Retention
from walkwire.wire.delivery.client import Client
from walkwire.wire.message.notification import Kind, Overflow

WAITING = 2000  # entries that wait at one place; beyond it they are read from the history instead
WAITING_BYTES = 4 * 1024 * 1024


class Heard(NamedTuple):
    """An entry that was heard: its place, the offset of the entry before it, and the message."""

    mark: Mark
    previous: int
    message: bytes


class Backlog:
    """What waits, bounded.

    - kept: in order
    - is_over: whether something was not kept
    """

    __slots__ = ("_size", "is_over", "kept")

    def __init__(self) -> None:
        self.kept: deque[Heard] = deque()
        self.is_over = False
        self._size = 0

    def append(self, heard: Heard) -> None:
        """Keep it, unless there is too much."""
        self._size += len(heard.message)
        if len(self.kept) >= WAITING or self._size > WAITING_BYTES:
            self.is_over = True
        if not self.is_over:
            self.kept.append(heard)

    def drop_others(self, epoch: str, count: int) -> None:
        """Drop those of the first `count` that are of another epoch: the stream has begun anew since."""
        first = [self.kept.popleft() for _ in range(min(count, len(self.kept)))]
        self.kept.extendleft(heard for heard in reversed(first) if heard.mark.epoch == epoch)


class Stream:
    """One stream that clients of this server hear.

    - kind, name: whose it is: a root id, a channel id or a client id
    - topic: by which the history knows it
    - members: the clients that hear what is delivered; the same set for the life of the stream
    - arriving: clients that will hear it when they were told where it begins, and the frames (as `Heard.message`) for them since
    - ahead: clients that have heard more than was delivered here, on another server, and the offset of the last that they heard
    - at: the last place that was delivered; None: it is being opened
    - opened: done when it is open, or fails with Unreached; None: it is open
    - waiting: entries that were heard while it is opened or repaired; None: it is neither
    """

    __slots__ = (
        "ahead",
        "arriving",
        "at",
        "head",
        "kind",
        "level",
        "members",
        "name",
        "opened",
        "overflow",
        "topic",
        "waiting",
    )

    def __init__(self, kind: Kind, name: str, topic: str, level: Retention, overflow: Overflow) -> None:
        self.kind: Kind = kind
        self.name = name
        self.topic = topic
        self.level = level
        self.overflow: Overflow = "latest" if overflow == "latest" else "close"
        self.members: set[Client] = set()
        self.arriving: dict[Client, Backlog] | None = None
        self.ahead: dict[Client, int] | None = None
        self.at: Mark | None = None
        self.opened: Future[None] | None = None
        self.waiting: Backlog | None = None
        self.head = _head(kind, name)

    @property
    def is_empty(self) -> bool:
        """Return whether no client hears it, or will."""
        return not (self.members or self.arriving or self.ahead)

    @property
    def count(self) -> int:
        """Return how many clients hear it, or will."""
        return len(self.members) + len(self.arriving or ()) + len(self.ahead or ())

    def has(self, client: Client) -> bool:
        """Return whether a client hears it, or will."""
        return client in self.members or client in (self.arriving or ()) or client in (self.ahead or ())

    def everybody(self) -> list[Client]:
        """Return all clients that hear it, or will."""
        return [*self.members, *(self.arriving or ()), *(self.ahead or ())]

    def payload(self, mark: Mark, data: bytes) -> bytes:
        """Return the frame of a notification at this place. `data` is JSON."""
        return b'%b"at":"%b.%x","data":%b}' % (self.head, mark.epoch.encode(), mark.offset, data)

    def remove(self, client: Client) -> None:
        """Take a client out. Call `Turn.resolve_members` before."""
        self.members.discard(client)
        if self.arriving is not None:
            self.arriving.pop(client, None)
            self.arriving = self.arriving or None
        if self.ahead is not None:
            self.ahead.pop(client, None)
            self.ahead = self.ahead or None


def _head(kind: Kind, name: str) -> bytes:
    if kind == "channels":
        return b'{"type":"channel","channel_id":%b,' % msgspec.json.encode(name)
    return b'{"type":"user",' if kind == "users" else b'{"type":"client",'
