"""Keys: the statements about API keys, for every SQL engine."""

from __future__ import annotations

from sqlalchemy import Connection, delete, insert, select
from sqlalchemy.exc import IntegrityError

from walkwire.store import KeyExists, KeyRecord
from walkwire.stores.schema import keys

_KEY = tuple(keys.c[field] for field in KeyRecord._fields)


def add(connection: Connection, key: KeyRecord) -> None:
    """Write a key. Raises KeyExists."""
    try:
        connection.execute(insert(keys), [key._asdict()])
    except IntegrityError:
        raise KeyExists(key.name) from None


def all_keys(connection: Connection) -> list[KeyRecord]:
    """Every key, by name."""
    return [KeyRecord(*row) for row in connection.execute(select(*_KEY).order_by(keys.c.name))]


def by_digest(connection: Connection, digest: str) -> KeyRecord | None:
    """The key with this digest."""
    row = connection.execute(select(*_KEY).where(keys.c.digest == digest)).first()
    return KeyRecord(*row) if row else None


def revoke(connection: Connection, name: str) -> bool:
    """Delete the key of this name; False where there is none."""
    return connection.execute(delete(keys).where(keys.c.name == name)).rowcount == 1
