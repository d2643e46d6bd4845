"""Kind: what a kind of database declares about itself. Guarantee: no answer here needs the kind's driver, except `open`.

The kinds are in `stores/`; the scheme of a URL chooses one. Callers ask the kind and never look into a URL.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from walkwire.store.store import Store


class StoreKind(Protocol):
    """A kind of database."""

    @property
    def schemes(self) -> tuple[str, ...]:
        """Return the URL schemes that choose this kind."""

    @property
    def example(self) -> str:
        """Return a URL of this kind, for error sentences."""

    @property
    def is_multi_server(self) -> bool:
        """Return whether several servers and worker processes may use one database at the same time."""

    @property
    def has_pool(self) -> bool:
        """Return whether the store keeps a bounded pool of connections. If not, `open` ignores `connections` and `seconds`."""

    def open(self, url: str, connections: int, seconds: float, is_durable: bool) -> Store:
        """Open the database and create or migrate its tables.

        - `connections`: the largest number of connections of this process.
        - `seconds`: how long a caller waits for a connection or a lock before Busy is raised.
        - `is_durable`: whether each commit is flushed to the disk, if the kind leaves that to its clients.

        Raises StartError with a sentence for the operator.
        """

    def shown(self, url: str) -> str:
        """Return the URL without its password, for logs and the terminal."""

    def file(self, url: str) -> Path | None:
        """Return the file that holds the database; None if the database is not one file on this machine."""
