"""Frame: encodes what the server sends. `docs/protocol.md` specifies each of these shapes."""

from __future__ import annotations

from functools import cache
from typing import Any, Literal

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType
from pydantic_core import PydanticSerializationError, to_json
from websockets.frames import Frame, Opcode

from walkwire.errors import BadEvent, Internal, Limited, PublicError
from walkwire.ids import root_reference
from walkwire.wire.message.bounds import LONGEST_ECHO
from walkwire.wire.message.lenient import Id

LIMIT = 16 * 1024 * 1024  # bytes in a frame of the server
BODY_LIMIT = LIMIT - 1024  # of a walker's answer, which may be sent inside a reply
SMALL = 4096  # bytes in a payload; heads of small frames are cached, one for each size
PING = Frame(Opcode.PING, b"").serialize(mask=False)

_encode = msgspec.json.Encoder().encode
_NULL = Raw(b"null")


def text(payload: bytes) -> bytes:
    """Return a payload in its RFC 6455 text frame. A server's frames are not masked: the same bytes serve every receiver."""
    size = len(payload)
    return _head(size) + payload if size <= SMALL else Frame(Opcode.TEXT, payload).serialize(mask=False)


def payloads(data: bytes) -> list[bytes]:
    """Return the payloads of whole, unmasked frames, as the server writes them."""
    payloads = []
    place = 0
    while place < len(data):
        size = data[place + 1]
        place += 2
        if size > 125:
            width = 2 if size == 126 else 8
            size = int.from_bytes(data[place : place + width], "big")
            place += width
        payloads.append(data[place : place + size])
        place += size
    return payloads


def who(client_id: str, root_id: str, channel_id: str) -> bytes:
    """Return the data of a connection frame."""
    return _encode(_Who(client_id, root_reference(root_id), channel_id))


def connection(data: bytes) -> bytes:
    """Return a connection frame. `data` is the `who` of the client."""
    return _encode(_Connection(Raw(data)))


def expiring(expires: int) -> bytes:
    """Return the frame that tells a client when its token expires, in Unix seconds."""
    return _encode(_Expiring(_Expiry(expires)))


def reply(event_id: Id, data: bytes | None = None) -> bytes:
    """Return the reply to an event that has an id and succeeded. `data` is JSON."""
    return _encode(_Reply(id=_id(event_id), data=_NULL if data is None else Raw(data)))


def refusal(event_id: Id, error: PublicError) -> bytes:
    """Return the reply to an event that has an id and failed."""
    return _encode(_Refusal(id=_id(event_id), error=_problem(error)))


def error(error: PublicError, is_walker: bool = False) -> bytes:
    """Return the frame for an error of an event without an id. Its shape depends on the event and on the error."""
    if isinstance(error, BadEvent) and error.details is not None:
        return _encode(_Error(_details(error)))
    if is_walker and not isinstance(error, Internal):
        return _encode(_WalkerError(_plain(error.message)))
    return _encode(_Error(_plain(error.message), _development(error)))


def client_event(root_id: str, client_id: str, data: bytes) -> bytes:
    """Return `data` that a client sends, with its user and connection beside it. `data` is JSON."""
    return _encode(_ClientEvent(_Sent(root_reference(root_id), client_id, Raw(data))))


def resync(stream: str, channel_id: str | None, at: str, reason: str) -> bytes:
    """Return the frame for a client of version 2 that notifications of a stream were lost before the position `at`."""
    return _encode(_Resync(stream, UNSET if channel_id is None else channel_id, at, reason))


def joined(channel_id: str, at: str) -> bytes:
    """Return the frame for a client of version 2 that it is in a channel now, without having asked, behind the position `at`."""
    return _encode(_Joined(channel_id, at))


def left(channel_id: str, reason: str | None = None) -> bytes:
    """Return the frame for a client of version 2 that it is no longer in a channel, without having left."""
    return _encode(_Left(channel_id, UNSET if reason is None else reason))


def session(token: str) -> bytes:
    """Return the frame that gives a client of version 2 a newer session token."""
    return _encode(_Session(token))


def error_2(error: PublicError) -> bytes:
    """Return the frame for a client of version 2 whose event without an id failed."""
    return _encode(_Error2(_problem(error)))


@cache
def _head(size: int) -> bytes:
    return Frame(Opcode.TEXT, bytes(size)).serialize(mask=False).removesuffix(bytes(size))


class _Who(Struct, gc=False):
    client_id: str
    root_id: str
    channel_id: str


class _Connection(Struct, gc=False, tag_field="type", tag="connection"):
    data: Raw


class _Expiry(Struct, gc=False):
    expiration: int


class _Expiring(Struct, gc=False, tag_field="type", tag="expiring"):
    data: _Expiry


class _Sent(Struct, gc=False):
    root_id: str
    client_id: str
    data: Raw


class _ClientEvent(Struct, gc=False, tag_field="type", tag="client_event"):
    data: _Sent


class _Reply(Struct, gc=False, kw_only=True, tag_field="type", tag="reply"):
    id: Raw
    ok: Literal[True] = True
    data: Raw


class _Problem(Struct, gc=False):
    code: str
    message: str
    retry_in: int | UnsetType = UNSET
    development: str | UnsetType = UNSET


class _Refusal(Struct, gc=False, kw_only=True, tag_field="type", tag="reply"):
    id: Raw
    ok: Literal[False] = False
    error: _Problem


class _Resync(Struct, gc=False, tag_field="type", tag="resync"):
    stream: str
    channel_id: str | UnsetType
    at: str
    reason: str


class _Joined(Struct, gc=False, tag_field="type", tag="joined"):
    channel_id: str
    at: str


class _Left(Struct, gc=False, tag_field="type", tag="left"):
    channel_id: str
    reason: str | UnsetType = UNSET


class _Session(Struct, gc=False, tag_field="type", tag="session"):
    session: str


class _Error2(Struct, gc=False, tag_field="type", tag="error"):
    error: _Problem


class _Error(Struct, gc=False):
    error: str | Raw
    development: str | UnsetType = UNSET


class _WalkerError(Struct, gc=False, tag_field="type", tag="walker"):
    error: str


def _problem(error: PublicError) -> _Problem:
    retry_in = error.retry_in if isinstance(error, Limited) else None
    later = UNSET if retry_in is None else retry_in
    return _Problem(_plain(error.code), _plain(error.message), later, _development(error))


def _development(error: PublicError) -> str | UnsetType:
    """Return the sentence of a fault, which `walkwire dev` shows to clients; UNSET anywhere else."""
    shown = error.shown if isinstance(error, Internal) else None
    return UNSET if shown is None else _plain(shown)


def _id(event_id: Id) -> Raw:
    return Raw(str(event_id).encode() if isinstance(event_id, int) else _encode(event_id))  # ints of any size


def _plain(words: str) -> str:
    return words.encode("utf-8", "replace").decode()  # a program's message may contain a lone surrogate


def _details(error: BadEvent) -> Raw | str:
    details: Any = error.details
    try:
        told = to_json(details, inf_nan_mode="null", serialize_unknown=True)
        if len(told) > LONGEST_ECHO:
            without = [{**detail, "input": None} for detail in details]
            told = to_json(without, inf_nan_mode="null", serialize_unknown=True)
        return Raw(told)
    except (PydanticSerializationError, ValueError):
        return _plain(error.message)
