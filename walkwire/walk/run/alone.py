"""Alone: a unit of work outside of a server: a program while it is loaded, `walkwire run`, tests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from walkwire.errors import Conflict
from walkwire.store import GraphStore, Lost, SharedLocks, StreamEntry, UserStore
from walkwire.walk.audience import Addressees
from walkwire.walk.current import enter_run, leave_run
from walkwire.walk.registry import Registry
from walkwire.walk.run.run import Run
from walkwire.walk.unit.locks import HOLD_SECONDS, PATIENCE_SECONDS
from walkwire.walk.unit.outbox import Notify

Result = TypeVar("Result")


class Alone:
    """The host of a run that no server runs. It knows of other walks only through the locks that the database shares.

    - is_loading: the program is being loaded to be served; otherwise it is run as a script
    """

    users: UserStore | None = None

    def __init__(self, shared_locks: SharedLocks | None, is_loading: bool = False) -> None:
        self.spawns_awaitable = not is_loading
        self._shared_locks = shared_locks
        self._keys: frozenset[str] = frozenset()
        self._release: Callable[[], None] = _nothing

    def run_coroutine(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        """Run a coroutine on an event loop of its own."""
        return asyncio.run(coroutine)

    async def run_in_thread(self, function: Callable[..., Result], *arguments: Any) -> Result:
        """Run a function in a thread of the default pool."""
        return await asyncio.to_thread(function, *arguments)

    def is_quiet(self) -> bool:
        """True: there are no other walks in this process."""
        return True

    def held(self, keys: frozenset[str]) -> frozenset[str]:
        """Return nothing: there are no other walks in this process."""
        return frozenset()

    def acquire(self, hold: frozenset[str], kinds: frozenset[str]) -> None:
        """Acquire locks, beside those held before, where all servers see them. Raises Conflict after `PATIENCE_SECONDS`."""
        assert self._shared_locks is not None  # only a store that has them reports locks of others
        self.release()
        keys = hold | kinds
        try:
            self._release = self._shared_locks.take(self._keys | keys, PATIENCE_SECONDS, HOLD_SECONDS)
        except TimeoutError:
            raise Conflict from None
        self._keys |= keys

    def owned(self) -> Collection[str]:
        """Return the locks that were acquired."""
        return self._keys

    def tasks_added(self) -> None:
        """Do nothing: a server that uses the same database finds the tasks."""

    def entries_of(self, addressees: Addressees, data: bytes) -> Sequence[StreamEntry]:
        """Return nothing: nobody listens here."""
        return ()

    def channel_token(self, channel_id: str, root_id: str, seconds: float) -> str:
        """Raise RuntimeError: there are no channels here."""
        raise RuntimeError("A channel token is made by a walk in a server: no server runs here")

    def online(self, channel_id: str) -> tuple[int, list[bytes]]:
        """Return nobody: there are no clients here."""
        return 0, []

    def online_users(self, root_ids: frozenset[str]) -> frozenset[str]:
        """Return nobody: there are no clients here."""
        return frozenset()

    def release(self) -> None:
        """Release all locks."""
        self._release()
        self._release = _nothing


@contextmanager
def unit_of_work(
    store: GraphStore,
    registry: Registry,
    root_id: str,
    notify: Notify = lambda addressees, data: None,
    *,
    is_loading: bool = False,
) -> Iterator[Run]:
    """Make a run the current one for the `with` block. Commit it at the end, unless the block raises.

    With `is_loading` the block is the module code of a program that is to be served.

    Raises Conflict if others changed what the block read: a block cannot be retried.
    """
    host = Alone(store.shared_locks, is_loading)
    run = Run(store, store.latest(), registry, root_id, host, notify)
    token = enter_run(run)
    try:
        yield run
        run.write_patiently(run.graph.changes())
    except Lost:
        raise Conflict from None
    finally:
        leave_run(token)
        host.release()


def _nothing() -> None:
    """Release nothing."""
