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
from walkwire.wire.sessions.connection import SessionConnection

HEARD = 5  # messages in the sentence of a `receive` to which nothing came


class Closed(Exception):
    """The server has closed the connection. `code` and `reason` (JSON) are those of `docs/protocol.md`; 1006: it was aborted."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"{code} {reason}".strip())
        self.code = code
        self.reason = reason


class Loopback:
    """A connected client: `async with Loopback(door, token=…) as socket: await socket.send({…}); await socket.receive()`.

    Frames are parsed by a client's library.

    - version: of the protocol: 1, or 2, where the client speaks first
    - waits: when the block begins, the first frame has arrived, and the client is in its channel. With version 1 only
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
        version: int = 1,
        waits: bool = False,
    ) -> None:
        self.closed: Closed | None = None
        self._door = door
        self._token = token
        self._waits = waits and version == 1
        self._framing = Protocol(Side.CLIENT, state=OPEN, max_size=None)
        self._unsent: list[bytes] = []
        self._is_stalled = False
        self._frames: deque[bytes] = deque()
        self._heard: deque[bytes] = deque(maxlen=HEARD)
        self._news = asyncio.Event()
        self._is_read = asyncio.Event()
        self._is_read.set()
        self.connection: Connection
        if version == 2:
            self.connection = SessionConnection(door, self, notice=notice)
        else:
            self.connection = Connection(door, self, channel_id, channel_token=channel_token, notice=notice)

    async def __aenter__(self) -> Loopback:
        self.connection.open(self._token)
        while self._waits and not self._frames and self.closed is None:
            self._news.clear()
            await self._news.wait()
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
        try:
            async with asyncio.timeout(seconds):
                while not self._frames:
                    if self.closed is not None:
                        raise self.closed
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise TimeoutError(self._what_was_heard(seconds)) from None
        frame = self._frames.popleft()
        self._heard.append(frame)
        return frame

    async def quiet(self) -> list[Any]:
        """Wait until nothing is under way in this process. Return all messages that have arrived, decoded."""
        while under_way := self._door.connections.under_way | self._door.hub.membership.settling:
            await asyncio.wait(under_way)
        for _ in range(
            5
        ):  # turns of the loop: the write at the end of a turn, and deliveries of a broker in memory
            await asyncio.sleep(0)
        return [json.loads(each) for each in self.take()]

    def take(self) -> deque[bytes]:
        """Return all messages that have arrived, as they were sent."""
        frames, self._frames = self._frames, deque()
        self._heard.extend(frames)
        return frames

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

    def _what_was_heard(self, seconds: float) -> str:
        """Return the sentence of a `receive` to which nothing came: what came before, and what the server still does."""
        before = [frame.decode(errors="replace")[:200] for frame in self._heard]
        heard = f"Before, it heard: {'; '.join(before)}." if before else "It has heard nothing at all."
        count = len(self._door.connections.under_way)
        work = f" {count} walks or events are still under way." if count else ""
        stalled = " It is stalled: `is_stalled = False` lets it read." if self._is_stalled else ""
        channels = ", ".join(sorted(self.connection.client.channels))
        where = f"It is in the channels {channels}." if channels else "It is in no channel."
        return f"Nothing came to this socket within {seconds:g} s. {heard} {where}{work}{stalled}"

    def _end(self, closed: Closed) -> None:
        if self.closed is None:
            self.closed = closed
            self._news.set()
            self._is_read.set()
            asyncio.get_running_loop().call_soon(self.connection.lost)


def _text(event: Any) -> str:
    return event if isinstance(event, str) else json.dumps(event, ensure_ascii=False)
