"""Keyed calls: statements on calls with a key. All run inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, Select, String, bindparam, delete, func, or_, select, tuple_

from walkwire.store import KeyedCall
from walkwire.stores.sql.schema import keyed_calls

COLUMNS: tuple[Any, ...] = tuple(keyed_calls.c[name] for name in KeyedCall._fields)
NOT_KEYS = tuple(name for name in KeyedCall._fields if name not in ("root_id", "key"))


def by_key() -> Select[Any]:
    """Return the statement for the record of the key `key` of the root `root_id`, expired or not."""
    return select(*COLUMNS).where(
        keyed_calls.c.root_id == bindparam("root_id", type_=String),
        keyed_calls.c.key == bindparam("key", type_=String),
    )


def of(rows: Iterable[Any], now: float) -> KeyedCall | None:
    """Return the record in the only row; None if there is none, or if it expired before `now`.

    A statement that asks for the time as well might be planned with the index of times, and read all records.
    """
    for row in rows:
        call = KeyedCall(*row)
        return call._replace(is_response=bool(call.is_response)) if call.expires > now else None
    return None


def forget(connection: Connection, before: float, limit: int) -> int:
    """Delete at most `limit` records that have expired. Two servers that do so at once do not wait for each other."""
    keys = keyed_calls.c.root_id, keyed_calls.c.key
    expired = select(*keys).where(keyed_calls.c.expires < before).limit(limit)
    expired = expired.with_for_update(skip_locked=True)
    return connection.execute(delete(keyed_calls).where(tuple_(*keys).in_(expired))).rowcount


def is_over(connection: Connection, root_id: str, most: int, size: int) -> bool:
    """Return whether a root has more than `most` records, or more than `size` characters of all bodies. Reads all of them."""
    number, length = func.count(), func.coalesce(func.sum(func.length(keyed_calls.c.body)), 0)
    mine = keyed_calls.c.root_id == root_id
    return bool(connection.execute(select(or_(number > most, length > size)).where(mine)).scalar_one())


def trim(connection: Connection, root_id: str, most: int, size: int) -> int:
    """Delete the oldest records of a root beyond `most`, or beyond `size` characters of all bodies. Reads all of them."""
    newest = keyed_calls.c.made.desc(), keyed_calls.c.key
    length = func.coalesce(func.length(keyed_calls.c.body), 0)
    ranked = (
        select(
            keyed_calls.c.key,
            func.row_number().over(order_by=newest).label("number"),
            func.sum(length).over(order_by=newest, rows=(None, 0)).label("size"),
        )
        .where(keyed_calls.c.root_id == root_id)
        .subquery()
    )
    old = select(ranked.c.key).where(or_(ranked.c.number > most, ranked.c.size > size))
    mine = keyed_calls.c.root_id == root_id
    return connection.execute(delete(keyed_calls).where(mine, keyed_calls.c.key.in_(old))).rowcount
