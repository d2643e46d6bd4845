"""Keyed calls: the keys of calls under way, as all servers on one database see them, and the records of those that were done.

A server takes keys by advisory locks of one session, on a connection that it opens for the first of them. Calls that come
together share a statement. If the connection breaks, the keys are free, and a second server may walk for the same key: the
commits of both write the same row, and the later one is refused.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from walkwire.errors import Busy
from walkwire.store import KeyedCall, KeyHeld
from walkwire.stores.postgres.driver.pool import Pool, Raw
from walkwire.stores.postgres.driver.prepared import Prepared, long_numbers, texts
from walkwire.stores.postgres.locks import number
from walkwire.stores.postgres.statements import PostgresStatement
from walkwire.stores.sql.keyed_calls import by_key, of

_TOGETHER = 256  # keys in one statement

_FIND = PostgresStatement(by_key())
# A key is locked only if no walk has ended with it.
_TAKE = Prepared(
    "SELECT asked.place, CASE WHEN done.status > 0 AND done.expires > $4::double precision THEN NULL"
    " ELSE pg_try_advisory_lock(asked.number) END,"
    " done.root_id, done.key, done.call, done.digest, done.status, done.body, done.is_response, done.made, done.expires"
    " FROM unnest($1::text[], $2::text[], $3::bigint[]) WITH ORDINALITY AS asked(root_id, key, number, place)"
    " LEFT JOIN keyed_calls AS done"
    " ON done.root_id = asked.root_id AND done.key = asked.key",
    [True, True, True, False],
)
_FREE = Prepared(
    "SELECT count(pg_advisory_unlock(number)) FROM unnest($1::bigint[]) AS given(number)", [True]
)

Result = TypeVar("Result")

_log = logging.getLogger("walkwire.stores")


def find_call(connection: Raw, root_id: str, key: str, now: float) -> KeyedCall | None:
    """Return the record of a key that has not expired before `now`; None: there is none."""
    return of(_FIND.run(connection, root_id=root_id, key=key), now)


class _Asked:
    __slots__ = ("error", "found", "has_lock", "is_done", "key", "now", "root_id")

    def __init__(self, root_id: str, key: str, now: float) -> None:
        self.root_id, self.key, self.now = root_id, key, now
        self.found: KeyedCall | None = None
        self.has_lock: bool | None = None
        self.error: BaseException | None = None
        self.is_done = False


class KeyLocks:
    """The keys that this server has taken. `make_pool` makes the pool of the one connection, when it is first needed."""

    def __init__(self, make_pool: Callable[[], Pool]) -> None:
        self._make_pool = make_pool
        self._pool: Pool | None = None
        self._turn = threading.Lock()
        self._asked: deque[_Asked] = deque()

    def take(self, root_id: str, key: str, now: float) -> KeyedCall | None:
        """Return the record of a key, or take the key; see `KeyedCallStore.take_key`.

        Raises KeyHeld; Away if the connection broke, which took nothing.
        """
        one = _Asked(root_id, key, now)
        self._asked.append(one)
        with self._turn:
            while not one.is_done:
                self._take_together([self._asked.popleft() for _ in range(min(len(self._asked), _TOGETHER))])
        if one.error is not None:
            raise one.error
        if one.has_lock is False:
            raise KeyHeld
        if one.found is not None and one.has_lock:
            # The walk committed a part, and did not end; or it ended after the statement looked.
            self.free([(root_id, key)])
            return self._use(lambda connection: find_call(connection, root_id, key, now))
        return one.found

    def free(self, keys: Sequence[tuple[str, str]]) -> None:
        """Free keys. Does nothing if the connection broke, which freed them."""
        try:
            with self._turn:
                self._use(lambda connection: _FREE.run(connection, [_numbers(keys)]))
        except Busy:
            _log.debug("The connection that held the keys of calls broke, which freed them")

    def close(self) -> None:
        """Close the connection."""
        with self._turn:
            if self._pool is not None:
                self._pool.close()

    def _take_together(self, asked: list[_Asked]) -> None:
        try:
            rows = self._use(lambda connection: _TAKE.run(connection, _values(asked)))
        except BaseException as error:
            for one in asked:
                one.error, one.is_done = error, True
            return
        for place, has_lock, *record in rows:
            one = asked[place - 1]
            one.has_lock = has_lock
            one.found = None if record[0] is None else of([record], one.now)
        for one in asked:
            one.is_done = True

    def _use(self, work: Callable[[Raw], Result]) -> Result:
        if self._pool is None:
            self._pool = self._make_pool()
            self._pool.watchdog.start()
        with self._pool.raw() as connection:
            return work(connection)


def _numbers(keys: Sequence[tuple[str, str]]) -> bytes:
    return long_numbers(number(f"{root_id}{key}", b"call") for root_id, key in keys)


def _values(asked: list[_Asked]) -> list[Any]:
    return [
        texts(one.root_id for one in asked),
        texts(one.key for one in asked),
        _numbers([(one.root_id, one.key) for one in asked]),
        repr(min(one.now for one in asked)).encode(),
    ]
