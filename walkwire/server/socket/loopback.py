"""Loopback: a client in the same process, for tests. Sends and receives the same bytes as over a socket, in memory."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from types import TracebackType
from typing import Any

from websockets.frames import Frame, Opcode
from websockets.protocol import OPEN, Protocol, Side

from walkwire.wire.connection import Connection
from walkwire.wire.door import Door
from walkwire.wire.message import close


class Closed(Exception):
    """The server has closed the connection. `code` and `reason` (JSON) are those of `docs/protocol.md`; 1006: it was aborted."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"{code} {reason}".strip())
        self.code = code
        self.reason = reason


class Loopback:
    """A connected client: `async with Loopback(door, token=…) as socket: await socket.send({…}); await socket.receive()`.

    Frames are parsed by a client's library.

    - notice: how many seconds before its token expires the client is told; 0: it is not told
    - closed: the error that `receive` raises once the server has closed the connection
    """

    def __init__(
        self,
        door: Door,
        token: str | None = None,
        channel_id: str | None = None,
        channel_token: str | None = None,
        notice: int = 0,
    ) -> None:
        self.closed: Closed | None = None
        self._door = door
        self._token = token
        self._framing = Protocol(Side.CLIENT, state=OPEN, max_size=None)
        self._unsent: list[bytes] = []
        self._is_stalled = False
        self._frames: deque[bytes] = deque()
        self._news = asyncio.Event()
        self._is_read = asyncio.Event()
        self._is_read.set()
        self.connection = Connection(door, self, channel_id, channel_token=channel_token, notice=notice)

    async def __aenter__(self) -> Loopback:
        self.connection.open(self._token)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.leave()

    @property
    def is_stalled(self) -> bool:
        """Return whether the client does not read: what it is sent counts as unsent until it reads again."""
        return self._is_stalled

    @is_stalled.setter
    def is_stalled(self, is_stalled: bool) -> None:
        self._is_stalled = is_stalled
        if not is_stalled and self._unsent:
            unsent, self._unsent = self._unsent, []
            self.write(b"".join(unsent))
            self.connection.catch_up()

    async def send(self, event: Any) -> None:
        """Send a message: a string or bytes as they are, anything else as JSON. Waits while the server does not read."""
        await self._is_read.wait()
        if self.closed is not None:
            raise self.closed
        payload = event if isinstance(event, bytes) else _text(event).encode("utf-8", "surrogatepass")
        if len(payload) > self._door.limits.frame:
            self.connection.close(close.TOO_BIG)
        else:
            self.connection.hear(payload)

    async def receive(self, seconds: float = 5.0) -> Any:
        """Return the next message, decoded. Raises Closed if there will be none, TimeoutError after `seconds`."""
        return json.loads(await self.receive_bytes(seconds))

    async def receive_bytes(self, seconds: float = 5.0) -> bytes:
        """Return the next message as it was sent."""
        async with asyncio.timeout(seconds):
            while not self._frames:
                if self.closed is not None:
                    raise self.closed
                self._news.clear()
                await self._news.wait()
        return self._frames.popleft()

    async def quiet(self) -> list[Any]:
        """Wait until nothing is under way in this process. Return all messages that have arrived, decoded."""
        while under_way := self._door.connections.under_way | self._door.hub.membership.settling:
            await asyncio.wait(under_way)
        for _ in range(
            5
        ):  # turns of the loop: the write at the end of a turn, and deliveries of a broker in memory
            await asyncio.sleep(0)
        frames, self._frames = self._frames, deque()
        return [json.loads(each) for each in frames]

    def leave(self) -> None:
        """Disconnect without a close frame."""
        if self.closed is None:
            self._end(Closed(1000, ""))

    # Called by the wire

    def write(self, data: bytes) -> None:
        """Parse frames of the server. While stalled, keep them unsent."""
        if self._is_stalled:
            self._unsent.append(data)
            self.connection.lag()
            return
        self._framing.receive_data(data)
        for said in self._framing.events_received():
            assert isinstance(said, Frame)
            if said.opcode is Opcode.TEXT:
                self._frames.append(bytes(said.data))
        self._news.set()

    def unsent(self) -> int:
        """Return the number of bytes that wait while stalled."""
        return sum(map(len, self._unsent))

    def close(self, code: int, reason: str) -> None:
        """End with the server's close code and reason."""
        self._end(Closed(code, reason))

    def abort(self) -> None:
        """End with code 1006."""
        self._end(Closed(1006, ""))

    def pause(self) -> None:
        """Make `send` wait."""
        self._is_read.clear()

    def resume(self) -> None:
        """Let `send` go on."""
        self._is_read.set()

    def _end(self, closed: Closed) -> None:
        if self.closed is None:
            self.closed = closed
            self._news.set()
            self._is_read.set()
            asyncio.get_running_loop().call_soon(self.connection.lost)


def _text(event: Any) -> str:
    return event if isinstance(event, str) else json.dumps(event, ensure_ascii=False)
