"""Event source: a client of version 2 over plain HTTP, whose frames are Server-Sent Events (WHATWG HTML, 9.2).

The connection is the same object as behind a WebSocket: rights, limits, the end of tokens and drains are those of any client.
Only the transport differs, and that its `connect` event is made from the request.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import msgspec

from walkwire.errors import PublicError
from walkwire.wire.door import Door
from walkwire.wire.message import frame
from walkwire.wire.sessions.connection import SessionConnection

COMMENT_SECONDS = 15.0  # of silence, after which a comment is sent: proxies close connections that are silent
FULL = 64 * 1024  # bytes that wait for the peer, beyond which it lags
CHANNELS = 32  # that one source has
ID_LENGTH = 4096  # characters of positions that a client sends back

_STATUS = {"unauthenticated": 401, "refused": 403, "limited": 429, "busy": 503}
_COMMENT = b":\n\n"


class EventSource:
    """One client. It is the `Transport` of its connection.

    - address: what the client is counted by
    - channel_ids: what it hears; user: whether it hears its user's stream too
    - last_id: the positions that it has heard, as the `id` of an event has them; "": none
    """

    def __init__(
        self,
        door: Door,
        address: str,
        channel_ids: Sequence[str],
        *,
        user: bool,
        token: str | None,
        last_id: str = "",
    ) -> None:
        self._connection = SessionConnection(door, self, address)
        self._token = token
        self._names = [("channel", name) for name in channel_ids] + ([("user", "")] if user else [])
        given = last_id.split(",") if len(last_id) <= ID_LENGTH else []
        is_ours = len(given) == len(self._names)
        self._given = dict(zip(self._names, given, strict=True)) if is_ours else {}
        self._positions = dict.fromkeys(self._names, "")
        self._frames: deque[bytes] = deque()
        self._size = 0
        self._news = asyncio.Event()
        self._is_over = False

    async def open(self) -> None:
        """Connect. Raises PublicError if the client is refused, or may not be in one of the channels."""
        self._connection.open(self._token)
        at = {"user": self._given[("user", "")]} if ("user", "") in self._given else {}
        wishes = [
            {"channel_id": name} | ({"at": self._given[kind, name]} if (kind, name) in self._given else {})
            for kind, name in self._names
            if kind == "channel"
        ]
        event = {"type": "connect", "id": 1, "channels": wishes, "at": at}
        self._connection.hear(msgspec.json.encode(event))
        while not self._frames and not self._is_over:
            await self._wait(COMMENT_SECONDS)
        if not self._frames:
            raise PublicError("busy", "This server takes no connection at the moment.", 503)
        reply = json.loads(self._take())
        if not reply["ok"]:
            error = reply["error"]
            raise PublicError(error["code"], error["message"], _STATUS.get(error["code"], 400))
        self._begin(reply["data"]["streams"])

    async def events(self) -> AsyncIterator[bytes]:
        """Yield the bytes of the events, until the connection is over."""
        try:
            yield _COMMENT
            while self._frames or not self._is_over:
                if not self._frames and not await self._wait(COMMENT_SECONDS):
                    yield _COMMENT
                    continue
                ready = [event for _ in range(len(self._frames)) if (event := self._event(self._take()))]
                if self._size <= FULL:
                    self._connection.catch_up()
                if ready:
                    yield b"".join(ready)
        finally:
            self.abort()

    def abort(self) -> None:
        """Disconnect at once. Called by the wire too, if the client does not keep up."""
        if not self._is_over:
            self._end()
            asyncio.get_running_loop().call_soon(self._connection.gone)

    # Called by the wire

    @property
    def write(self) -> Callable[[bytes], object]:
        """Return the function that takes frames."""
        return self._write

    def unsent(self) -> int:
        """Return the number of bytes that wait for the peer."""
        return self._size

    def close(self, code: int, reason: str) -> None:
        """End when what waits has been sent. The browser connects again."""
        self._end()
        asyncio.get_running_loop().call_soon(self._connection.gone)

    def pause(self) -> None:
        """Do nothing: the client sends nothing."""

    def resume(self) -> None:
        """Do nothing."""

    def _write(self, data: bytes) -> None:
        for payload in frame.payloads(data):
            self._frames.append(payload)
            self._size += len(payload)
        if self._size > FULL:
            self._connection.lag()
        self._news.set()

    def _take(self) -> bytes:
        payload = self._frames.popleft()
        self._size -= len(payload)
        return payload

    def _end(self) -> None:
        self._is_over = True
        self._news.set()

    async def _wait(self, seconds: float) -> bool:
        """Wait for frames or the end. Return whether either came in time."""
        self._news.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._news.wait()
        except TimeoutError:
            return False
        return True

    def _begin(self, streams: dict[str, Any]) -> None:
        """Take the positions where the streams begin. What could not be recovered is told by a frame as of the server."""
        lost: list[bytes] = []
        for kind, name in self._names:
            begin = streams["user"] if kind == "user" else streams["channels"][name]
            if begin.get("reason") == "forbidden":
                raise PublicError("refused", "You may not join this channel.", 403)
            self._positions[kind, name] = begin["at"]
            if begin["recovered"] is False:
                resync = {"type": "resync", "stream": kind}
                resync |= {"channel_id": name} if kind == "channel" else {}
                lost.append(msgspec.json.encode(resync | {"at": begin["at"], "reason": begin["reason"]}))
        for payload in reversed(lost):
            self._frames.appendleft(payload)
            self._size += len(payload)

    def _event(self, payload: bytes) -> bytes | None:
        """Return a frame as an event, None if it is not for this client."""
        head = _head.decode(payload)
        kind = head.stream if head.type == "resync" else head.type
        key = kind, head.channel_id
        if head.at is None or key not in self._positions:
            return None
        self._positions[key] = head.at
        positions = ",".join(self._positions.values()).encode()
        return b"id: %b\ndata: %b\n\n" % (positions, payload.replace(b"\r", b"").replace(b"\n", b""))


class _Head(msgspec.Struct, gc=False):
    type: str
    stream: str = ""
    channel_id: str = ""
    at: str | None = None


_head = msgspec.json.Decoder(_Head)
