"""Keychain: the API keys of a database, for the operator at the command line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from walkwire import config
from walkwire.account.service import create_key, revoke_key
from walkwire.store import Store
from walkwire.stores import open_store


def create(database: str | None, name: str) -> str:
    """The text of a new key. Raises StartError."""
    with _store(database) as store:
        return create_key(store, name).text


def names(database: str | None) -> list[tuple[str, datetime]]:
    """The keys by name, and when each was made. Raises StartError."""
    with _store(database) as store:
        return [(key.name, datetime.fromtimestamp(key.created, UTC)) for key in store.services()]


def revoke(database: str | None, name: str) -> None:
    """End a key. Raises StartError."""
    with _store(database) as store:
        revoke_key(store, name)


@contextmanager
def _store(database: str | None) -> Iterator[Store]:
    store = open_store(config.load(database=database).database)
    try:
        yield store
    finally:
        store.close()
