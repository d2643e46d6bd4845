"""Shared locks: the locks of retried walks (`walk/unit/locks`), as all servers on one database see them.

Each walk's locks are held by a transaction on a connection of its own, so at most `width` walks of a server hold such locks or
wait for them. A commit never waits for one: Held names the locks in its way, and the walk waits without holding anything.
Correctness does not depend on these locks. If a connection breaks, its locks are released, and its walk contends like any other.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from contextlib import ExitStack

from psycopg import ClientCursor

from walkwire.errors import Busy
from walkwire.stores.postgres.driver.pool import Away, Pool
from walkwire.stores.postgres.locks import shared_lock_numbers

# One simple query and no pipeline: after a pipeline PostgreSQL does not enforce the limit on idle transactions.
_TAKE = """
BEGIN;
SET LOCAL lock_timeout = %s;
SET LOCAL idle_in_transaction_session_timeout = %s;
SELECT count(pg_advisory_xact_lock(number)) FROM unnest(%s::bigint[]) AS given(number)
"""

_log = logging.getLogger("walkwire.stores")


class PostgresSharedLocks:
    """Advisory locks of idle transactions. See `store.SharedLocks`."""

    def __init__(self, pool: Pool, width: int) -> None:
        self._pool = pool
        self.width = width

    def take(self, keys: Collection[str], patience: float, hold: float) -> Callable[[], None]:
        """Acquire all locks in one round trip; see `SharedLocks.take`. Locks nothing if the database is unreachable."""
        try:
            with ExitStack() as stack:
                connection = stack.enter_context(self._pool.raw())
                limits = (f"{seconds * 1000:.0f}ms" for seconds in (patience, hold))
                ClientCursor(connection).execute(_TAKE, [*limits, sorted(shared_lock_numbers(keys))])
                stack.callback(connection.rollback)
                held = stack.pop_all()
        except Away:
            return lambda: None
        except Busy:
            raise TimeoutError from None
        return lambda: _release(held)


def _release(held: ExitStack) -> None:
    try:
        held.close()
    except Busy:
        _log.debug("The connection that held locks of a walk broke, which released them")
