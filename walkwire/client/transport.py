"""Transport: one WebSocket, from its opening to its end. The only file that knows the library `websockets`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.typing import Subprotocol

PROTOCOL = "walkwire.v2"
GONE = 1006  # RFC 6455, 7.1.5: ended without a close frame
_LARGEST = 2**24  # bytes of a frame: the server sends no larger one
_CLOSING = 2.0  # seconds for the server's answer to a close frame


class TransportListener(Protocol):
    """What a transport calls, always from the event loop and never from its constructor."""

    def opened(self, protocol: str | None) -> None:
        """The connection is open, with this subprotocol."""

    def received(self, text: str | bytes) -> None:
        """A message has arrived."""

    def ended(self, code: int, reason: str) -> None:
        """The connection could not be opened (1006), or has ended. Called once."""


class ClientTransport(Protocol):
    """What a client needs of a WebSocket. The constructor begins to open it."""

    def send(self, text: bytes) -> None:
        """Send a text message, in the order of the calls."""

    def close(self) -> None:
        """Begin to close, or give up the opening."""

    async def wait_closed(self) -> None:
        """Return when nothing is left of it."""


TransportFactory = Callable[[str, TransportListener], ClientTransport]


class WebSocketTransport:
    """A WebSocket of the library `websockets`. `options` are those of its `connect`, such as `ssl` and `proxy`."""

    def __init__(self, url: str, listener: TransportListener, **options: Any) -> None:
        self._listener = listener
        self._unsent: asyncio.Queue[bytes] = asyncio.Queue()
        self._connection: ClientConnection | None = None
        self._is_over = False
        self._task = asyncio.create_task(self._run(url, options))
        self._closing: asyncio.Task[None] | None = None

    def send(self, text: bytes) -> None:
        """Send a text message, in the order of the calls."""
        self._unsent.put_nowait(text)

    def close(self) -> None:
        """Begin to close, or give up the opening."""
        if self._is_over or self._closing:
            return
        if not self._connection:
            self._task.cancel()
        else:
            self._closing = asyncio.create_task(_close(self._connection))

    async def wait_closed(self) -> None:
        """Return when nothing is left of it."""
        await asyncio.wait([self._task, *([self._closing] if self._closing else [])])

    async def _run(self, url: str, options: dict[str, Any]) -> None:
        code, reason = GONE, ""
        try:
            # The link has times and pings of its own: those of the library would count while the machine sleeps.
            settings = {
                "compression": None,
                "max_size": _LARGEST,
                "open_timeout": None,
                "ping_interval": None,
            }
            connection = await connect(url, subprotocols=[Subprotocol(PROTOCOL)], **settings | options)
            self._connection = connection
            sending = asyncio.create_task(self._send(connection))
            try:
                self._listener.opened(connection.subprotocol)
                async for text in connection:
                    self._listener.received(text)
            except ConnectionClosed:
                pass
            finally:
                sending.cancel()
                connection.transport.abort()
            code, reason = connection.close_code or GONE, connection.close_reason or ""
        except (OSError, WebSocketException):
            pass  # nobody listens there, or nobody who speaks WebSocket
        finally:
            self._is_over = True
            self._listener.ended(code, reason)

    async def _send(self, connection: ClientConnection) -> None:
        with suppress(ConnectionClosed):
            while True:
                await connection.send(await self._unsent.get(), text=True)


async def _close(connection: ClientConnection) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(_CLOSING):
            await connection.close()
    connection.transport.abort()
