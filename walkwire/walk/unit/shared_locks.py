"""Crowd: a walk's locks as the walks of other servers see them, where the store has such locks.

They are waited for in threads of their own; who waits for a place in one of these holds neither thread nor connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

from walkwire.store import Crowd

Release = Callable[[], None]


class Seats:
    """The places for those who hold a connection for longer than a statement takes. All calls are made on one event loop."""

    def __init__(self, crowd: Crowd | None) -> None:
        self._crowd = crowd
        if crowd is not None:
            self._free = asyncio.Semaphore(crowd.width)
            self._threads = ThreadPoolExecutor(crowd.width, thread_name_prefix="crowd")

    async def take(self, keys: frozenset[str], patience: float, hold: float) -> Release:
        """Hold locks where all servers see them, until what is given back is called. Raises TimeoutError."""
        if self._crowd is None:
            return _nothing
        loop = asyncio.get_running_loop()
        await self._free.acquire()
        taking = loop.run_in_executor(self._threads, self._crowd.take, keys, patience, hold)
        try:
            release = await asyncio.shield(taking)
        except asyncio.CancelledError:
            taking.add_done_callback(self._take_back)
            raise
        except BaseException:
            self._free.release()
            raise
        return lambda: self._give_back(release)

    @asynccontextmanager
    async def seat(self) -> AsyncIterator[None]:
        """A place for the time of the block."""
        if self._crowd is None:
            yield
        else:
            async with self._free:
                yield

    async def stop(self) -> None:
        """Let the threads end, after what is given back just now."""
        if self._crowd is not None:
            await asyncio.to_thread(self._threads.shutdown)

    def _take_back(self, taking: asyncio.Future[Release]) -> None:
        if taking.cancelled() or taking.exception() is not None:
            self._free.release()
        else:
            self._give_back(taking.result())

    def _give_back(self, release: Release) -> None:
        giving = asyncio.get_running_loop().run_in_executor(self._threads, release)
        giving.add_done_callback(lambda _: self._free.release())


def _nothing() -> None:
    """What to call where nothing is held."""
