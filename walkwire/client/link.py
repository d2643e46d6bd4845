"""Link: one connection, from its opening to its end. It asks and gets replies, and notices when it is dead."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from walkwire.client.clock import ClientClock
from walkwire.client.transport import GONE, ClientTransport, TransportListener

_OPENING = 10_000
_IDLE = 25_000
_PATIENCE = 10_000
_SHORT_PATIENCE = 3_000
_LATE = 5_000  # a timer that is so late was frozen: the machine slept
_INVALID = 1007

Frame = dict[str, Any]  # as `docs/protocol-v2.md` specifies it
Answered = Callable[[Frame], object]


class LinkListener(Protocol):
    """What a link calls. After `abandon` it calls nothing."""

    def opened(self, protocol: str | None) -> None:
        """The connection is open, with this subprotocol."""

    def heard(self, frame: Frame) -> None:
        """A frame has arrived that is no reply."""

    def ended(self, code: int, reason: str) -> None:
        """The connection has ended. Called once."""


class ClientLink:
    """A connection that is being opened. `open` makes its transport, which calls the link."""

    def __init__(
        self, open: Callable[[TransportListener], ClientTransport], clock: ClientClock, listener: LinkListener
    ) -> None:
        self._clock = clock
        self._listener: LinkListener | None = listener
        self._asked: dict[int, Answered] = {}
        self._last_id = 0
        self._is_live = False
        self._is_pinged = False
        self._heard_at = 0.0
        self._due = 0.0
        self._cancel: Callable[[], object] = lambda: None
        self._transport = open(self)
        self.extend()

    def extend(self) -> None:
        """Give the opening ten seconds from now."""
        self._arm(_OPENING)

    def live(self) -> None:
        """The connection is established: watch it from now on."""
        self._is_live = True
        self._arm(_IDLE)

    def ask(self, body: bytes, answered: Answered) -> None:
        """Send an event, and call `answered` with its reply; never, if the link ends before.

        `body` is the event as a JSON object with at least one key, without `id`.
        """
        self._last_id += 1
        self._asked[self._last_id] = answered
        self._transport.send(b'{"id":%d,%b' % (self._last_id, body[1:]))

    def wake(self) -> None:
        """Find out at once whether the link is alive."""
        if self._is_live:
            self._ping(_SHORT_PATIENCE)

    def abandon(self) -> None:
        """Close the connection, and hear no more of it."""
        self._cancel()
        self._listener = None
        self._asked.clear()
        self._transport.close()

    def opened(self, protocol: str | None) -> None:
        """The transport is open."""
        if self._listener:
            self._listener.opened(protocol)

    def received(self, text: str | bytes) -> None:
        """The transport has received a message."""
        if not self._listener:
            return
        self._heard_at = self._clock.now()
        self._is_pinged = False
        try:
            frame = msgspec.json.decode(text, type=Frame)
        except msgspec.DecodeError:
            return self._end(_INVALID)
        if frame.get("type") != "reply":
            self._listener.heard(frame)
        elif answered := self._asked.pop(frame["id"], None):
            answered(frame)

    def ended(self, code: int, reason: str) -> None:
        """The transport has ended."""
        if not self._is_live and self._clock.now() >= self._due:
            code, reason = (
                GONE,
                "",
            )  # the machine slept while it was opening: what the server says then is no refusal
        self._end(code, reason)

    def _check(self) -> None:
        if not self._is_live:
            return self._end(GONE)
        now = self._clock.now()
        left = self._heard_at + _IDLE - now
        if now - self._due > _LATE:
            self._ping(_SHORT_PATIENCE)
        elif self._is_pinged:
            self._end(GONE)
        elif left > 0:
            self._arm(left)
        else:
            self._ping(_PATIENCE)

    def _ping(self, patience: float) -> None:
        if not self._is_pinged:
            self.ask(b'{"type":"ping"}', lambda _: None)
        elif 0 <= self._due - self._clock.now() <= patience:
            return
        self._is_pinged = True
        self._arm(patience)

    def _arm(self, ms: float) -> None:
        self._cancel()
        self._due = self._clock.now() + ms
        self._cancel = self._clock.after(ms, self._check)

    def _end(self, code: int, reason: str = "") -> None:
        if listener := self._listener:
            self.abandon()
            listener.ended(code, reason)
