"""Watchers: the clients of this server in channels that follow a node, those that may not hear them included."""

from __future__ import annotations

from collections.abc import Callable

from walkwire.wire.delivery.client import Client


class Watchers:
    """Which clients are, or would like to be, in which channels that follow a node.

    - watch, unwatch: called when a channel gets its first client, and when it loses its last one
    """

    def __init__(self, watch: Callable[[str], None], unwatch: Callable[[str], None]) -> None:
        self._watch = watch
        self._unwatch = unwatch
        self._clients: dict[str, dict[Client, None]] = {}  # in the order in which they came

    def __bool__(self) -> bool:
        return bool(self._clients)

    def add(self, channel_id: str, client: Client) -> None:
        """Add a client, if it is not there."""
        clients = self._clients.get(channel_id)
        if clients is None:
            self._clients[channel_id] = {client: None}
            self._watch(channel_id)
        else:
            clients[client] = None

    def discard(self, channel_id: str, client: Client) -> None:
        """Remove a client, if it is there."""
        clients = self._clients.get(channel_id)
        if clients is None or client not in clients:
            return
        del clients[client]
        if not clients:
            del self._clients[channel_id]
            self._unwatch(channel_id)

    def of(self, channel_id: str) -> list[Client]:
        """Return the clients of a channel."""
        return list(self._clients.get(channel_id, ()))
