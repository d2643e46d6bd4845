"""Archive: all records of a database, to be read in one stream and written to another database, perhaps of another engine.

Guarantees: what is read is one snapshot; a database gets all records or none; memory is bounded, whatever the size.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, Protocol

from walkwire.errors import WalkwireError


class ArchivedRecord(NamedTuple):
    """A row of a table.

    - values: JSON values, bytes, and `msgspec.Raw` for columns that hold the text of a JSON object. What is restored may be
      `msgspec.Raw` in all columns, with bytes in base64.
    """

    table: str
    values: dict[str, Any]


class NotEmpty(WalkwireError):
    """The database has records already."""


class NotARecord(WalkwireError):
    """A record names an unknown table, lacks a column, or does not fit. Its text says which, without values."""


class ArchiveStore(Protocol):
    """A store whose records can be moved to another one of the same schema."""

    @property
    def schema(self) -> str:
        """Return the number of the schema."""

    def archive(self) -> AbstractContextManager[tuple[int, Iterator[ArchivedRecord]]]:
        """Return how many records there are, and all of them, in an order in which they can be written."""

    def restore(self, records: Iterable[ArchivedRecord]) -> int:
        """Write all records in one transaction. Return how many. Raises NotEmpty, NotARecord, and what `records` raises.

        The two roots of an empty database are replaced. No server must use the database meanwhile.
        """
