"""Limits: how much one connection may have, and how long it may be silent."""

from __future__ import annotations

from dataclasses import dataclass

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in bytes, times in seconds."""

    frame: int = MEBIBYTE  # of a client's message; beyond: 1009
    unsent: int = MEBIBYTE  # before a frame for a client; beyond: it is cut off
    channels: int = 128  # of a connection
    side_by_side: int = 8  # walkers of a connection
    waiting_events: int = 64  # of a connection, behind one that is being handled; beyond, it is not read
    waiting_bytes: int = MEBIBYTE // 4
    ping: float = 25.0  # of silence
    pong: float = 20.0
    goodbye: float = 5.0
