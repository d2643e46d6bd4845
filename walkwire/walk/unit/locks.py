"""Locks: let walks that change the same records, or the same neighbourhoods, wait in a queue instead of failing.

A walk acquires locks only after a conflict, or if its commit needs a lock that another walk holds. It acquires the locks of
just these records. The commits of all other walks wait for them. Everything here runs on one event loop; other threads may
only call `is_free`, `held`, `is_quiet` and `Claim.keys`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable

from walkwire.store import Lost, lock_keys
from walkwire.walk.unit.shared_locks import Release, SharedLockPool

HOLD_SECONDS = 2.0
PASSES = 5  # how often a claim waits for locks of kinds without holding them
PATIENCE_SECONDS = 10.0
_PAUSE_SECONDS = (
    0.01  # before a commit is retried that met another server's lock of a kind; doubled each time
)
_GRACE_SECONDS = 1.0  # after which other servers may ignore a claim, if this server does not release it


def keys_lost(lost: Lost) -> frozenset[str]:
    """Return the locks of the records that were out of date when a walk read them."""
    return lock_keys(lost.records, lost.neighbourhoods, lost.kinds)


class Claim:
    """The locks that one walk holds; none at first.

    They are released by `release`, or `HOLD_SECONDS` after all of them were acquired.
    """

    def __init__(self, locks: Locks) -> None:
        self._locks = locks
        self._keys: frozenset[str] = frozenset()
        self._held: list[str] = []
        self._release: Release | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._passes = 0

    @property
    def keys(self) -> frozenset[str]:
        """Return the locks that are held now. May be called in any thread."""
        return self._keys if self._release is not None else frozenset()

    async def acquire(
        self,
        hold: frozenset[str],
        kinds: frozenset[str] = frozenset(),
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        """Acquire the locks of `hold`, beside those held already, and wait until no other claim holds a lock of `kinds`.

        The locks of `kinds` are not held: a walk that makes or deletes records of a kind only has to wait for the commits of
        walks that searched for that kind. If it held the lock, all walks that make such records would wait for each other.
        After `PASSES` such waits the claim holds these locks as well.

        Raises TimeoutError if other servers hold a lock for longer than `patience`, in seconds.
        """
        if kinds and self._passes >= PASSES:
            hold |= kinds
        elif kinds:
            if self._locks.is_free(kinds, self):
                await asyncio.sleep(_PAUSE_SECONDS * 2**self._passes)
            self._passes += 1
            for key in sorted(kinds - self.keys):
                await self._locks.acquire(key, self)
                self._locks.release(key)
        await self._hold(hold, patience)

    def release(self) -> None:
        """Release all locks. May be called more than once."""
        if self._timer is not None:
            self._timer.cancel()
        release, self._release = self._release, None
        if release is not None:
            release()
        held, self._held = self._held, []
        for key in held:
            self._locks.release(key)

    async def _hold(self, keys: frozenset[str], patience: float) -> None:
        """Hold these locks as well.

        All locks are released and acquired again, in the order of their keys: claims that wait while they hold locks could
        wait for each other. `HOLD_SECONDS` begin when all locks are held, here and among servers.
        """
        if keys <= self.keys:
            return
        self.release()
        self._keys |= keys
        try:
            for key in sorted(self._keys):
                await self._locks.acquire(key, self)
                self._held.append(key)
            if self._keys:
                hold = HOLD_SECONDS + _GRACE_SECONDS
                self._release = await self._locks.between_servers.acquire(self._keys, patience, hold)
        except BaseException:
            self.release()
            raise
        self._timer = asyncio.get_running_loop().call_later(HOLD_SECONDS, self.release)


class Locks:
    """The locks of one server, each with its holder and a first-come, first-served queue.

    `between_servers` are the same locks as other servers see them.
    """

    def __init__(self, between_servers: SharedLockPool | None = None) -> None:
        self.between_servers = between_servers or SharedLockPool(None)
        self._holders: dict[str, Claim] = {}
        self._waiting: dict[str, deque[tuple[asyncio.Future[None], Claim]]] = {}

    @property
    def count(self) -> int:
        """Return how many locks are held."""
        return len(self._holders)

    @property
    def waiting(self) -> int:
        """Return how many claims wait for a lock."""
        return sum(map(len, self._waiting.values()))

    def is_free(self, keys: Iterable[str], mine: Claim | None = None) -> bool:
        """Whether no other claim than `mine` holds one of these locks.

        May be called in any thread: the result is a hint, not a promise.
        """
        return not self._holders or all(self._holders.get(key) in (None, mine) for key in keys)

    def held(self, keys: Iterable[str], mine: Claim | None) -> frozenset[str]:
        """Return those of the locks that other claims than `mine` hold. A hint, as `is_free`."""
        if not self._holders:
            return frozenset()
        return frozenset(key for key in keys if self._holders.get(key) not in (None, mine))

    def is_quiet(self) -> bool:
        """Whether no claim holds any lock. A hint, as `is_free`."""
        return not self._holders

    async def acquire(self, key: str, claim: Claim) -> None:
        """Wait for a lock, and make a claim its holder."""
        if key not in self._holders:
            self._holders[key] = claim
            return
        future = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(key, deque()).append((future, claim))
        try:
            await future
        except asyncio.CancelledError:
            if self._holders.get(key) is claim and future.done() and not future.cancelled():
                self.release(key)
            raise

    def release(self, key: str) -> None:
        """Release a lock: the first claim in its queue becomes the holder."""
        del self._holders[key]
        waiting = self._waiting.get(key)
        while waiting:
            future, claim = waiting.popleft()
            if not future.done():  # else it was cancelled
                self._holders[key] = claim
                future.set_result(None)
                break
        if not waiting:
            self._waiting.pop(key, None)
