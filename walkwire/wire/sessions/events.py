"""Events: what a client of version 2 may send (`docs/protocol-v2.md`).

The events that version 1 has as well are the same classes, or classes derived from them. `EVENTS_2` is the whole set.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Raw, Struct

from walkwire.ids import CHANNEL_LENGTH
from walkwire.wire.message.bounds import LONGEST_NOTICE, TARGETS
from walkwire.wire.message.event import (
    BaseEvent,
    ChannelEvent,
    ClientEvent,
    Events,
    LeaveEvent,
    UserEvent,
    WalkerEvent,
)
from walkwire.wire.presence.watch import Who
from walkwire.wire.streams.position import LENGTH
from walkwire.wire.streams.recovery import MOST

INFO_BYTES = 1024
TOKEN_LENGTH = 20_000  # characters of any token
ROOT_LENGTH = 200  # characters of a reference to a root

At = Annotated[str, Meta(max_length=LENGTH)]
Limit = Annotated[int, Meta(ge=1, le=MOST)]

_ChannelId = Annotated[str, Meta(max_length=CHANNEL_LENGTH)]
_Token = Annotated[str, Meta(max_length=TOKEN_LENGTH)]


class TracedWalkerEvent(WalkerEvent, frozen=True, kw_only=True, tag="walker"):
    """As in version 1. `traceparent`: the span of the client (W3C Trace Context); text that names none is ignored."""

    traceparent: str | None = None


class TracedUserEvent(UserEvent, frozen=True, kw_only=True, tag="user"):
    """As in version 1, with `traceparent`."""

    traceparent: str | None = None


class TracedChannelEvent(ChannelEvent, frozen=True, kw_only=True, tag="channel"):
    """As in version 1, with `traceparent`."""

    traceparent: str | None = None


class TracedClientEvent(ClientEvent, frozen=True, kw_only=True, tag="client"):
    """As in version 1, with `traceparent`."""

    traceparent: str | None = None


class Wish(Struct, frozen=True, gc=False):
    """A channel that a client wants to hear.

    - at: the last position that it has heard
    - rewind: how many of the last notifications it wants if it is not recovered; 0: none
    - token: a channel token
    - presence: whether it wants to know who is there, or how many
    """

    channel_id: _ChannelId
    at: At | None = None
    rewind: Annotated[int, Meta(ge=0, le=MOST)] = 0
    token: _Token | None = None
    presence: Who | None = None


class Positions(Struct, frozen=True, gc=False):
    """The last positions that a client has heard of its own streams."""

    user: At | None = None
    client: At | None = None


_Wishes = Annotated[list[Wish], Meta(max_length=TARGETS)]


class ConnectEvent(BaseEvent, frozen=True, kw_only=True, tag="connect"):
    """Signs in, and says where the client was.

    - token: a user's token; None or "": as shown at the upgrade, or the public user
    - session: the session token of an earlier connection
    - at: what it has heard
    - channels: what it wants to hear
    - info: an object that others are shown
    - expiring: how many seconds before the token expires the client is told; 0: it is not
    """

    token: _Token | None = None
    session: _Token | None = None
    at: Positions = Positions()
    channels: _Wishes = []  # noqa: RUF012 - msgspec copies it
    info: Raw = Raw(b"{}")
    expiring: Annotated[int, Meta(ge=0, le=LONGEST_NOTICE)] = 0


class JoinStreamsEvent(BaseEvent, frozen=True, kw_only=True, tag="join"):
    """Enters channels: those of `channels`, and those of `channel_ids`, to which `presence` and `tokens` belong."""

    channels: _Wishes = []  # noqa: RUF012 - msgspec copies it
    channel_ids: Annotated[list[_ChannelId], Meta(max_length=TARGETS)] = []  # noqa: RUF012 - msgspec copies it
    presence: Who | None = None
    tokens: dict[str, str] | None = None

    def wishes(self) -> list[Wish]:
        """Return all channels that it names; of one that is named twice, the last."""
        tokens = self.tokens or {}
        named = [Wish(each, token=tokens.get(each), presence=self.presence) for each in self.channel_ids]
        return list({wish.channel_id: wish for wish in (*named, *self.channels)}.values())


class ChangeStreamsEvent(BaseEvent, frozen=True, kw_only=True, tag="change_user"):
    """Signs in as the user of `token`; None or "" signs out.

    - at: what it has heard of that user's stream
    - info: an object that others are shown of another user
    """

    token: _Token | None = None
    at: Positions = Positions()
    info: Raw = Raw(b"{}")
    expiring: Annotated[int, Meta(ge=0, le=LONGEST_NOTICE)] = 0


class HistoryEvent(BaseEvent, frozen=True, kw_only=True, tag="history"):
    """Asks for kept notifications of a channel: the last before a position, the first after one, or the newest."""

    channel_id: _ChannelId
    before: At | None = None
    after: At | None = None
    limit: Limit = 100


class PresenceEvent(BaseEvent, frozen=True, kw_only=True, tag="presence"):
    """Asks for a page of the users in a channel: the first behind a root id, sorted."""

    channel_id: _ChannelId
    after: Annotated[str, Meta(max_length=ROOT_LENGTH)] | None = None
    limit: Limit = 100


class PingEvent(BaseEvent, frozen=True, kw_only=True, tag="ping"):
    """Asks for a sign of life."""


TRACED = (TracedWalkerEvent, TracedUserEvent, TracedChannelEvent, TracedClientEvent)

EVENTS_2 = Events(
    (
        ConnectEvent,
        *TRACED,
        JoinStreamsEvent,
        LeaveEvent,
        ChangeStreamsEvent,
        HistoryEvent,
        PresenceEvent,
        PingEvent,
    )
)
"""The events of version 2."""
