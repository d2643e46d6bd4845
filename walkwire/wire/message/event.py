"""Event: what a client may send (`docs/protocol.md`, "Events of a client").

A subclass of `BaseEvent` in this file is the whole declaration of an event: the decoders are derived from it. A method of
`wire/connection` marked `@handles(…)` handles it.
"""

from __future__ import annotations

from typing import Annotated, Any, Union

import msgspec
from msgspec import Meta, Raw, Struct

from walkwire.errors import BadEvent, PublicError
from walkwire.ids import CHANNEL_LENGTH
from walkwire.wire.message import text
from walkwire.wire.message.bounds import ID_LENGTH, KEY_LENGTH, LONGEST_ECHO, LONGEST_NOTICE, TARGETS
from walkwire.wire.message.lenient import Id, Lenient, find_id, raw_fields

_Targets = Annotated[list[str], Meta(min_length=1, max_length=TARGETS)]
_Channels = Annotated[
    list[Annotated[str, Meta(max_length=CHANNEL_LENGTH)]], Meta(min_length=1, max_length=TARGETS)
]


class BaseEvent(Struct, frozen=True, gc=False, kw_only=True, tag_field="type"):
    """Base of all events. The tag of a subclass is its `type` in JSON.

    - id: chosen by the client and repeated in the reply; None: the client wants no reply

    A field of type `Raw` holds a JSON object, byte for byte as the client sent it.
    """

    id: int | Annotated[str, Meta(max_length=ID_LENGTH)] | None = None


class ConnectionEvent(BaseEvent, frozen=True, kw_only=True, tag="connection"):
    """Asks for the client's own ids."""


class WalkerEvent(BaseEvent, frozen=True, kw_only=True, tag="walker"):
    """Runs a walker.

    - walker: its name
    - node: reference of the node where it starts; None or "": the caller's own root
    - response: whether an event without an id is answered
    - context: the walker's fields
    - key: events with the same key are done once; None: there is no key
    """

    walker: str
    node: str | None = None
    response: bool = False
    context: Raw = Raw(b"{}")
    key: Annotated[str, Meta(min_length=1, max_length=KEY_LENGTH)] | None = None


class UserEvent(BaseEvent, frozen=True, kw_only=True, tag="user"):
    """Sends `data` to all sockets of users. `root_ids` are references or bare ids, not validated yet."""

    root_ids: _Targets
    data: Raw


class ChannelEvent(BaseEvent, frozen=True, kw_only=True, tag="channel"):
    """Sends `data` to all sockets in channels."""

    channel_ids: _Channels
    data: Raw


class ClientEvent(BaseEvent, frozen=True, kw_only=True, tag="client"):
    """Sends `data` to single sockets."""

    client_ids: _Targets
    data: Raw


class JoinEvent(BaseEvent, frozen=True, kw_only=True, tag="join"):
    """Enters channels. `tokens` are channel tokens by channel id; None: there are none."""

    channel_ids: _Channels
    tokens: dict[str, str] | None = None


class LeaveEvent(BaseEvent, frozen=True, kw_only=True, tag="leave"):
    """Leaves channels."""

    channel_ids: _Channels


class ChangeUserEvent(BaseEvent, frozen=True, kw_only=True, tag="change_user"):
    """Signs in as the user of `token`; None or "" signs out.

    - expiring: how many seconds before the token expires the client is told; 0: as it asked when it connected
    """

    token: str | None = None
    expiring: Annotated[int, Meta(ge=0, le=LONGEST_NOTICE)] = 0


class Unreadable(Struct, frozen=True):
    """A message that is no event, or none that may come now. `error` says why; `id` is the event's id if it has a valid one."""

    error: PublicError
    id: Id = None


Event = BaseEvent | Unreadable


class Events:
    """A set of events that can be decoded, made from their structs alone.

    - kinds: the struct for each `type`
    - lenient: decodes what msgspec refuses
    """

    def __init__(self, structs: tuple[type[BaseEvent], ...]) -> None:
        self.kinds: dict[str, type[BaseEvent]] = {
            str(struct.__struct_config__.tag): struct for struct in structs
        }
        self.lenient = Lenient(structs)
        self._raw = {struct: raw_fields(struct) for struct in structs}
        union: Any = Union[structs]  # noqa: UP007  # made at run time
        self._decode = msgspec.json.Decoder(union).decode

    def decode(self, payload: bytes) -> Event:
        """Decode one message of a client. Never raises: what is wrong with it is an `Unreadable`.

        msgspec decodes what is exactly right. What it refuses is decoded again by `lenient`, which accepts other spellings of
        booleans and reports errors in pydantic's words.
        """
        kind = None
        try:
            if len(payload) > LONGEST_ECHO:
                kind = self.lenient.require_type(payload)
            text.check(payload)
        except BadEvent as error:
            return Unreadable(error, find_id(payload) if error.details else None)
        try:
            event: BaseEvent = self._decode(payload)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return self._decode_again(payload, kind)
        for name in self._raw[type(event)]:
            if not bytes(getattr(event, name)).startswith(b"{"):
                return self._decode_again(payload, kind)
        return event

    def _decode_again(self, payload: bytes, known: str | None) -> Event:
        try:
            kind, fields = self.lenient.decode(payload, known)
        except BadEvent as error:
            # What they hold of frames would hold the event: a cycle for the garbage collector.
            error.__traceback__ = error.__context__ = error.__cause__ = None
            return Unreadable(error, find_id(payload))
        return self.kinds[kind](**fields)


EVENTS = Events(tuple(BaseEvent.__subclasses__()))
"""The events of this protocol, in the order of their declaration."""
