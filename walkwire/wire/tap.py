"""Tap: where the console and traces look at what passes. While nobody looks, all of it is None, and each place costs one test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from walkwire.errors import PublicError
from walkwire.wire.delivery.client import Client
from walkwire.wire.message.event import Event
from walkwire.wire.message.notification import Notification

OnEvent = Callable[[Client, Event, int], None]
OnNotification = Callable[[Notification], None]
OnError = Callable[[Client, Event, PublicError], None]


class Looker(NamedTuple):
    """Up to three callables, called on the event loop of the sockets. None of them may raise or wait.

    - event: called with each event of a client before it is handled, and the size of its message in bytes
    - notification: called with each notification that this server sends, before its receivers are looked up
    - refusal: called with each error that a client is sent over its socket, and its event
    """

    event: OnEvent | None = None
    notification: OnNotification | None = None
    refusal: OnError | None = None


@dataclass(slots=True)
class Tap:
    """What all lookers want to be called with, as in `Looker`; None: nobody does."""

    event: OnEvent | None = None
    notification: OnNotification | None = None
    refusal: OnError | None = None
    _lookers: list[Looker] = field(default_factory=list)

    def add(self, looker: Looker) -> None:
        """Let a looker look."""
        self._lookers.append(looker)
        self._combine()

    def remove(self, looker: Looker) -> None:
        """Let it look no longer."""
        self._lookers.remove(looker)
        self._combine()

    def _combine(self) -> None:
        self.event = _all_of([looker.event for looker in self._lookers])
        self.notification = _all_of([looker.notification for looker in self._lookers])
        self.refusal = _all_of([looker.refusal for looker in self._lookers])


def _all_of(wanted: list[Any]) -> Any:
    """Return a callable that calls all of these that are not None; None: there is none."""
    found = [one for one in wanted if one is not None]
    if len(found) < 2:
        return found[0] if found else None

    def call_all(*arguments: Any) -> None:
        for one in found:
            one(*arguments)

    return call_all
