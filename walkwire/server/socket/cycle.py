"""Cycle: one request and its answer on an HTTP connection: uvicorn's, with an ASGI extension to send a whole answer in one piece.

An application that finds `ANSWER` in the scope's extensions may send one message of that type, with `status`, `headers` (bytes:
lines with their ends, of `content-length` and others) and `body`.
"""

from __future__ import annotations

from typing import Any

from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

ANSWER = "walkwire.answer"
EXTENSIONS: dict[str, dict[object, object]] = {ANSWER: {}}


class DefaultHeaders:
    """The headers of every answer as lines. uvicorn makes a new list of them each second, with the date.

    - are_last: whether they say that the connection is closed after the answer, as they do while the server stops
    """

    def __init__(self) -> None:
        self.are_last = False
        self._of: object = None
        self._lines = b""

    def lines(self, headers: list[tuple[bytes, bytes]]) -> bytes:
        """Return uvicorn's `default_headers` as lines with their ends."""
        if headers is not self._of:
            self._of, self._lines = headers, b"".join([b"%s: %s\r\n" % header for header in headers])
            self.are_last = (b"connection", b"close") in headers
        return self._lines


DEFAULT = DefaultHeaders()


class Cycle(RequestResponseCycle):
    """Called by uvicorn's protocol, and by the application."""

    async def send(self, message: Any) -> None:
        """Send a part of the answer, or the whole. See ASGI."""
        if message["type"] != ANSWER:
            await super().send(message)
            return
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self.disconnected:
            return
        self.response_started = self.response_complete = True
        parts = [STATUS_LINE[message["status"]], DEFAULT.lines(self.default_headers), message["headers"]]
        is_told = DEFAULT.are_last
        parts.append(b"\r\n" if self.keep_alive or is_told else b"connection: close\r\n\r\n")
        if self.scope["method"] != "HEAD":
            parts.append(message["body"])
        self.transport.write(b"".join(parts))
        self.message_event.set()
        if is_told or not self.keep_alive:
            self.transport.close()
        self.on_response()


class Flow(FlowControl):
    """Reading stays paused while `is_held`, whatever uvicorn says."""

    is_held = False

    def resume_reading(self) -> None:
        """Read on, if nothing holds it. Called by uvicorn."""
        if not self.is_held:
            super().resume_reading()
