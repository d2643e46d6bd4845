"""Events: what a client tells the application, and the pages that it reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Literal

from typing_extensions import TypeVar

State = Literal["connecting", "connected", "waiting", "closed"]
StreamKind = Literal["channel", "user", "client"]
Report = TypeVar("Report", default=Any)


@dataclass(frozen=True, slots=True)
class StreamMessage:
    """A notification. `at` is its position in its stream: send it back, do not read it."""

    data: Any
    at: str


@dataclass(frozen=True, slots=True)
class Recovered:
    """The client came back. If `recovered`, everything that was missed in this stream follows; else something may be missing.

    - channel: its id, if the stream is that of a channel
    - reason: why it is not recovered: `expired`, `reset`, `too_many` or `forbidden`
    - after: the last position that was heard: for `too_many`, read `history(after=…)`
    """

    stream: StreamKind
    channel: str | None
    recovered: bool
    reason: str | None = None
    after: str | None = None


@dataclass(frozen=True, slots=True)
class Resync:
    """Notifications of a stream were lost while the client was connected. `channel` is its id, or None."""

    stream: StreamKind
    channel: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class PresentUser:
    """A user who is present in a channel. `info` is what the user's client gave, or what the program made of it."""

    root_id: str
    info: Any


@dataclass(frozen=True, slots=True)
class ChannelPresence:
    """Who is in a channel. A new object with each change.

    `members` has `info` by root id. It is empty if only counts were asked for, or with more than 1,000 users.
    """

    count: int
    members: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PresenceChange(ChannelPresence):
    """`joined` and `left` are empty where the server sent the whole list, or only a count."""

    joined: Sequence[PresentUser]
    left: Sequence[PresentUser]


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """Notifications in the order of the stream. `has_more`: is there more in the direction that was asked for?"""

    messages: list[StreamMessage]
    has_more: bool


@dataclass(frozen=True, slots=True)
class MembersPage:
    """A page of a presence list, sorted by root id. `count` is that of the whole list."""

    users: list[PresentUser]
    count: int
    has_more: bool


@dataclass(frozen=True, slots=True)
class WalkReply(Generic[Report]):
    """The answer of a walker. `Report`: the type of what it reports.

    - returns: what each ability returned, with the server's setting SHOW_ENDPOINT_RETURNS
    - walker_id: of a walker in the background, which is answered before it runs
    """

    status: int = 200
    reports: list[Report] = field(default_factory=list)
    returns: list[Any] | None = None
    walker_id: str | None = None
