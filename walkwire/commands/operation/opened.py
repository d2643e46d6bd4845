"""Opened: the database that a command works on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from walkwire.store import Store


@contextmanager
def opened(database: str | None) -> Iterator[Store]:
    """Open the database with this URL, or that of the settings, and close it at the end. Raises StartError."""
    from walkwire import config
    from walkwire.stores import open_store

    store = open_store(config.load(database=database).database)
    try:
        yield store
    finally:
        store.close()
