"""Port: accepts a server's connections, from its listeners and from the channel by which the parent process hands some over."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress

from walkwire.server.process import handover


class Port:
    """The listeners of a running server.

    - `protocol`: makes the protocol that serves a connection.
    - `channel`: brings connections of other workers; None if there is none.
    """

    def __init__(
        self,
        protocol: Callable[[], asyncio.BaseProtocol],
        listeners: list[socket.socket],
        servers: list[asyncio.Server],
        channel: socket.socket | None,
    ) -> None:
        self._protocol = protocol
        self._listeners = listeners
        self._servers = servers
        self._channel = channel
        self._adopting: set[asyncio.Task[None]] = set()
        if channel is not None:
            asyncio.get_running_loop().add_reader(channel, self._receive, channel)

    async def close(self) -> None:
        """Stop listening. Connections that are established already are accepted first: closing the listener would reset them."""
        for listener, server in zip(self._listeners, self._servers, strict=True):
            for connection in handover.waiting(listener):
                self._adopt(connection)
            server.close()
        if self._channel is not None:
            self._receive(self._channel)
            asyncio.get_running_loop().remove_reader(self._channel)
        if self._adopting:
            await asyncio.wait(self._adopting)

    def _receive(self, channel: socket.socket) -> None:
        try:
            for connection in handover.received(channel):
                self._adopt(connection)
        except EOFError:  # the parent process has died
            asyncio.get_running_loop().remove_reader(channel)

    def _adopt(self, connection: socket.socket) -> None:
        task = asyncio.get_running_loop().create_task(self._serve(connection))
        self._adopting.add(task)
        task.add_done_callback(self._adopting.discard)

    async def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError):  # the peer has closed it
            await asyncio.get_running_loop().connect_accepted_socket(self._protocol, connection)
