"""Stores: the kinds of store, chosen by URL, so that a driver is needed only by those who use it."""

from __future__ import annotations

from walkwire.errors import StartError
from walkwire.store import Store


def open_store(url: str, *, connections: int = 16, seconds: float = 10) -> Store:
    """Open the database at `url`, and make its tables: `sqlite:///relative.db`, `sqlite:////absolute.db`, `postgresql://host/name`.

    Of a server, at most so many `connections` are used, and nobody waits longer than `seconds` for one of them or for a lock.
    Raises StartError.
    """
    scheme = url.partition(":")[0]
    if scheme == "sqlite":
        from walkwire.stores.sqlite.store import open_sqlite

        return open_sqlite(url)
    if scheme in ("postgresql", "postgres"):
        try:
            from walkwire.stores.postgres.store import open_postgres
        except ImportError:
            raise StartError("PostgreSQL needs its driver: pip install 'walkwire[postgres]'") from None
        return open_postgres(f"postgresql{url.removeprefix(scheme)}", connections, seconds)
    raise StartError(
        f"No database of the kind {scheme!r}: give sqlite:///file.db or postgresql://user@host/name"
    )
