"""Notification: an audience and ready bytes."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Kind = Literal["users", "channels", "clients"]


class Notification(Struct, frozen=True, gc=False):
    """What is told to whom. `targets` are root ids (24 digits), channel ids or client ids; `data` is JSON, ready to be sent.

    Whoever is meant by several targets hears it once. Unknown targets are skipped.
    """

    kind: Kind
    targets: tuple[str, ...]
    data: bytes
