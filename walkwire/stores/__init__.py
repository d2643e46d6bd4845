"""Stores: the kinds of store, chosen by URL, so that a driver is needed only by those who use it."""

from __future__ import annotations

from walkwire.errors import StartError
from walkwire.store import Store


def open_store(url: str) -> Store:
    """Open the database at `url` (`sqlite:///relative.db`, `sqlite:////absolute.db`) and make its tables. Raises StartError."""
    scheme = url.partition(":")[0]
    if scheme == "sqlite":
        from walkwire.stores.sqlite import open_sqlite

        return open_sqlite(url)
    raise StartError(f"No database of the kind {scheme!r}: give sqlite:///file.db")
