"""Levels: how much is kept of each stream, by the settings."""

from __future__ import annotations

from collections.abc import Mapping

from walkwire.history import RECENT, Retention
from walkwire.wire.delivery.patterns import Patterns
from walkwire.wire.message.notification import Kind


class Levels:
    """The level of each stream. May be called in any thread.

    - channels: by pattern of the channel's id; the first that matches counts
    - users: of the streams of users
    - client_seconds: how long the stream of a client may be needed after its connection ended
    """

    def __init__(
        self,
        channels: Mapping[str, Retention] | None = None,
        users: Retention = RECENT,
        client_seconds: float = RECENT.seconds,
    ) -> None:
        self._channels = Patterns(channels or {}, RECENT)
        self._users = users
        self._clients = RECENT._replace(seconds=max(client_seconds, RECENT.seconds))

    def __call__(self, kind: Kind, name: str) -> Retention:
        """Return how much is kept of a stream."""
        if kind == "channels":
            return self._channels.find(name) if self._channels else RECENT
        return self._users if kind == "users" else self._clients

    @property
    def has_durable(self) -> bool:
        """Return whether any stream is kept in the database."""
        return self._users.is_durable or any(level.is_durable for level in self._channels.values())
