"""Inbox: a bounded buffer between a stream and the loop that reads it. It never drops a message silently."""

from __future__ import annotations

import asyncio
from collections import deque
from weakref import WeakSet

from walkwire.client.emitter import Emitter
from walkwire.client.error import ClientError
from walkwire.client.events import StreamMessage

BUFFER = 1000


class Inbox:
    """The messages of a stream from now on, for one reader: `async for message in inbox`.

    The loop ends when the stream does, and raises ClientError if it was ended by an error. If more than `buffer` messages are
    unread, the reader gets those and then the error `too_slow`.
    """

    def __init__(self, buffer: int = BUFFER) -> None:
        self._items: deque[StreamMessage] = deque()
        self._buffer = buffer
        self._news = asyncio.Event()
        self._is_over = False
        self._error: ClientError | None = None

    def put(self, message: StreamMessage) -> None:
        """Add a message, or end with `too_slow`."""
        if self._is_over:
            return
        if len(self._items) >= self._buffer:
            return self.end(ClientError("too_slow", f"More than {self._buffer} messages wait to be read."))
        self._items.append(message)
        self._news.set()

    def end(self, error: ClientError | None = None) -> None:
        """Let the reader have what is here, then end."""
        if not self._is_over:
            self._is_over = True
            self._error = error
            self._news.set()

    def __aiter__(self) -> Inbox:
        return self

    async def __anext__(self) -> StreamMessage:
        await self.ready()
        return self.take()

    async def ready(self) -> None:
        """Return when `take` has something to return or to raise."""
        while not self._items and not self._is_over:
            self._news.clear()
            await self._news.wait()

    def take(self) -> StreamMessage:
        """Return the next message. Raises ClientError, or StopAsyncIteration at the end."""
        if self._items:
            return self._items.popleft()
        raise self._error.copy() if self._error else StopAsyncIteration


class Feed:
    """What is told of one stream: first the handlers are called, then each reader gets the message."""

    def __init__(self) -> None:
        self.on_message: Emitter[StreamMessage] = Emitter()
        self._inboxes: WeakSet[Inbox] = WeakSet()  # a loop that was left takes its inbox with it
        self._end: tuple[ClientError | None] | None = None

    def tell(self, message: StreamMessage) -> None:
        """Hand on a message."""
        self.on_message.tell(message)
        for inbox in self._inboxes:
            inbox.put(message)

    def read(self, buffer: int = BUFFER) -> Inbox:
        """Return a new inbox."""
        inbox = Inbox(buffer)
        if self._end:
            inbox.end(*self._end)
        else:
            self._inboxes.add(inbox)
        return inbox

    def end(self, error: ClientError | None) -> None:
        """End every inbox, now and from now on."""
        self._end = (error,)
        for inbox in self._inboxes:
            inbox.end(error)
