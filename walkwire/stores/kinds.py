"""Kinds: what each kind of database can do. A kind imports its driver only to open a database."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote

from walkwire.errors import StartError
from walkwire.store import Store, StoreState
from walkwire.urls import masked_url

_NO_DRIVER = "PostgreSQL needs its driver: pip install 'walkwire[postgres]'"


class SqliteKind:
    """One file, used by one server. See `store.StoreKind`."""

    schemes = ("sqlite",)
    example = "sqlite:///file.db"
    is_multi_server = False
    has_pool = False

    def open(self, url: str, connections: int, seconds: float, is_durable: bool) -> Store:
        """Open or create the file. Raises StartError."""
        from walkwire.stores.sqlite.store import open_sqlite

        return open_sqlite(url, is_durable)

    def preload(self) -> None:
        """Import the store."""
        import walkwire.stores.sqlite.store  # noqa: F401 - that is all

    def state(self, url: str, is_durable: bool) -> StoreState:
        """Read the schema of the file, if there is one. Raises StartError."""
        from walkwire.stores.sqlite.state import state_of

        return state_of(url, is_durable)

    def shown(self, url: str) -> str:
        """Return the URL as it is: it holds no password."""
        return url

    def file(self, url: str) -> Path | None:
        """Return the path in the URL, relative to the current folder unless it begins with a slash."""
        path = unquote(url.partition("://")[2].partition("?")[0].removeprefix("/"))
        return Path(path) if path else None


class PostgresKind:
    """A database server, used by any number of walkwire servers. See `store.StoreKind`."""

    schemes = ("postgresql", "postgres")
    example = "postgresql://user@host/name"
    is_multi_server = True
    has_pool = True

    def open(self, url: str, connections: int, seconds: float, is_durable: bool) -> Store:
        """Connect to the database. Raises StartError, also if the driver is not installed."""
        try:
            from walkwire.stores.postgres.store import open_postgres
        except ImportError:
            raise StartError(_NO_DRIVER) from None
        return open_postgres(_url(url), connections, seconds)

    def preload(self) -> None:
        """Import the store and its driver, if it is installed: to open a database says that it is not."""
        with suppress(ModuleNotFoundError):
            import walkwire.stores.postgres.store  # noqa: F401 - that is all

    def state(self, url: str, is_durable: bool) -> StoreState:
        """Connect, and read settings and the schema. Raises StartError, also if the driver is not installed."""
        try:
            from walkwire.stores.postgres.state import state_of
        except ImportError:
            raise StartError(_NO_DRIVER) from None
        return state_of(_url(url))

    def shown(self, url: str) -> str:
        """Return the URL with asterisks in place of the password."""
        return masked_url(url)

    def file(self, url: str) -> Path | None:
        """Return None: the database is on a server."""
        return None


def _url(url: str) -> str:
    return f"postgresql:{url.partition(':')[2]}"
