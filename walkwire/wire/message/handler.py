"""Handler: which method of a connection handles which kind of event."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from walkwire.wire.message.event import Event

Work = Coroutine[Any, Any, None]

_Handler = TypeVar("_Handler", bound=Callable[[Any, Any], Work | None])

HANDLERS: dict[type[Event], Callable[[Any, Any], Work | None]] = {}


def handles(kind: type[Event]) -> Callable[[_Handler], _Handler]:
    """Make a method of a connection the handler of one kind of event.

    A handler that need not wait does its work and returns None. Otherwise it returns a coroutine: events that come meanwhile are
    handled after it. An error that it raises is sent to the client.
    """

    def register(method: _Handler) -> _Handler:
        HANDLERS[kind] = method
        return method

    return register
