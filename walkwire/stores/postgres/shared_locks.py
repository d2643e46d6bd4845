"""Crowd: the locks of walks that run again (`walk/unit/locks`), as all servers on one database see them.

Each is held by a transaction that does nothing else, on a connection of its own: so at most `width` walks of a server hold such
locks or wait for them. A commit never waits for one: it is told who is in its way, and lets go of everything before it waits.
What is true does not depend on these locks, only who comes first: where a connection dies its locks are free, and its walk is one
among others.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from contextlib import ExitStack

from psycopg import ClientCursor

from walkwire.errors import Busy
from walkwire.stores.postgres.driver.pool import Away, Pool
from walkwire.stores.postgres.locks import crowd_numbers

# In one go, but in no pipeline: after one PostgreSQL does not count for how long a transaction is idle.
_TAKE = """
BEGIN;
SET LOCAL lock_timeout = %s;
SET LOCAL idle_in_transaction_session_timeout = %s;
SELECT count(pg_advisory_xact_lock(number)) FROM unnest(%s::bigint[]) AS given(number)
"""

_log = logging.getLogger("walkwire.stores")


class PostgresCrowd:
    """See `store.Crowd`."""

    def __init__(self, pool: Pool, width: int) -> None:
        self._pool = pool
        self.width = width

    def take(self, keys: Collection[str], patience: float, hold: float) -> Callable[[], None]:
        try:
            with ExitStack() as stack:
                connection = stack.enter_context(self._pool.raw())
                limits = (f"{seconds * 1000:.0f}ms" for seconds in (patience, hold))
                ClientCursor(connection).execute(_TAKE, [*limits, sorted(crowd_numbers(keys))])
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
        _log.debug("The connection that held locks of a walk is gone, and they with it")
