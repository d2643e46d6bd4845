"""Streams: what was told to a user or a channel, in order, kept beside the graph and written by the commits that tell it.

Guarantees, for all servers on one database:

- An entry is written if and only if the changes of its commit are.
- The entries of a stream are numbered without gaps, in the order in which their commits became visible. A commit that numbers
  an entry holds the stream until it is over.
- A page is complete: entries are removed from the old end only.
- A stream has a random epoch, which no other stream has, and which it keeps for its life.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol


class StreamBound(NamedTuple):
    """How much is kept of a stream: the newest entries, at least so many unless they are older than so many seconds."""

    most: int
    seconds: float


class StreamPlace(NamedTuple):
    """A place in a stream: behind the entry with this number. 0: before the first."""

    epoch: str
    offset: int


@dataclass(slots=True, eq=False)
class StreamEntry:
    """An entry that a commit appends (`Changes.entries`).

    - `topic`: names the stream; at most 128 characters
    - `place`: set by the store, before `then` of the commit is called. None if it is not known: the connection broke, and the
      commit was found to be made
    """

    topic: str
    message: bytes
    bound: StreamBound
    place: StreamPlace | None = None


class StreamPage(NamedTuple):
    """Entries that follow each other: pairs of number and message.

    - `tail`: the newest place of the stream
    - `has_gap`: whether entries are gone between the place that was asked for and the first of these, or the place never was
    - `has_more`: whether there are more in the direction that was asked for
    """

    tail: StreamPlace
    entries: list[tuple[int, bytes]]
    has_gap: bool = False
    has_more: bool = False


class StreamStore(Protocol):
    """A store of streams. `GraphStore.commit` appends to them."""

    def open_streams(self, topics: Mapping[str, StreamBound]) -> dict[str, StreamPlace]:
        """Return the newest place of each stream. A stream that does not exist is begun."""

    def stream_tails(self, topics: Sequence[str]) -> dict[str, StreamPlace]:
        """Return the newest place of each of these streams that exists."""

    def find_streams(self, text: str, limit: int) -> dict[str, StreamPlace]:
        """Return the newest places of streams for an operator, by topic: those whose topic contains `text`, at most `limit`.

        Scans all streams.
        """

    def read_stream(
        self, topic: str, limit: int, size: int, after: StreamPlace | None, upto: StreamPlace | None
    ) -> StreamPage | None:
        """Return entries: the first behind `after`, or else the last up to `upto`; without both, the last of all.

        What is too old is not returned, even if it was not removed yet. What is beyond the number may be: a server that hears
        entries in another order reads what it missed.

        - `limit`: the most entries
        - `size`: the page ends with the entry that makes its messages so many bytes or more

        None: there is no such stream.
        """

    def trim_stream(self, now: float) -> bool:
        """Remove entries of one stream that has more than it keeps, if there is one. Return whether there was.

        Bounded: what is left to do is done by further calls. `now` is in Unix seconds, by the clock of the database. A stream
        that has been empty for `QUIET_SECONDS` is removed itself. Another server that does the same is not waited for.
        """


QUIET_SECONDS = 30 * 24 * 3600.0


def new_epoch() -> str:
    """Return an epoch for a stream that is begun: 16 hex digits."""
    return secrets.token_hex(8)
