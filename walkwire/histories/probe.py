"""Probe: one server as the suites of histories see it: its broker, its history, and what it hears."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import NamedTuple

from walkwire.broker import Broker
from walkwire.history import RECENT, History, Mark, Page, Retention

PATIENCE = 10.0


class Told(NamedTuple):
    """What `hear` was called with."""

    topic: str
    mark: Mark
    previous: int
    message: bytes


class Probe:
    """A broker and a history of one server, and what the history let it hear."""

    def __init__(self, broker: Broker, history: History) -> None:
        self.broker = broker
        self.history = history
        self.heard: list[Told] = []
        self.received: list[tuple[str, bytes]] = []  # by the broker, for those who hear no stream
        self.losses = 0
        self._news = asyncio.Event()

    async def start(self) -> None:
        """Connect both."""
        await self.broker.start(self._receive)
        await self.history.start(self._hear, self._lose)

    async def stop(self) -> None:
        """Disconnect both."""
        await self.history.stop()
        await self.broker.stop()

    async def open(self, *topics: str, level: Retention = RECENT) -> list[Mark]:
        """Open topics and return their tails."""
        marks = await asyncio.wait_for(self.history.open(dict.fromkeys(topics, level)), PATIENCE)
        return [marks[topic] for topic in topics]

    def publish(self, topic: str, message: bytes) -> None:
        """Publish a message as a server does."""
        if self.history.is_local:
            self.history.append(topic, message)
        else:
            self.broker.publish(topic, message)

    async def published(self) -> None:
        """Wait until the broker has all that was published."""
        if (taken := self.broker.when_published()) is not None:
            await asyncio.wait_for(taken, PATIENCE)

    async def hears(self, count: int) -> list[Told]:
        """Wait until so many entries were heard, and return all. Raises TimeoutError."""
        async with asyncio.timeout(PATIENCE):
            while len(self.heard) < count:
                self._news.clear()
                await self._news.wait()
        return self.heard

    def _receive(self, topic: str, message: bytes) -> None:
        self.received.append((topic, message))

    def _hear(self, topic: str, mark: Mark, previous: int, message: bytes) -> None:
        self.heard.append(Told(topic, mark, previous, message))
        self._news.set()

    def _lose(self) -> None:
        self.losses += 1
        self._news.set()


Make = Callable[[], Probe]
Check = Callable[[Make], Awaitable[None]]


@asynccontextmanager
async def servers(make: Make, count: int) -> AsyncIterator[list[Probe]]:
    """Yield `count` started servers of one system."""
    async with AsyncExitStack() as stack:
        started = [make() for _ in range(count)]
        for server in started:
            stack.push_async_callback(server.stop)
            await server.start()
        yield started


def topic() -> str:
    """Return the topic of a channel that no other test uses."""
    return f"c.{secrets.token_hex(8)}:A-z_0"


def messages(page: Page) -> list[bytes]:
    """Return the messages of a page."""
    return [entry.message for entry in page.entries]
