"""Limits: bounds on what one connection may use, and on how long it may be silent."""

from __future__ import annotations

from dataclasses import dataclass

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in bytes, times in seconds. A queue that is full is not read further."""

    frame: int = MEBIBYTE  # largest message of a client; beyond it, close code 1009
    unsent: int = MEBIBYTE  # most that may wait for a client; beyond it, the connection is aborted
    channels: int = 128  # most memberships of a connection
    side_by_side: int = 8  # walkers of a connection that run concurrently
    waiting_events: int = 64  # queued events of a connection
    waiting_bytes: int = MEBIBYTE // 4
    ping: float = 25.0  # silence before a ping
    pong: float = 20.0  # wait for its pong
    goodbye: float = 5.0  # wait for the peer's close frame
