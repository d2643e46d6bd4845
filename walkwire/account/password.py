"""Passwords: hashes and verifies passwords with argon2id, in threads of their own, so that nothing else waits for them."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property
from typing import Protocol, TypeVar

from pwdlib.hashers.argon2 import Argon2Hasher

from walkwire.errors import Busy

THREADS = 2  # a hash takes about 0.1 s of a core, and 64 MiB
WAITING = 512

T = TypeVar("T")


class Hasher(Protocol):
    """Compute or verify one hash, in the calling thread."""

    def hash(self, password: str) -> str:
        """Return a hash that contains its salt and parameters."""

    def verify(self, password: str, hash: str) -> bool:
        """Return whether `hash` is one of `password`. False for a text that is not a hash."""


class Passwords:
    """Hash and verify in `THREADS` threads. Raises Busy while `WAITING` calls are under way."""

    def __init__(self, hasher: Hasher | None = None) -> None:
        self._hasher: Hasher = hasher or Argon2Hasher()
        self._pool = ThreadPoolExecutor(THREADS, "password")
        self._under_way = 0

    async def hash(self, password: str) -> str:
        """Return the hash to store for a new password. Raises Busy."""
        return await self._run(self._hasher.hash, password)

    async def is_right(self, password: str, kept: str | None) -> bool:
        """Return whether `password` has the stored hash `kept`. For None (no such user) return False after the same time."""
        stand_in = await asyncio.wrap_future(self._stand_in)
        return await self._run(self._hasher.verify, password, kept or stand_in) and kept is not None

    def close(self) -> None:
        """End the threads. Calls that have not begun are cancelled."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    @cached_property
    def _stand_in(self) -> Future[str]:
        return self._pool.submit(self._hasher.hash, secrets.token_urlsafe())

    async def _run(self, work: Callable[..., T], *arguments: str) -> T:
        if self._under_way >= WAITING:
            raise Busy
        self._under_way += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work, *arguments)
        finally:
            self._under_way -= 1
