"""Capture: keeps what is published to NATS within what JetStream can capture, and notices what it could not.

JetStream captures what is published for streams by itself, from a queue. While 10,000 messages wait there, it drops others. So
every `MARKED`th message asks JetStream to acknowledge it, and a server waits while `WINDOW` acknowledgements are missing. That is
enough for five servers which publish as fast as they can. If JetStream refuses, or acknowledges nothing for a while, the streams
concerned get a note which says that something may be missing before it. Servers that hear the note tell their clients.

Where nothing is captured, nothing is acknowledged, and nobody waits.
"""

from __future__ import annotations

import asyncio
import json
import logging

MARKED = 125  # messages between two that are acknowledged
WINDOW = 16  # acknowledgements that are waited for
PATIENCE = 2.0  # seconds without any, after which nothing counts as captured; less than a link waits
MOST_DOUBTFUL = 20_000  # topics

_log = logging.getLogger(__name__)


class Capture:
    """What one connection has published to streams, and what JetStream has acknowledged of it."""

    def __init__(self) -> None:
        self._windows: dict[int, set[str]] = {}
        self._current: set[str] = set()
        self._doubtful: set[str] = set()
        self._count = 0  # messages since the last mark
        self._number = 0  # of marks
        self._is_there = self._was_there = False
        self._news = asyncio.Event()

    @property
    def is_full(self) -> bool:
        """Return whether `wait` has to be called before anything else is published."""
        return len(self._windows) >= WINDOW

    def mark(self, topic: str) -> int | None:
        """Note that a message is published to the stream of a topic. Return a number if it is to be acknowledged."""
        if self._is_there:
            self._current.add(topic)
        elif self._was_there:
            self._doubt({topic})
        self._count += 1
        if self._count < MARKED:
            return None
        self._number += 1
        if self._is_there:
            self._windows[self._number] = self._current
        self._current, self._count = set(), 0
        return self._number

    def take_doubtful(self) -> set[str]:
        """Return the topics that need a note now, and forget them."""
        if not self._is_there:
            return set()
        topics, self._doubtful = self._doubtful, set()
        return topics

    async def wait(self) -> None:
        """Wait until a message may be published, or it is clear that nothing is captured."""
        while self.is_full:
            self._news.clear()
            try:
                async with asyncio.timeout(PATIENCE):
                    await self._news.wait()
            except TimeoutError:
                self._give_up()

    def answer(self, number: int, data: bytes) -> None:
        """Take in what JetStream says about a message that was marked. Empty: nobody captures it."""
        if not data:
            self._give_up()
        elif _is_refusal(data):
            self._doubt(self._windows.pop(number, set()))
        else:
            self._is_there = self._was_there = True
            self._windows.pop(number, None)
        self._news.set()

    def _give_up(self) -> None:
        self._is_there = False
        for topics in (*self._windows.values(), self._current):
            self._doubt(topics)
        self._windows.clear()
        self._current = set()

    def _doubt(self, topics: set[str]) -> None:
        if len(self._doubtful) < MOST_DOUBTFUL:
            self._doubtful |= topics
            if len(self._doubtful) >= MOST_DOUBTFUL:
                _log.error(
                    "JetStream captures nothing: in more than %d streams, messages may be missing",
                    MOST_DOUBTFUL,
                )


def _is_refusal(data: bytes) -> bool:
    try:
        return "error" in json.loads(data)
    except ValueError:
        return True
