"""Connections: all connections of a server, how many each user and address may have, and how the server closes them."""

from __future__ import annotations

import asyncio
from asyncio import Task

from walkwire.ids import PUBLIC_ROOT
from walkwire.wire.delivery.turn import Turn
from walkwire.wire.heartbeat import Heartbeat
from walkwire.wire.hub import Hub
from walkwire.wire.limits import Limits
from walkwire.wire.message.close import FLOODING, Close

REASONS = ("address", "user", "anonymous", "memory", "unfinished", "silent", "request_time", "head_size")
_TOO_MANY = {
    "user": FLOODING._replace(reason="this user has too many connections"),
    "anonymous": FLOODING._replace(reason="too many connections without a user"),
}
FLOOD = 2  # times the limit of an address: a connection beyond it is closed without an answer


class Connections:
    """State that a server's connections share.

    - under_way: the tasks that handle events
    - is_leaving: new sockets are refused before their handshake; set when the server begins to stop
    - is_finishing: no further events are handled
    - closing: sent to each new connection instead of a greeting; None: it is greeted
    - refused: how many connections were refused or closed by a limit, by reason
    """

    def __init__(self, hub: Hub, turn: Turn, heartbeat: Heartbeat, limits: Limits) -> None:
        self.under_way: set[Task[None]] = set()
        self.is_leaving = False
        self.is_finishing = False
        self.closing: Close | None = None
        self.refused = dict.fromkeys(REASONS, 0)
        self._hub = hub
        self._turn = turn
        self._heartbeat = heartbeat
        self._limits = limits
        self._of_addresses: dict[
            str, int
        ] = {}  # how many connections each address has; empty without a limit

    def arrive(self, address: str) -> bool:
        """Count a connection of this address. Return whether it is within the limit. An empty address is not counted.

        `depart` must be called when it is closed, in either case.
        """
        limit = self._limits.address_connections
        if not limit or not address:
            return True
        self._of_addresses[address] = count = self._of_addresses.get(address, 0) + 1
        return count <= limit

    def is_flooding(self, address: str) -> bool:
        """Return whether this address has so many connections over its limit that they are not answered."""
        return self._of_addresses.get(address, 0) > FLOOD * self._limits.address_connections

    def depart(self, address: str) -> None:
        """Count a connection of this address no longer."""
        count = self._of_addresses.get(address, 0)
        if count > 1:
            self._of_addresses[address] = count - 1
        elif count:
            del self._of_addresses[address]

    def refusal(self, root_id: str) -> Close | None:
        """Return how to close a further WebSocket of this user on this server, and count it; None: the user may have it."""
        if root_id == PUBLIC_ROOT:
            limit, reason = self._limits.anonymous_connections, "anonymous"
        else:
            limit, reason = self._limits.user_connections, "user"
        if not limit or self._hub.count(root_id) < limit:
            return None
        self.refuse(reason)
        return _TOO_MANY[reason]

    def refuse(self, reason: str) -> None:
        """Count a connection that is refused or closed by a limit. `reason` is one of `REASONS`."""
        self.refused[reason] += 1

    def add(self, task: Task[None]) -> None:
        """Keep a task that handles an event until it is done."""
        self.under_way.add(task)
        task.add_done_callback(self.under_way.discard)

    async def finish(self, seconds: float) -> None:
        """Handle no further events. Return when those under way are answered, after `seconds` at the latest."""
        self.is_finishing = True
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while self.under_way and loop.time() < end:
            await asyncio.wait(self.under_way, timeout=end - loop.time(), return_when=asyncio.FIRST_COMPLETED)

    async def close_all(self, close: Close, seconds: float) -> None:
        """Close every connection after what was sent to it. Those that are still open after `seconds` are aborted."""
        self.closing = close
        for client in self._hub.everybody():
            self._turn.close(client, close)
            self._hub.exit(client)
        await self._heartbeat.empty(seconds)
