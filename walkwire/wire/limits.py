"""Limits: bounds on what one connection may use, and on how long it may be silent."""

from __future__ import annotations

from collections.abc import Sized
from dataclasses import dataclass

from walkwire.errors import Limited

SESSION_TOKENS = (
    1.5  # times `session_seconds` that a session token is valid: it is renewed before half of that is over
)
MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in bytes, times in seconds. A queue that is full is not read further. A rate of 0 is no limit."""

    frame: int = MEBIBYTE  # largest message of a client; beyond it, close code 1009
    public_frame: int = MEBIBYTE  # the same of a client that has not signed in
    elements: int = 1_000_000  # JSON values in one message (`wire/message/elements`)
    targets: int = 1000  # users, channels or clients that one event names
    unsent: int = MEBIBYTE  # most that may wait for a client; beyond it, the connection is aborted
    channels: int = 128  # most memberships of a connection
    channel_characters: int = 16 * 1024  # of the ids of a connection's channels, all together
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
    connect_seconds: float = 10.0  # for the first event of a client of version 2
    session_seconds: float = 300.0  # for which a session can be continued after its connection has ended
    memory: int = 256 * MEBIBYTE  # bytes that may be unfinished or unsent, of all connections
    user_connections: int = 0  # most WebSockets of one user; 0: no limit
    address_connections: int = 0  # most connections of one address, HTTP included; 0: no limit
    anonymous_connections: int = 0  # most WebSockets without a user; 0: no limit
    events: float = 0.0  # a second, of a connection; see `wire/rates`
    bytes: float = 0.0  # a second, of a connection
    joins: float = 0.0  # channels that a connection may join in a second
    burst: float = 10.0  # seconds of these rates that may be used at once
    patience: float = 30.0  # seconds that a connection may stay over its rates; then it is closed
    user_share: float = 4.0  # how many connections' rates a user has
    address_share: float = 20.0  # how many connections' rates an address has

    @property
    def has_rates(self) -> bool:
        """Return whether any rate is limited."""
        return bool(self.events or self.bytes or self.joins)

    def require_few(self, targets: Sized) -> None:
        """Raise Limited if an event names too many targets."""
        if len(targets) > self.targets:
            raise Limited(f"An event may name {self.targets:,} targets.")
