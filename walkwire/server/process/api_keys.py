"""API keys: create, list and revoke the keys of services in a database, for the command line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from walkwire import config
from walkwire.account.service import create_key, revoke_key
from walkwire.store import Store
from walkwire.stores import open_store


def create(database: str | None, name: str) -> str:
    """Create a key for the service `name` and return its text. Raises StartError."""
    with _store(database) as store:
        return create_key(store, name).text


def names(database: str | None) -> list[tuple[str, datetime]]:
    """Return the names of all services, and when each key was created. Raises StartError."""
    with _store(database) as store:
        return [(key.name, datetime.fromtimestamp(key.created, UTC)) for key in store.services()]


def revoke(database: str | None, name: str) -> None:
    """Revoke the key of a service. Raises StartError."""
    with _store(database) as store:
        revoke_key(store, name)


@contextmanager
def _store(database: str | None) -> Iterator[Store]:
    store = open_store(config.load(database=database).database)
    try:
        yield store
    finally:
        store.close()
