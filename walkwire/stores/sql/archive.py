"""Archive: reads all tables in the order of their keys, and writes them. The transaction is the caller's."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from itertools import groupby, islice
from typing import Any

import msgspec
from sqlalchemy import (
    Column,
    Connection,
    Double,
    Float,
    LargeBinary,
    Table,
    delete,
    func,
    insert,
    select,
    tuple_,
)
from sqlalchemy.exc import DBAPIError, StatementError

from walkwire.ids import PUBLIC_ROOT, SYSTEM_ROOT
from walkwire.store import ArchivedRecord, NotARecord, NotEmpty
from walkwire.stores.sql.schema import edges, metadata, nodes, streams, users

_AT_ONCE = 500  # records in memory
_TABLES = {table.name: table for table in metadata.sorted_tables}
# Columns with the text of a JSON object, which is copied as it is.
_TEXTS = {nodes.name: ("data", "access"), edges.name: ("data",), users.name: ("state",)}
NUMBERED = (edges.c.seq, streams.c.id)  # columns that a sequence counts


def count(connection: Connection) -> int:
    """Return how many records there are."""
    return sum(
        connection.execute(select(func.count()).select_from(table)).scalar_one() for table in _TABLES.values()
    )


def read(connection: Connection) -> Iterator[ArchivedRecord]:
    """Yield all records, a table after those that it refers to."""
    for table in _TABLES.values():
        yield from _rows(connection, table)


def write(connection: Connection, records: Iterable[ArchivedRecord]) -> int:
    """Insert records into an empty database, and return how many. Raises NotEmpty, NotARecord."""
    _require_empty(connection)
    connection.execute(delete(nodes))
    written = 0
    for name, group in groupby(records, lambda record: record.table):
        table = _TABLES.get(name)
        if table is None:
            raise NotARecord(f"there is no table {name!r}")
        while rows := [_row(table, record.values) for record in islice(group, _AT_ONCE)]:
            try:
                connection.execute(insert(table), rows)
            except (DBAPIError, StatementError) as error:
                cause = str(getattr(error, "orig", error)).splitlines()[0]
                raise NotARecord(f"records of {name} do not fit: {cause}") from None
            written += len(rows)
    return written


def _require_empty(connection: Connection) -> None:
    for table in _TABLES.values():
        statement = select(func.count()).select_from(table)
        if table is nodes:
            statement = statement.where(nodes.c.id.not_in([SYSTEM_ROOT, PUBLIC_ROOT]))
        if connection.execute(statement).scalar():
            raise NotEmpty(table.name)


def _rows(connection: Connection, table: Table) -> Iterator[ArchivedRecord]:
    texts = _TEXTS.get(table.name, ())
    key = list(table.primary_key.columns)
    statement = select(table).order_by(*key).limit(_AT_ONCE)
    names = [column.key for column in table.columns]
    after: tuple[Any, ...] | None = None
    while True:
        page = statement if after is None else statement.where(tuple_(*key) > tuple_(*after))
        rows = [dict(zip(names, row, strict=True)) for row in connection.execute(page)]
        for row in rows:
            after = tuple(row[column.key] for column in key)
            for text in texts:
                if row[text] is not None:
                    row[text] = _on_one_line(row[text])
            yield ArchivedRecord(table.name, row)
        if len(rows) < _AT_ONCE:
            return


def _on_one_line(text: str) -> msgspec.Raw:
    """Return the text of a JSON object without line breaks, which JSON has only between tokens."""
    return msgspec.Raw(" ".join(text.splitlines()) if "\n" in text or "\r" in text else text)


def _row(table: Table, values: dict[str, Any]) -> dict[str, Any]:
    texts = _TEXTS.get(table.name, ())
    row: dict[str, Any] = {}
    for column in table.columns:
        if column.key not in values:
            raise NotARecord(f"a record of {table.name} has no {column.key!r}")
        value = values[column.key]
        try:
            row[column.key] = _value(column, value, column.key in texts)
        except (ValueError, TypeError):
            raise NotARecord(f"{column.key!r} of a record of {table.name} is of another type") from None
    return row


def _value(column: Column[Any], value: Any, is_text: bool) -> Any:
    """Return what is stored in a column. Raises ValueError, TypeError."""
    if isinstance(value, msgspec.Raw):
        text = bytes(value).decode()
        if is_text and text != "null":
            if not text.startswith("{"):
                raise ValueError
            return text
        value = msgspec.json.decode(value)
    if value is not None and isinstance(column.type, LargeBinary) and not isinstance(value, bytes):
        return base64.b64decode(value)
    if isinstance(value, int) and isinstance(column.type, Double | Float):
        return float(value)
    if value is not None and not isinstance(value, column.type.python_type):
        raise ValueError
    return value
