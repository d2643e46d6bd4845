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
    message_seconds: float = 60.0  # for a message to arrive; at most twice that
    first_seconds: float = (
        0.0  # for a first event, unless the client signs in; at most twice that; 0: no limit
    )
    memory: int = 256 * MEBIBYTE  # bytes that may be unfinished or unsent, of all connections
    user_connections: int = 0  # most WebSockets of one user; 0: no limit
    address_connections: int = 0  # most connections of one address, HTTP included; 0: no limit
    anonymous_connections: int = 0  # most WebSockets without a user; 0: no limit
