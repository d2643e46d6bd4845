"""Nemesis: does harm to a stack, by a schedule that a seed makes, and undoes it."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress

from tests.cluster.history.model import Fault
from tests.cluster.history.stack import Place, Stack

Harm = Callable[["Nemesis", Place], AbstractAsyncContextManager[object]]


class Nemesis:
    """Does one harm after another until `end`, and then leaves everything whole. `faults` tells what it did."""

    def __init__(
        self, stack: Stack, kinds: tuple[str, ...], chance: random.Random, pause: float, span: float
    ) -> None:
        self._stack = stack
        self._kinds = kinds
        self._chance = chance
        self._pause = pause
        self._span = span
        self._is_over = asyncio.Event()
        self.faults: list[Fault] = []

    def end(self) -> None:
        """End the harm that is being done, undo it, and let `run` return."""
        self._is_over.set()

    async def run(self) -> None:
        """Do each kind of harm once, in random order, then again."""
        kinds: list[str] = []
        while self._kinds:
            kinds = kinds or self._chance.sample(self._kinds, len(self._kinds))
            place = self._chance.choice(self._stack.places)
            seconds = self._span * (0.3 + self._chance.random())
            await self._wait(self._pause * (0.5 + self._chance.random()))
            if self._is_over.is_set():
                return
            await self._harm(kinds.pop(), place, seconds)

    async def _harm(self, kind: str, place: Place, seconds: float) -> None:
        start = time.monotonic()
        async with _HARMS[kind](self, place):
            await self._wait(seconds)
        self.faults.append(Fault(kind, place.name, start, time.monotonic()))

    async def _wait(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._is_over.wait(), seconds)

    @asynccontextmanager
    async def kill(self, place: Place) -> AsyncIterator[None]:
        """`kill -9` of a server, and a new one."""
        await self._stack.kill(place)
        try:
            yield
        finally:
            await self._stack.start(place)

    @asynccontextmanager
    async def stop(self, place: Place) -> AsyncIterator[None]:
        """SIGSTOP and SIGCONT of a server."""
        server = place.server
        assert server is not None
        server.signal(signal.SIGSTOP)
        try:
            yield
        finally:
            server.signal(signal.SIGCONT)

    @asynccontextmanager
    async def cut(self, place: Place) -> AsyncIterator[None]:
        """All connections of a server to PostgreSQL, again and again."""
        assert place.wire is not None
        cutting = asyncio.create_task(_again_and_again(place.wire.cut))
        try:
            yield
        finally:
            cutting.cancel()

    @asynccontextmanager
    async def commits(self, place: Place) -> AsyncIterator[None]:
        """Connections of a server that break around COMMIT, more often after it than before."""
        wire = place.wire
        assert wire is not None
        wire.after_commit, wire.before_commit, wire.anywhere = 0.2, 0.05, 0.002
        try:
            yield
        finally:
            wire.calm()

    @asynccontextmanager
    async def late(self, place: Place) -> AsyncIterator[None]:
        """A server to which the answers to COMMIT come late."""
        assert place.wire is not None
        place.wire.late = 0.1
        try:
            yield
        finally:
            place.wire.calm()

    @asynccontextmanager
    async def hold(self, place: Place) -> AsyncIterator[None]:
        """A server from which PostgreSQL cannot be reached, and no connection breaks."""
        assert place.wire is not None
        place.wire.hold()
        try:
            yield
        finally:
            place.wire.calm()

    @asynccontextmanager
    async def crash(self, place: Place) -> AsyncIterator[None]:
        """PostgreSQL crashes, and recovers."""
        async with self._without_database("immediate"):
            yield

    @asynccontextmanager
    async def restart(self, place: Place) -> AsyncIterator[None]:
        """PostgreSQL restarts in good order."""
        async with self._without_database("fast"):
            yield

    @asynccontextmanager
    async def freeze(self, place: Place) -> AsyncIterator[None]:
        """PostgreSQL hangs."""
        assert self._stack.database is not None
        with self._stack.database.frozen():
            yield

    @asynccontextmanager
    async def broker_kill(self, place: Place) -> AsyncIterator[None]:
        """The broker dies, and a new one comes."""
        broker = self._stack.broker
        assert broker is not None
        broker.kill()
        try:
            yield
        finally:
            await asyncio.to_thread(broker.start)

    @asynccontextmanager
    async def broker_freeze(self, place: Place) -> AsyncIterator[None]:
        """The broker hangs."""
        broker = self._stack.broker
        assert broker is not None
        broker.freeze()
        try:
            yield
        finally:
            broker.thaw()

    @asynccontextmanager
    async def lock(self, place: Place) -> AsyncIterator[None]:
        """Another process holds SQLite's write lock."""
        release = await asyncio.to_thread(self._stack.lock)
        try:
            yield
        finally:
            release()

    @asynccontextmanager
    async def _without_database(self, mode: str) -> AsyncIterator[None]:
        database = self._stack.database
        assert database is not None
        await asyncio.to_thread(database.stop, mode)
        try:
            yield
        finally:
            await asyncio.to_thread(database.start)


async def _again_and_again(cut: Callable[[], None]) -> None:
    while True:
        cut()
        await asyncio.sleep(0.05)


_HARMS: dict[str, Harm] = {
    "kill": Nemesis.kill,
    "stop": Nemesis.stop,
    "cut": Nemesis.cut,
    "commits": Nemesis.commits,
    "late": Nemesis.late,
    "hold": Nemesis.hold,
    "crash": Nemesis.crash,
    "restart": Nemesis.restart,
    "freeze": Nemesis.freeze,
    "broker-kill": Nemesis.broker_kill,
    "broker-freeze": Nemesis.broker_freeze,
    "lock": Nemesis.lock,
}
_OF_SQLITE = ("kill", "stop", "lock")


def kinds_of(stack: str) -> tuple[str, ...]:
    """The harm that can be done to a stack."""
    return _OF_SQLITE if stack == "sqlite" else tuple(kind for kind in _HARMS if kind != "lock")
