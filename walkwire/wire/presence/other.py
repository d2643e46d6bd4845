"""Other: what this server knows of another one, and what `Exchange` asks of the parts around it."""

from __future__ import annotations

from asyncio import Future
from collections import deque
from collections.abc import Collection, Iterable, Iterator
from typing import Protocol

from walkwire.wire.presence.messages import Part, Word
from walkwire.wire.presence.roster import Roster


class Publisher(Protocol):
    """What sends to other servers: `wire/peers` implements it."""

    @property
    def server(self) -> str:
        """Return the id of this server."""

    def publish(self, kind: str, targets: tuple[str, ...], topics: Iterable[str], data: bytes = b"") -> bool:
        """Publish an envelope. Raises Unreached, Limited."""

    def when_published(self) -> Future[None] | None:
        """Return a future; None if there is nothing to wait for."""


class Ledger(Protocol):
    """The channels that this server tracks: `Presence` implements it."""

    def own(self, channel_id: str) -> Roster | None:
        """Return this server's members of a channel; None: there are none."""

    def release(self, channel_id: str) -> None:
        """Another server watches this channel no longer."""

    def hear(self, server: str, part: Part) -> None:
        """Take over what another server says of its members of a channel."""

    def begin(self, server: str) -> None:
        """Another server begins to tell everything anew."""

    def end(self, server: str) -> None:
        """It has told everything."""

    def drop(self, server: str) -> None:
        """Forget all members of another server."""

    def online(self, root_ids: Collection[str]) -> frozenset[str]:
        """Return those of the users who have a connection to this server."""


class Other:
    """Another server.

    - seen: when it was heard last
    - version, watches: the channels that it watches, as far as is known here
    - is_watching: whether it wants to be told, and so wants beats
    - begun, sent: the numbers before the first update that it was sent, and of the last. A server that was forgotten begins with
      another number when it is back, so that it cannot take the new ones for old ones
    - heard: the number of the last update that was heard of it
    - claimed: the number of the last update that it had sent by its last beat
    - answered: the version of this server's interests that it has answered
    - asked: when it was asked last, by the type of the question
    - jobs: what it is still to be told of whole channels
    """

    __slots__ = (
        "answered",
        "asked",
        "begun",
        "claimed",
        "coming",
        "heard",
        "is_watching",
        "jobs",
        "seen",
        "sent",
        "version",
        "watches",
    )

    def __init__(self, seen: float) -> None:
        self.seen = seen
        self.version = 0
        self.watches: set[str] = set()
        self.coming: set[str] = set()
        self.is_watching = False
        self.begun = self.sent = int(seen * 1e6)
        self.heard = self.claimed = self.answered = 0
        self.asked: dict[type[Word], float] = {}
        self.jobs: deque[Iterator[None]] = deque()
