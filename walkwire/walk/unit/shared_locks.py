"""Shared locks: the locks of walks as other servers see them, if the store has such locks.

Waiting for them takes a thread and a database connection each, from a small pool. A walk that waits for a free connection
holds neither.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

from walkwire.store import SharedLocks

Release = Callable[[], None]


class SharedLockPool:
    """Acquires locks that all servers see, and limits how many walks hold a connection for long.

    All calls are made on one event loop. `shared_locks` is the store's side of it; None: no other server uses the database.
    """

    def __init__(self, shared_locks: SharedLocks | None) -> None:
        self._shared_locks = shared_locks
        if shared_locks is not None:
            self._permits = asyncio.Semaphore(shared_locks.width)
            self._threads = ThreadPoolExecutor(shared_locks.width, thread_name_prefix="shared-locks")

    async def acquire(self, keys: frozenset[str], patience: float, hold: float) -> Release:
        """Acquire locks, and return a function that releases them. Times are in seconds.

        - patience: how long to wait for them; TimeoutError is raised then
        - hold: after which other servers may ignore the locks, even if they are not released
        """
        if self._shared_locks is None:
            return _nothing
        loop = asyncio.get_running_loop()
        await self._permits.acquire()
        acquiring = loop.run_in_executor(self._threads, self._shared_locks.take, keys, patience, hold)
        try:
            release = await asyncio.shield(acquiring)
        except asyncio.CancelledError:
            acquiring.add_done_callback(self._abandon)
            raise
        except BaseException:
            self._permits.release()
            raise
        return lambda: self._release(release)

    @asynccontextmanager
    async def permit(self) -> AsyncIterator[None]:
        """Wait until the walk may hold a connection for the time of the `with` block."""
        if self._shared_locks is None:
            yield
        else:
            async with self._permits:
                yield

    async def stop(self) -> None:
        """End the threads, after the releases that are in progress."""
        if self._shared_locks is not None:
            await asyncio.to_thread(self._threads.shutdown)

    def _abandon(self, acquiring: asyncio.Future[Release]) -> None:
        if acquiring.cancelled() or acquiring.exception() is not None:
            self._permits.release()
        else:
            self._release(acquiring.result())

    def _release(self, release: Release) -> None:
        releasing = asyncio.get_running_loop().run_in_executor(self._threads, release)
        releasing.add_done_callback(lambda _: self._permits.release())


def _nothing() -> None:
    """Release nothing."""
