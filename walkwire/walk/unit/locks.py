"""Locks: how a crowd at one record, or at one node's neighbourhood, waits in line instead of failing.

Only a walk that lost something, or whose commit met another's lock, takes locks, of just that; everyone else's commits wait for
them. All of it happens on one event loop; other threads may only ask `is_free`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable

from walkwire.store import Lost, lock_keys
from walkwire.walk.unit.shared_locks import Release, Seats

HOLD_SECONDS = 2.0
PASSES = 5  # so often a claim waits for kinds without holding them
PATIENCE_SECONDS = 10.0
_PAUSE_SECONDS = 0.01  # before a commit is tried again that met a kind's lock of another server; then twice as long each time
_GRACE_SECONDS = (
    1.0  # until other servers need not believe a claim any more, should this one not say that it has ended
)


def keys_lost(lost: Lost) -> frozenset[str]:
    """The locks of what a walk lost."""
    return lock_keys(lost.records, lost.neighbourhoods, lost.kinds)


class Claim:
    """A walk's hold on some locks, until `release`, or until it has had all of them for two seconds. At first it is empty."""

    def __init__(self, locks: Locks) -> None:
        self._locks = locks
        self._keys: frozenset[str] = frozenset()
        self._held: list[str] = []
        self._release: Release | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._passes = 0

    @property
    def keys(self) -> frozenset[str]:
        """What is held now. May be asked from any thread."""
        return self._keys if self._release is not None else frozenset()

    async def widen(self, keys: frozenset[str], patience: float = PATIENCE_SECONDS) -> None:
        """Hold these, too. All is let go and taken afresh, in the order of the ids: who waits while holding others could wait for
        one that waits for them. The two seconds begin when all are held, here and as other servers see it.

        Raises TimeoutError where other servers hold one for longer than `patience`, in seconds.
        """
        if keys <= self.keys:
            return
        self.release()
        self._keys |= keys
        try:
            for key in sorted(self._keys):
                await self._locks.take(key, self)
                self._held.append(key)
            if self._keys:
                hold = HOLD_SECONDS + _GRACE_SECONDS
                self._release = await self._locks.seats.take(self._keys, patience, hold)
        except BaseException:
            self.release()
            raise
        self._timer = asyncio.get_running_loop().call_later(HOLD_SECONDS, self.release)

    async def get_past(
        self, hold: frozenset[str], kinds: frozenset[str], patience: float = PATIENCE_SECONDS
    ) -> None:
        """As `widen` with `hold`, and wait until no other claim holds a lock of `kinds`, but do not hold these.

        A walk that makes or deletes records of a kind only has to let those commit that searched for them. If it held the lock,
        all walks that make such records would queue behind it. A claim that had to wait `PASSES` times holds the locks after all.
        """
        if kinds and self._passes >= PASSES:
            hold |= kinds
        elif kinds:
            if self._locks.is_free(kinds, self):
                await asyncio.sleep(_PAUSE_SECONDS * 2**self._passes)
            self._passes += 1
            for key in sorted(kinds - self.keys):
                await self._locks.take(key, self)
                self._locks.pass_on(key)
        await self.widen(hold, patience)

    def release(self) -> None:
        """Let go of all. May be called more than once."""
        if self._timer is not None:
            self._timer.cancel()
        release, self._release = self._release, None
        if release is not None:
            release()
        held, self._held = self._held, []
        for key in held:
            self._locks.pass_on(key)


class Locks:
    """Who holds what, and who waits, first come first served. `seats` has the same locks between servers."""

    def __init__(self, seats: Seats | None = None) -> None:
        self.seats = seats or Seats(None)
        self._holders: dict[str, Claim] = {}
        self._waiting: dict[str, deque[tuple[asyncio.Future[None], Claim]]] = {}

    def is_free(self, keys: Iterable[str], mine: Claim | None = None) -> bool:
        """Whether nobody but `mine` holds any of these. May be asked from any thread: an answer is a hint, not a promise."""
        return not self._holders or all(self._holders.get(key) in (None, mine) for key in keys)

    def held(self, keys: Iterable[str], mine: Claim | None) -> frozenset[str]:
        """Return those of the locks that others than `mine` hold. Otherwise as `is_free`."""
        if not self._holders:
            return frozenset()
        return frozenset(key for key in keys if self._holders.get(key) not in (None, mine))

    def is_quiet(self) -> bool:
        """Whether nobody holds any. May be asked from any thread; a hint as well."""
        return not self._holders

    async def take(self, key: str, claim: Claim) -> None:
        """Wait for a lock and give it to a claim."""
        if key not in self._holders:
            self._holders[key] = claim
            return
        future = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(key, deque()).append((future, claim))
        try:
            await future
        except asyncio.CancelledError:
            if self._holders.get(key) is claim and future.done() and not future.cancelled():
                self.pass_on(key)
            raise

    def pass_on(self, key: str) -> None:
        """Give a lock to the next in line."""
        del self._holders[key]
        waiting = self._waiting.get(key)
        while waiting:
            future, claim = waiting.popleft()
            if not future.done():  # else it gave up
                self._holders[key] = claim
                future.set_result(None)
                break
        if not waiting:
            self._waiting.pop(key, None)
