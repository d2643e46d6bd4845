"""Revocations: sockets whose tokens ended on another server, which could not tell. The broker tells at once and at most once; the
database is asked when the broker is back, and every half minute."""

from __future__ import annotations

import asyncio
import logging
from asyncio import Task
from contextlib import suppress

from walkwire.account.auth import Caller
from walkwire.store import UserStore
from walkwire.wire.hub import Hub

SECONDS = 30.0

_log = logging.getLogger(__name__)


class Revocations:
    """Knows by which count of tokens the users of this server's sockets came in."""

    def __init__(self, users: UserStore, hub: Hub, seconds: float = SECONDS) -> None:
        self._users = users
        self._hub = hub
        self._seconds = seconds
        self._counts: dict[str, int] = {}  # by root
        self._wish = asyncio.Event()
        self._task: Task[None] | None = None

    def start(self) -> None:
        """Ask from time to time, and whenever `wake` is called."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,))

    def wake(self) -> None:
        """The broker is back: ask now."""
        self._wish.set()

    def note(self, caller: Caller) -> None:
        """A caller is about to enter the hub."""
        if caller.user_id is None:
            return
        before = self._counts.get(caller.root_id, caller.tokens)
        self._counts[caller.root_id] = max(before, caller.tokens)
        if before != caller.tokens:
            self._hub.end(caller.root_id)  # those that are here came in by tokens that have ended
        if len(self._counts) > 1000 + 2 * len(self._hub.users):
            self._forget()

    async def check(self) -> None:
        """Make those public whose tokens have ended. Raises what the store does."""
        self._forget()
        known = dict(self._counts)
        if not known:
            return
        now = await asyncio.to_thread(self._users.tokens_of, list(known))
        for root_id, count in known.items():
            if now.get(root_id) != count and self._counts.get(root_id) == count:
                self._hub.end(root_id)

    async def _run(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._seconds):
                    await self._wish.wait()
            self._wish.clear()
            try:
                await self.check()
            except Exception:
                _log.exception("Whether tokens have ended could not be asked")

    def _forget(self) -> None:
        here = self._hub.users
        self._counts = {root_id: count for root_id, count in self._counts.items() if root_id in here}
