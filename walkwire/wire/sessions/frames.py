"""Frames: what the server sends to clients of version 2 alone (`docs/protocol-v2.md`)."""

from __future__ import annotations

import time
from collections.abc import Mapping

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from walkwire.history import Mark
from walkwire.ids import root_reference
from walkwire.wire.streams import position
from walkwire.wire.streams.recovery import Recovery

_encode = msgspec.json.Encoder().encode


class Begin(Struct, gc=False):
    """Where a stream begins for a client; see `Recovery`."""

    at: str | UnsetType
    recovered: bool | None
    reason: str | UnsetType = UNSET
    presence: Raw | UnsetType = UNSET


class _Own(Struct, gc=False):
    user: Begin
    client: Begin
    channels: dict[str, Begin]


class _Connected(Struct, gc=False):
    client_id: str
    root_id: str
    session: str
    session_seconds: int
    streams: _Own


class _Joined(Struct, gc=False):
    channels: dict[str, Begin]


class _Kept(Struct, gc=False):
    at: str
    data: Raw


class _History(Struct, gc=False):
    channel_id: str
    messages: list[_Kept]
    has_more: bool


class _Time(Struct, gc=False):
    time: int


def begin(recovery: Recovery, presence: bytes | None = None) -> Begin:
    """Return where a stream begins, and who is there (JSON)."""
    at = UNSET if recovery.at is None else position.text_of(recovery.at)
    there = UNSET if presence is None else Raw(presence)
    return Begin(at, recovery.recovered, recovery.reason or UNSET, there)


def connected(
    client_id: str,
    root_id: str,
    session: str,
    session_seconds: float,
    own: tuple[Recovery, Recovery],
    channels: Mapping[str, Recovery],
    presence: Mapping[str, bytes],
) -> bytes:
    """Return the data of the reply to `connect` and `change_user`. `own`: of the streams of the user and of the client."""
    told = {name: begin(each, presence.get(name)) for name, each in channels.items()}
    streams = _Own(begin(own[0]), begin(own[1]), told)
    return _encode(_Connected(client_id, root_reference(root_id), session, int(session_seconds), streams))


def joined(channels: Mapping[str, Recovery], presence: Mapping[str, bytes]) -> bytes:
    """Return the data of the reply to `join`."""
    return _encode(_Joined({name: begin(each, presence.get(name)) for name, each in channels.items()}))


def history(channel_id: str, messages: list[tuple[Mark, bytes]], has_more: bool) -> bytes:
    """Return a page of notifications. Their data is JSON."""
    kept = [_Kept(position.text_of(mark), Raw(data)) for mark, data in messages]
    return _encode(_History(channel_id, kept, has_more))


def pong() -> bytes:
    """Return the server's time, in Unix milliseconds."""
    return _encode(_Time(time.time_ns() // 1_000_000))
