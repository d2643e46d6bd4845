"""Kind: what a kind of database declares about itself. Guarantee: no answer here needs the kind's driver, except `open`.

The kinds are in `stores/`; the scheme of a URL chooses one. Callers ask the kind and never look into a URL.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, Protocol

from walkwire.store.store import Store


class StoreState(NamedTuple):
    """What is known of a database that was only looked at.

    - `engine`: its name and version.
    - `schema`: the number of its schema; "": one from before numbers; None: it is empty.
    - `newest`: the number of the newest schema that this walkwire knows.
    - `now`: Unix seconds, by the clock of the database.
    - `risks`: sentences about settings by which a commit may be lost.
    - `connections`: how many it takes from all clients together; None: there is no such limit.
    """

    engine: str
    schema: str | None
    newest: str
    now: float
    risks: tuple[str, ...] = ()
    connections: int | None = None


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

    def preload(self) -> None:
        """Import what `open` needs, in a process that servers are forked from."""

    def state(self, url: str, is_durable: bool) -> StoreState:
        """Return what is known of the database, which is not created, migrated or changed. `is_durable`: see `open`.

        Raises StartError if it cannot be used.
        """

    def shown(self, url: str) -> str:
        """Return the URL without its password, for logs and the terminal."""

    def file(self, url: str) -> Path | None:
        """Return the file that holds the database; None if the database is not one file on this machine."""
