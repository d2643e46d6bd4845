"""Connections: all connections of a server, and how the server closes them."""

from __future__ import annotations

import asyncio
from asyncio import Task

from walkwire.wire.delivery.turn import Turn
from walkwire.wire.heartbeat import Heartbeat
from walkwire.wire.hub import Hub
from walkwire.wire.message.close import Close


class Connections:
    """State that a server's connections share.

    - under_way: the tasks that handle events
    - is_leaving: new sockets are refused before their handshake; set when the server begins to stop
    - is_finishing: no further events are handled
    - closing: sent to each new connection instead of a greeting; None: it is greeted
    """

    def __init__(self, hub: Hub, turn: Turn, heartbeat: Heartbeat) -> None:
        self.under_way: set[Task[None]] = set()
        self.is_leaving = False
        self.is_finishing = False
        self.closing: Close | None = None
        self._hub = hub
        self._turn = turn
        self._heartbeat = heartbeat

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
