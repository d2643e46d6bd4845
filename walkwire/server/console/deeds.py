"""Deeds: what an operator does from the console: send, disconnect, broadcast, drain. Each is written to the log."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from walkwire.errors import PublicError
from walkwire.ids import parse_root
from walkwire.server.http.health import Health
from walkwire.wire.delivery.client import Client
from walkwire.wire.message.close import DRAIN, REFUSED, Close
from walkwire.wire.message.notification import Kind, Notification
from walkwire.wire.wire import Wire

TARGETS = 1000
PIECE = 500  # clients that are closed, or told, in one turn of the event loop
DRAIN_SECONDS = 10.0
_CLOSED = REFUSED._replace(reason="disconnected by an operator")
_AGAIN = DRAIN._replace(reason="disconnected by an operator")

_log = logging.getLogger(__name__)


class Deeds:
    """Acts on the clients of this server. Each call returns what was done, as JSON."""

    def __init__(self, wire: Wire, health: Health) -> None:
        self._wire = wire
        self._health = health
        self._draining: asyncio.Task[None] | None = None

    @property
    def is_draining(self) -> bool:
        """Return whether clients are sent elsewhere."""
        return self._draining is not None

    async def send(self, kind: str, targets: list[str], data: bytes, who: str) -> dict[str, Any]:
        """Send `data`, JSON, to users, channels or clients on all servers. Raises PublicError."""
        if not targets or len(targets) > TARGETS:
            raise PublicError("bad_event", f"A notification has 1 to {TARGETS} receivers", 400)
        names = tuple(parse_root(one) for one in targets) if kind == "users" else tuple(targets)
        taken = self._wire.hub.publish(Notification(_kind_of(kind), names, data))
        if taken is not None:
            await taken
        _log.warning("Console (%s): sent %d bytes to %d %s", who, len(data), len(names), kind)
        return {"sent": len(names)}

    async def broadcast(self, data: bytes, who: str) -> dict[str, Any]:
        """Send `data`, JSON, to all clients of this server."""
        clients = [client.id for client in self._wire.hub.everybody()]
        for start in range(0, len(clients), PIECE):
            self._wire.hub.notify(Notification("clients", tuple(clients[start : start + PIECE]), data))
            await asyncio.sleep(0)
        _log.warning(
            "Console (%s): sent %d bytes to all %d clients of this server", who, len(data), len(clients)
        )
        return {"sent": len(clients)}

    def disconnect(self, client_ids: list[str], again: bool, who: str) -> dict[str, Any]:
        """Close connections. `again`: with a code by which a client connects again at once; otherwise it stays away."""
        found = [
            client for id in client_ids[:TARGETS] if (client := self._wire.hub.clients.get(id)) is not None
        ]
        for client in found:
            self._close(client, _AGAIN if again else _CLOSED)
        _log.warning("Console (%s): disconnected %d clients", who, len(found))
        return {"closed": len(found)}

    def drain(self, who: str, seconds: float = DRAIN_SECONDS) -> dict[str, Any]:
        """Take no new connection, report this server as not ready, and close the connections over some seconds."""
        if self._draining is None:
            _log.warning("Console (%s): this server is drained", who)
            self._health.drain("the server is drained by an operator")
            self._wire.connections.is_leaving = True
            self._draining = asyncio.ensure_future(self._drain(seconds))
        return {"draining": True}

    async def drained(self) -> None:
        """Wait until a drain has closed all connections."""
        if self._draining is not None:
            await asyncio.wait([self._draining])

    def resume(self, who: str) -> dict[str, Any]:
        """End a drain: take connections again."""
        if self._draining is not None:
            _log.warning("Console (%s): this server takes connections again", who)
            self._draining.cancel()
            self._draining = None
            self._health.drain(None)
            self._wire.connections.is_leaving = False
        return {"draining": False}

    async def stop(self) -> None:
        """End a drain that is under way."""
        if self._draining is not None:
            self._draining.cancel()

    async def _drain(self, seconds: float) -> None:
        pieces = 20
        clients = self._wire.hub.everybody()
        size = max(1, -(-len(clients) // pieces))
        for start in range(0, len(clients), size):
            for number, client in enumerate(clients[start : start + size]):
                self._close(client, DRAIN)
                if number % PIECE == PIECE - 1:
                    await asyncio.sleep(0)
            await asyncio.sleep(seconds / pieces)

    def _close(self, client: Client, close: Close) -> None:
        if self._wire.hub.clients.get(client.id) is client:
            self._wire.turn.close(client, close)
            self._wire.hub.exit(client)


def _kind_of(text: str) -> Kind:
    """Return the kind of receivers that a text names. Raises PublicError."""
    match text:
        case "users" | "channels" | "clients":
            return text
    raise PublicError("bad_event", "kind is one of users, channels, clients", 400)
