"""Envelope: what one server publishes to others through the broker, and the topic that it is published to."""

from __future__ import annotations

import hashlib
import re

import msgspec
from msgspec import Struct

from walkwire.history import Mark
from walkwire.ids import SESSIONS, server_of
from walkwire.wire.message.notification import Kind, Overflow

REVOKED = "revoked"  # the topic of revoked tokens and ended sessions, which all servers subscribe
KEPT = "r."  # how the topics of entries of durable streams begin
ALL = "all"  # the topic of messages to so many targets that one for all servers is less

_PLAIN = re.compile(r"[A-Za-z0-9:_-]{1,100}\Z")


class Head(Struct, frozen=True, array_like=True):
    """The head of an envelope. A server ignores kinds that it does not know, so that servers of two versions work together.

    - server: id of the server that publishes it
    - number: counts the envelopes of that server
    - targets: as in Notification
    - channel: for the kinds join and leave
    - has_copies: whether it was published to several topics
    - overflow: as in Notification, decided by the server that publishes it
    """

    server: str
    number: int
    kind: str  # users, channels, clients, join, leave, revoked, ended
    targets: tuple[str, ...]
    channel: str = ""
    has_copies: bool = False
    overflow: Overflow = "close"


_BARE = {kind: kind.encode() for kind in ("users", "channels", "clients")}

_head = msgspec.json.Decoder(Head)


def encode(head: Head, data: bytes = b"") -> bytes:
    """Return the head as JSON without line breaks, a line break, and the data."""
    return b"%b\n%b" % (msgspec.json.encode(head), data)


def decode(message: bytes) -> tuple[Head, bytes]:
    """Return the head and the data. Raises ValueError if `message` is no envelope."""
    head, _, data = message.partition(b"\n")
    try:
        return _head.decode(head), data
    except msgspec.DecodeError as error:
        raise ValueError(f"Not an envelope of walkwire: {error}") from None


def bare(kind: str, data: bytes) -> bytes:
    """Return an entry of a stream that stays on this server: only the kind and the data."""
    return b"%b\n%b" % (_BARE[kind], data)


def parts(entry: bytes) -> tuple[str, str, bytes]:
    """Return the kind, the channel and the data of an entry of a stream. Raises ValueError if it is no envelope."""
    if not entry.startswith(b"["):
        kind, _, data = entry.partition(b"\n")
        return kind.decode(), "", data
    head, data = decode(entry)
    return head.kind, head.channel, data


def encode_kept(mark: Mark, message: bytes) -> bytes:
    """Return an entry of a durable stream as it is published to the servers that listen to `kept_topic`."""
    return b"%b %d %d\n%b" % (mark.epoch.encode(), mark.offset, mark.offset - 1, message)


def decode_kept(message: bytes) -> tuple[Mark, int, bytes]:
    """Return the place of an entry, the offset of the entry before it, and the entry. Raises ValueError."""
    head, _, entry = message.partition(b"\n")
    epoch, offset, previous = head.split(b" ")[:3]  # traces write behind them
    return Mark(epoch.decode(), int(offset)), int(previous), entry


def kept_topic(topic: str) -> str:
    """Return the topic on which the entries of a durable stream are published, each behind its place."""
    return f"{KEPT}{topic}"


def user_topic(root_id: str) -> str:
    """Return the topic of a user."""
    return f"u.{root_id}"


def channel_topic(channel_id: str) -> str:
    """Return the topic of a channel. An id that is long, or that a broker may not accept as a name, is hashed."""
    if _PLAIN.match(channel_id):
        return f"c.{channel_id}"
    return f"h.{hashlib.blake2b(channel_id.encode('utf-8', 'surrogatepass'), digest_size=16).hexdigest()}"


def client_topic(client_id: str) -> str:
    """Return the topic of a client that may be connected to any server: one of version 2."""
    return f"k.{client_id}"


def stream_topic(kind: Kind, name: str) -> str:
    """Return the topic of the stream of a user, channel or client."""
    if kind == "channels":
        return channel_topic(name)
    return user_topic(name) if kind == "users" else client_topic(name)


def server_topic(server: str) -> str:
    """Return the topic of the clients and of the random channels of one server."""
    return f"s.{server}"


def topics(kind: str, target: str) -> tuple[str, ...]:
    """Return the topics to which a notification for `target` is published. The server that made a random channel receives it on
    its own topic."""
    if kind == "users":
        return (user_topic(target),)
    server = server_of(target)
    if server == SESSIONS:
        return (client_topic(target),) if kind == "clients" else (channel_topic(target),)
    own = () if server is None else (server_topic(server),)
    return own if kind == "clients" else (*own, channel_topic(target))
