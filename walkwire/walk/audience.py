"""Addressees: who a notification is for, and what to drop when one of them falls behind."""

from __future__ import annotations

from typing import Literal, NamedTuple

from walkwire.store import StreamEntry

Overflow = Literal["close", "drop_oldest", "latest"]


class Addressees(NamedTuple):
    """Who receives a notification, or which client joins or leaves which channels, or that rights on nodes changed.

    - kind: `users`, `channels`, `clients`, `join`, `leave` or `rights`
    - targets: root ids, channel ids or client ids; for `join` and `leave` a client id, then channel ids; for `rights` nothing, as
      the data (`walk/access`) says all
    - keep: the overflow policy of the notification; None: the configured one
    - entries: what was written of it to durable streams
    - record: the record of the walk that sends it, for watchers; None: nobody watches
    """

    kind: str
    targets: tuple[str, ...]
    keep: Overflow | None = None
    entries: tuple[StreamEntry, ...] = ()
    record: object = None
