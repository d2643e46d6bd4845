"""History: keeps what was sent to streams, so that clients get what they missed. Kinds live in `histories/`.

A stream is a topic of the broker (`wire/message/envelope`): of a user, a channel or a session. What is kept is bounded by count,
by age and by bytes.

Guarantees:

- Entries of a stream have one order, the same for all servers and for everybody who reads.
- Each entry names the one before it. So whoever hears entries one after another notices each that is missing.
- What a page contains is complete: nothing is missing between two entries of it. `has_gap` says whether something was dropped
  between the place where the page was to begin and its first entry.
- Offsets of one epoch never begin again. Where a history may have lost anything but its oldest entries, its epoch is another.
- Nothing is kept for a topic that no server has open, and that is not kept by setting.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple, Protocol

from walkwire.config import RECENT as RECENT
from walkwire.config import Retention as Retention


class Mark(NamedTuple):
    """A place in a stream: behind the entry with this offset.

    - epoch: at most 32 characters, `[A-Za-z0-9_-]`; differs between streams, and between lives of one stream
    - offset: grows with each entry, not always by one. 0: before the first
    """

    epoch: str
    offset: int


class Entry(NamedTuple):
    """One message of a stream: the bytes that were appended."""

    offset: int
    message: bytes


class Page(NamedTuple):
    """Entries that follow each other.

    - tail: the newest place of the stream when it was read
    - entries: in the order of the stream
    - has_gap: whether entries are missing between the place that was asked for and the first entry
    - has_more: whether there are more in the direction that was asked for
    """

    tail: Mark
    entries: tuple[Entry, ...]
    has_gap: bool = False
    has_more: bool = False


Hear = Callable[[str, Mark, int, bytes], None]
"""Called with a topic, the place of a new entry, the offset of the entry before it, and the message."""


class History(Protocol):
    """The kept messages of topics. All calls come from the event loop of the sockets.

    A topic is open from `open` until `close`. Its entries are heard in between, and kept for as long as its level says after the
    last server has closed it.
    """

    @property
    def is_local(self) -> bool:
        """Return whether `append` has to be called. Otherwise the broker keeps what is published."""

    def for_level(self, level: Retention) -> History:
        """Return what keeps streams of this level: this history, unless it combines several."""

    @property
    def is_empty(self) -> bool:
        """Return whether no topic is kept, so that nothing need be appended. Only if `is_local`."""

    async def start(self, hear: Hear, lost: Callable[[], None]) -> None:
        """Begin. `lost` is called when entries may have been missed on all topics: compare with `tails`. Raises StartError."""

    async def stop(self) -> None:
        """End. Nothing is heard afterwards."""

    async def open(self, topics: Mapping[str, Retention]) -> dict[str, Mark]:
        """Keep these topics, and hear their new entries. Return the tail of each; everything behind it is heard.

        Raises Unreached.
        """

    def close(self, topics: Collection[str]) -> None:
        """Hear these topics no longer."""

    def append(self, topic: str, message: bytes) -> None:
        """Append to a topic if it is kept. `hear` is called before this returns. Only if `is_local`. Never raises."""

    async def tails(self, topics: Collection[str]) -> dict[str, Mark]:
        """Return the newest place of each open topic; one whose history was lost begins a new epoch. Raises Unreached."""

    async def read(
        self, topic: str, limit: int, *, after: Mark | None = None, upto: Mark | None = None
    ) -> Page:
        """Return up to `limit` entries: the first behind `after`, or else the last up to `upto`; without both, the last of all.

        With a mark of another epoch, or of a place that the stream has not reached, the page is empty and has a gap. Raises
        Unreached.
        """


class HistoryKind(Protocol):
    """A kind of history. No answer here needs the kind's driver, except `make`."""

    @property
    def schemes(self) -> tuple[str, ...]:
        """Return the schemes of the brokers with which this kind is used."""

    @property
    def limits(self) -> str | None:
        """Return in a sentence for the operator what this kind cannot do; None: it can do everything."""

    def make(self, url: str, clock: Callable[[], float]) -> History:
        """Return a history for the broker at `url`, not started yet. Raises StartError.

        `clock` returns Unix seconds; a kind whose service has a clock of its own goes by that one.
        """

    async def lack(self, url: str) -> str | None:
        """Connect once. Return why the service cannot keep streams, as a part of a sentence.

        None: it can, or it cannot be reached.
        """


class NoHistory:
    """Keeps nothing: the history of a server that does not serve version 2."""

    is_local = True
    is_empty = True

    def for_level(self, level: Retention) -> History:
        """Return itself."""
        return self

    async def start(self, hear: Hear, lost: Callable[[], None]) -> None:
        """Do nothing."""

    async def stop(self) -> None:
        """Do nothing."""

    async def open(self, topics: Mapping[str, Retention]) -> dict[str, Mark]:
        """Return a place that nothing follows."""
        return dict.fromkeys(topics, _NOWHERE)

    def close(self, topics: Collection[str]) -> None:
        """Do nothing."""

    def append(self, topic: str, message: bytes) -> None:
        """Do nothing."""

    async def tails(self, topics: Collection[str]) -> dict[str, Mark]:
        """Return the same place for each."""
        return dict.fromkeys(topics, _NOWHERE)

    async def read(
        self, topic: str, limit: int, *, after: Mark | None = None, upto: Mark | None = None
    ) -> Page:
        """Return an empty page with a gap."""
        return Page(_NOWHERE, (), has_gap=True)


_NOWHERE = Mark("none", 0)
