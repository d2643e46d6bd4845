"""Passwords: hashes and verifies passwords with argon2id, in processes of their own, so that nothing else waits for them.

A hash is dear, and anybody may ask for one. So few calls wait. A call whose caller is cancelled leaves the queue. Callers that
failed before may fill half of the queue only, and others go before them.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
from asyncio import Future
from collections import deque
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Protocol, TypeVar

from walkwire.account.hashing import HashingEnded, HashingProcesses
from walkwire.errors import Busy

# A hash takes 0.1 to 0.2 s of a core, and 64 MiB.
AT_ONCE = 2 if (os.cpu_count() or 1) > 2 else 1
WAITING = 512
SHARE = 4  # while both wait, every fourth turn is for a caller that failed before

_log = logging.getLogger(__name__)

T = TypeVar("T")


class Hasher(Protocol):
    """Computes hashes, several calls at a time."""

    async def hash(self, password: str) -> str:
        """Return a hash that contains its salt and parameters."""

    async def verify(self, password: str, hash: str) -> bool:
        """Return whether `hash` is one of `password`. False for a text that is not a hash."""

    async def close(self) -> None:
        """Free what it holds."""


class Passwords:
    """Hash and verify, `AT_ONCE` calls at a time. Raises Busy while `waiting` calls wait for their turns, or if none can be made.

    - hasher: closed with the rest

    `is_suspect`: the caller gave wrong passwords before. Such callers may fill half of the queue.
    """

    def __init__(self, hasher: Hasher | None = None, waiting: int | None = None) -> None:
        self._hasher: Hasher = hasher or HashingProcesses()
        self._turns = _Turns(AT_ONCE, WAITING if waiting is None else waiting)
        self._stand_in: str | None = None

    @property
    def waiting(self) -> int:
        """Return how many calls wait for their turns."""
        return len(self._turns)

    async def hash(self, password: str, *, is_suspect: bool = False) -> str:
        """Return the hash to store for a new password. Raises Busy."""
        return await self._run(is_suspect, partial(self._hasher.hash, password))

    async def is_right(self, password: str, kept: str | None, *, is_suspect: bool = False) -> bool:
        """Return whether `password` has the stored hash `kept`. For None (no such user) return False after the same time.

        Raises Busy.
        """
        return await self._run(is_suspect, partial(self._verify, password, kept))

    async def close(self) -> None:
        """End the processes. Calls that have not begun are cancelled."""
        self._turns.close()
        await self._hasher.close()

    async def _verify(self, password: str, kept: str | None) -> bool:
        # Made by the first calls, with or without a user.
        self._stand_in = self._stand_in or await self._hasher.hash(secrets.token_urlsafe())
        return await self._hasher.verify(password, kept or self._stand_in) and kept is not None

    async def _run(self, is_suspect: bool, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        await self._turns.take(is_suspect)
        # A cancelled caller does not end the work, so the turn ends with the work.
        working = asyncio.ensure_future(work())
        working.add_done_callback(lambda _: self._turns.give())
        try:
            return await asyncio.shield(working)
        except (HashingEnded, OSError) as error:  # OSError: no file descriptor, process or memory is left
            _log.error("A password cannot be hashed: %s", error)
            raise Busy from None


class _Turns:
    """Whose call is made next."""

    def __init__(self, free: int, waiting: int) -> None:
        self._free = free
        self._bound = waiting
        self._suspects: deque[Future[None]] = deque()
        self._others: deque[Future[None]] = deque()
        self._given = 0

    def __len__(self) -> int:
        """Return how many wait."""
        return len(self._suspects) + len(self._others)

    async def take(self, is_suspect: bool) -> None:
        """Wait for a turn. Raises Busy."""
        if self._free:
            self._free -= 1
            return
        bound = self._bound // 2 if is_suspect else self._bound
        if len(self._suspects) + len(self._others) >= bound:
            raise Busy
        queue = self._suspects if is_suspect else self._others
        turn: Future[None] = asyncio.get_running_loop().create_future()
        queue.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():
                self.give()  # it came together with the cancellation
            elif turn in queue:
                queue.remove(turn)
            raise

    def give(self) -> None:
        """End a turn: the next caller has it."""
        while (queue := self._next()) is not None:
            turn = queue.popleft()
            if not turn.done():  # else its caller was cancelled a moment ago
                turn.set_result(None)
                return
        self._free += 1

    def close(self) -> None:
        """Cancel all that wait."""
        for queue in (self._suspects, self._others):
            while queue:
                queue.popleft().cancel()

    def _next(self) -> deque[Future[None]] | None:
        self._given += 1
        if self._suspects and (not self._others or self._given % SHARE == 0):
            return self._suspects
        return self._others or None
