"""Letter: what one server tells another through the broker, and the topic each letter goes to."""

from __future__ import annotations

import hashlib
import re

import msgspec
from msgspec import Struct

from walkwire.ids import server_of
from walkwire.wire.message.notification import Overflow

REVOKED = "revoked"  # the topic on which all servers hear of tokens that were revoked

_PLAIN = re.compile(r"[A-Za-z0-9:_-]{1,100}\Z")


class Head(Struct, frozen=True, array_like=True):
    """Who writes, their count of letters, what about. `targets` as in Notification; `channel` for join and leave only;
    `has_copies`: the same letter went to several topics; `overflow` as in Notification, decided by who writes.

    A server that meets a kind it does not know passes the letter over, so that servers of two versions can run side by side.
    """

    server: str
    number: int
    kind: str  # users, channels, clients, join, leave, revoked
    targets: tuple[str, ...]
    channel: str = ""
    has_copies: bool = False
    overflow: Overflow = "close"


_head = msgspec.json.Decoder(Head)


def encode(head: Head, data: bytes = b"") -> bytes:
    """The head as JSON, which has no line break, then a line break, then the data as it is."""
    return b"%b\n%b" % (msgspec.json.encode(head), data)


def decode(message: bytes) -> tuple[Head, bytes]:
    """Raises ValueError for what is no letter."""
    head, _, data = message.partition(b"\n")
    try:
        return _head.decode(head), data
    except msgspec.DecodeError as error:
        raise ValueError(f"Not a letter of walkwire: {error}") from None


def user_topic(root_id: str) -> str:
    """What is told to a user."""
    return f"u.{root_id}"


def channel_topic(channel_id: str) -> str:
    """What is told in a channel. Ids that a broker might not take as a name, or that are long, go by their hash."""
    if _PLAIN.match(channel_id):
        return f"c.{channel_id}"
    return f"h.{hashlib.blake2b(channel_id.encode('utf-8', 'surrogatepass'), digest_size=16).hexdigest()}"


def server_topic(server: str) -> str:
    """What is told to the clients, and in the random channels, of one server."""
    return f"s.{server}"


def topics(kind: str, target: str) -> tuple[str, ...]:
    """Where a notification for `target` goes. A channel that a server made is heard by that server on its own topic."""
    if kind == "users":
        return (user_topic(target),)
    server = server_of(target)
    own = () if server is None else (server_topic(server),)
    return own if kind == "clients" else (*own, channel_topic(target))
