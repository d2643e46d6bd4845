"""Notification: data for some receivers, ready to be sent."""

from __future__ import annotations

from typing import Literal, NamedTuple

from msgspec import Struct

from walkwire.history import Mark

Kind = Literal["users", "channels", "clients"]

Overflow = Literal["close", "drop_oldest", "latest"]
"""What is dropped when a client falls behind.

- close: nothing; the connection is aborted when too many bytes wait
- drop_oldest: the oldest frames
- latest: all frames for the same targets but the latest
"""


class Kept(NamedTuple):
    """What a durable stream has of a notification. The place is None if it is not known: listeners read it from the history."""

    topic: str
    mark: Mark | None


class Notification(Struct, frozen=True, gc=False):
    """Data for users, channels or clients.

    - targets: root ids (24 hexadecimal digits), channel ids or client ids; unknown ones are skipped
    - data: JSON
    - overflow: overflow policy; None: the one that is configured for the channel
    - kept: what was written to durable streams before

    A client that is reached by several targets receives the data once.
    """

    kind: Kind
    targets: tuple[str, ...]
    data: bytes
    overflow: Overflow | None = None
    kept: tuple[Kept, ...] = ()
