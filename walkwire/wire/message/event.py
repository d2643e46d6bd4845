"""Event: what a client may say (`docs/protocol.md`, "Events of a client"). Reading never raises: nonsense is an event, too."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta, Raw, Struct

from walkwire.errors import BadEvent
from walkwire.ids import CHANNEL_LENGTH
from walkwire.wire.message import lenient, text
from walkwire.wire.message.lenient import ID_LENGTH, TARGETS, Id

_Id = int | Annotated[str, Meta(max_length=ID_LENGTH)] | None
_Targets = Annotated[list[str], Meta(min_length=1, max_length=TARGETS)]
_Channels = Annotated[
    list[Annotated[str, Meta(max_length=CHANNEL_LENGTH)]], Meta(min_length=1, max_length=TARGETS)
]


class ConnectionEvent(Struct, frozen=True, gc=False, kw_only=True, tag_field="type", tag="connection"):
    """Asks who one is here."""

    id: _Id = None


class WalkerEvent(Struct, frozen=True, gc=False, kw_only=True, tag_field="type", tag="walker"):
    """Runs a walker. `node` None or "" is the caller's own root; `context` its fields, a JSON object as it came."""

    id: _Id = None
    walker: str
    node: str | None = None
    response: bool = False
    context: Raw = Raw(b"{}")


class UserEvent(Struct, frozen=True, gc=False, kw_only=True, tag_field="type", tag="user"):
    """Sends `data`, an object, to all sockets of users. `root_ids` are references or bare ids, not yet looked at."""

    id: _Id = None
    root_ids: _Targets
    data: Raw


class ChannelEvent(Struct, frozen=True, gc=False, kw_only=True, tag_field="type", tag="channel"):
    """Sends `data`, an object, to all sockets in channels."""

    id: _Id = None
    channel_ids: _Channels
    data: Raw


class ClientEvent(Struct, frozen=True, gc=False, kw_only=True, tag_field="type", tag="client"):
    """Sends `data`, an object, to single sockets."""

    id: _Id = None
    client_ids: _Targets
    data: Raw


class JoinEvent(Struct, frozen=True, gc=False, kw_only=True, tag_field="type", tag="join"):
    """Enters channels."""

    id: _Id = None
    channel_ids: _Channels


class LeaveEvent(Struct, frozen=True, gc=False, kw_only=True, tag_field="type", tag="leave"):
    """Leaves channels."""

    id: _Id = None
    channel_ids: _Channels


class ChangeUserEvent(Struct, frozen=True, gc=False, kw_only=True, tag_field="type", tag="change_user"):
    """Becomes another user. No token: the public one."""

    id: _Id = None
    token: str | None = None


class Unreadable(Struct, frozen=True):
    """Bytes that are no event, and what is to be said of them. `id` is the event's, if it had a good one."""

    error: BadEvent
    id: Id = None


Spoken = (
    ConnectionEvent
    | WalkerEvent
    | UserEvent
    | ChannelEvent
    | ClientEvent
    | JoinEvent
    | LeaveEvent
    | ChangeUserEvent
)
Event = Spoken | Unreadable

_decode = msgspec.json.Decoder(Spoken).decode
_kinds: dict[str, type[Spoken]] = {
    "connection": ConnectionEvent,
    "walker": WalkerEvent,
    "user": UserEvent,
    "channel": ChannelEvent,
    "client": ClientEvent,
    "join": JoinEvent,
    "leave": LeaveEvent,
    "change_user": ChangeUserEvent,
}


def decode(payload: bytes) -> Event:
    """Read one message of a client.

    msgspec reads what is exactly right. What it refuses is read again by `lenient`, which takes the booleans that the seed
    took, or says what is wrong in pydantic's words.
    """
    try:
        text.check(payload)
    except BadEvent as error:
        return Unreadable(error)
    try:
        event = _decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _read_again(payload)
    return event if _holds_objects(event) else _read_again(payload)


def _holds_objects(event: Spoken) -> bool:
    if isinstance(event, ChannelEvent | UserEvent | ClientEvent):
        return bytes(event.data).startswith(b"{")
    return not isinstance(event, WalkerEvent) or bytes(event.context).startswith(b"{")


def _read_again(payload: bytes) -> Event:
    try:
        kind, fields = lenient.read(payload)
    except BadEvent as error:
        return Unreadable(error, lenient.find_id(payload))
    return _kinds[kind](**fields)
