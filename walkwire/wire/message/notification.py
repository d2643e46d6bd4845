"""Notification: an audience and ready bytes."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Kind = Literal["users", "channels", "clients"]

Keep = Literal["close", "drop_oldest", "latest"]
"""What becomes of frames that a slow client was not sent: all are kept, and the client is closed when they are too many; the
oldest are dropped; or only the latest for the same audience is kept."""


class Notification(Struct, frozen=True, gc=False):
    """What is told to whom. `targets` are root ids (24 digits), channel ids or client ids; `data` is JSON, ready to be sent.

    Whoever is meant by several targets hears it once. Unknown targets are skipped. `keep` None: as the channel's setting says.
    """

    kind: Kind
    targets: tuple[str, ...]
    data: bytes
    keep: Keep | None = None
