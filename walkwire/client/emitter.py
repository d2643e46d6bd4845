"""Emitter: the handlers of one kind of event. A handler that fails stops neither the others nor the client."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable
from typing import Generic, TypeVar

Event = TypeVar("Event")
_Handler = Callable[[Event], object]

_log = logging.getLogger("walkwire.client")


class Emitter(Generic[Event]):
    """Call it to add a handler, or use it as a decorator: `@channel.on_message`.

    A handler is a plain function, so that events are handled in their order. One that fails is logged.
    """

    def __init__(self) -> None:
        self._handlers: list[_Handler[Event]] = []

    def __call__(self, handler: _Handler[Event]) -> _Handler[Event]:
        """Call the handler with each event from now on. Returns the handler. Raises TypeError for an async function."""
        if inspect.iscoroutinefunction(handler):
            raise TypeError("A handler is a plain function. Async code reads the messages with `async for`.")
        self._handlers.append(handler)
        return handler

    def remove(self, handler: _Handler[Event]) -> None:
        """Remove a handler. Raises ValueError if it is none of these."""
        self._handlers.remove(handler)

    def tell(self, event: Event) -> None:
        """Call every handler, in the order in which they were added."""
        for handler in tuple(self._handlers):
            try:
                handler(event)
            except Exception:
                _log.exception("A handler of the client failed")
