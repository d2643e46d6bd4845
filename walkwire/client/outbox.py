"""Outbox: the events of the application until they are answered, in their order, over as many connections as it takes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from walkwire.client.clock import ClientClock
from walkwire.client.error import ClientError, error_of

_KEYS_ARE_KEPT = 82_800_000  # 23 hours; the server keeps them for 24


@dataclass(frozen=True, slots=True)
class QueueBound:
    """How many events, and how many bytes of JSON, may wait while there is no connection."""

    count: int = 100
    bytes: int = 262_144


QUEUE = QueueBound()


class Asker(Protocol):
    """A connection, as the outbox uses it."""

    def ask(self, body: bytes, answered: Callable[[dict[str, Any]], object], /) -> None:
        """Send an event, and call `answered` with its reply; never, if the connection ends before."""


class _Pending:
    def __init__(self, body: bytes, may_resend: bool) -> None:
        self.body = body
        self.may_resend = may_resend
        self.sent_at: float | None = None
        self.answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def send(self, link: Asker, now: float) -> None:
        if self.sent_at is None:
            self.sent_at = now
        link.ask(self.body, self._answered)

    def fail(self, error: ClientError) -> None:
        if not self.answer.done():
            self.answer.set_exception(error)

    def _answered(self, reply: dict[str, Any]) -> None:
        if self.answer.done():
            return
        if reply["ok"]:
            self.answer.set_result(reply["data"])
        else:
            self.fail(error_of(reply))


class Outbox:
    """`call` sends an event now, or with the next connection."""

    def __init__(self, clock: ClientClock, bound: QueueBound) -> None:
        self._clock = clock
        self._bound = bound
        self._pending: dict[_Pending, None] = {}  # in the order of the calls
        self._link: Asker | None = None
        self._error: ClientError | None = None

    async def call(self, event: Mapping[str, Any], *, may_resend: bool = True) -> Any:
        """Send an event, and return `data` of its reply. Keys that are None are left out.

        `may_resend`: may it be sent again if the connection breaks before the answer? A call that is cancelled before it was sent
        is not sent; one that was sent may have its effect. Raises ClientError.
        """
        if self._error:
            raise self._error.copy()
        pending = _Pending(encode(event), may_resend)
        if not self._link and self._is_full_with(pending):
            raise ClientError("offline", "There is no connection, and the queue is full. Nothing was sent.")
        self._pending[pending] = None
        try:
            if self._link:
                pending.send(self._link, self._clock.now())
            return await pending.answer
        finally:
            del self._pending[pending]

    def open(self, link: Asker) -> None:
        """There is a connection: send what waits."""
        self._link = link
        now = self._clock.now()
        for pending in self._unanswered():
            at = pending.sent_at
            if at is not None and (not pending.may_resend or now - at >= _KEYS_ARE_KEPT):
                pending.fail(_in_doubt())
            else:
                pending.send(link, now)

    def shut(self) -> None:
        """The connection is gone."""
        self._link = None
        for pending in self._unanswered():
            if pending.sent_at is not None and not pending.may_resend:
                pending.fail(_in_doubt())

    def user_changed(self) -> None:
        """What is here was meant by another user. Keys count for one user only, so nothing of it may be sent again."""
        for pending in self._unanswered():
            pending.may_resend = False
            if pending.sent_at is None:
                pending.fail(ClientError("user_changed", "The user changed before this could be sent."))

    def fail(self, error: ClientError) -> None:
        """Fail everything, now and from now on."""
        self._link = None
        self._error = error
        for pending in self._unanswered():
            pending.fail(error.copy())

    def _unanswered(self) -> list[_Pending]:
        return [pending for pending in self._pending if not pending.answer.done()]

    def _is_full_with(self, another: _Pending) -> bool:
        waiting = [*self._unanswered(), another]
        return len(waiting) > self._bound.count or sum(len(one.body) for one in waiting) > self._bound.bytes


def encode(event: Mapping[str, Any]) -> bytes:
    """Return an event as JSON, without the keys that are None. Raises TypeError for what has no form in JSON."""
    return msgspec.json.encode({key: value for key, value in event.items() if value is not None})


def _in_doubt() -> ClientError:
    return ClientError(
        "in_doubt", "The connection broke before the answer. The event was done once or not at all."
    )
