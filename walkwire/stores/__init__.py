"""Stores: the kinds of database. The scheme of a URL chooses one; its driver is imported when the database is opened."""

from __future__ import annotations

from walkwire.errors import StartError
from walkwire.store import Store, StoreKind
from walkwire.stores.kinds import PostgresKind, SqliteKind

KINDS: tuple[StoreKind, ...] = (SqliteKind(), PostgresKind())


def kind_of(url: str) -> StoreKind:
    """Return the kind of the database at `url`. Raises StartError, which names the kinds, if the scheme is unknown."""
    scheme = url.partition(":")[0]
    for kind in KINDS:
        if scheme in kind.schemes:
            return kind
    examples = " or ".join(kind.example for kind in KINDS)
    raise StartError(f"No database of the kind {scheme!r}: give {examples}")


def open_store(url: str, *, connections: int = 16, seconds: float = 10, is_durable: bool = False) -> Store:
    """Open the database at `url` and create or migrate its tables. Raises StartError.

    - `url`: `sqlite:///relative.db`, `sqlite:////absolute.db` or `postgresql://user@host/name`.
    - `connections`: the largest number of connections of this process, if the kind has a pool.
    - `seconds`: how long a caller waits for a connection or a lock before Busy is raised, if the kind has a pool.
    - `is_durable`: whether a commit survives a loss of power. SQLite only, and a URL that says so itself is followed.
    """
    return kind_of(url).open(url, connections, seconds, is_durable)
