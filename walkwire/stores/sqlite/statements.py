"""Statements: the frequent statements on SQLite, written in SQLAlchemy Core, compiled once and executed by the driver itself.

Executing through SQLAlchemy takes several times as long as SQLite itself does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import islice
from operator import attrgetter
from sqlite3 import Connection, Cursor
from typing import Any, cast

from sqlalchemy import ColumnElement, bindparam, select
from sqlalchemy import Connection as SqlConnection
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

from walkwire.store import Selection
from walkwire.stores.sql.schema import edges, nodes
from walkwire.stores.sql.selections import (
    EDGE,
    NODE,
    SelectionShape,
    from_side,
    neighbourhood,
    selected,
    sequence,
    shape_of,
)
from walkwire.stores.sql.sessions import token_states

AT_ONCE = 512  # ids in one statement: SQLite before 3.32 allows 999 parameters

_DIALECT = SQLiteDialect_pysqlite(paramstyle="qmark")


class SqliteStatement:
    """A statement compiled for the driver.

    A statement with lists has a text for each list length. To keep these few, a list is padded to a power of two with its last
    element.
    """

    def __init__(self, statement: Any) -> None:
        self._compiled = compiled = statement.compile(dialect=_DIALECT)
        self._names: list[str] = compiled.positiontup
        self._lists = [name for name in compiled.params if compiled.binds[name].expanding]
        self._constants = {name: value for name, value in compiled.params.items() if value is not None}
        self._text = str(compiled)
        self._texts: dict[tuple[int, ...], str] = {}

    def run(self, connection: Connection, given: Mapping[str, Any]) -> Cursor:
        """Execute with these parameters and return the cursor."""
        if self._constants:
            given = {**self._constants, **given}
        if not self._lists:
            return connection.execute(self._text, [given[name] for name in self._names])
        filled = {name: _padded(given[name]) for name in self._lists}
        values: list[Any] = []
        for name in self._names:
            if name in filled:
                values += filled[name]
            else:
                values.append(given[name])
        return connection.execute(self._text_for(filled), values)

    def run_for_all(self, connection: Connection, records: Iterable[Any]) -> None:
        """Execute one without lists for each of these named tuples."""
        row = attrgetter(*self._names)
        rows = [row(record) for record in records]
        if len(rows) == 1:
            connection.execute(self._text, rows[0])
        else:
            connection.executemany(self._text, rows)

    def _text_for(self, lists: Mapping[str, Sequence[Any]]) -> str:
        sizes = tuple(map(len, lists.values()))
        text = self._texts.get(sizes)
        if text is None:
            given = {**dict.fromkeys(self._names), **lists}
            text = self._texts[sizes] = self._compiled.construct_expanded_state(given).statement
        return text


def _padded(values: Sequence[Any]) -> Sequence[Any]:
    size = len(values)
    more = (1 << (size - 1).bit_length()) - size if 0 < size <= AT_ONCE else 0
    return [*values, *[values[-1]] * more] if more else values


def among(column: Any, name: str) -> ColumnElement[bool]:
    """Return an expression that is true if a column is in a list parameter."""
    return cast(ColumnElement[bool], column.in_(bindparam(name, expanding=True)))


NODES_BY_ID = SqliteStatement(select(*NODE).where(among(nodes.c.id, "ids")))
EDGES_BY_ID = SqliteStatement(select(*EDGE).where(among(edges.c.id, "ids")))
NODE_VERSIONS = SqliteStatement(select(nodes.c.id, nodes.c.version).where(among(nodes.c.id, "ids")))
EDGE_VERSIONS = SqliteStatement(select(edges.c.id, edges.c.version).where(among(edges.c.id, "ids")))
TOKEN_STATES = SqliteStatement(token_states(among))


def driver_of(connection: SqlConnection) -> Connection:
    """Return the driver's connection below one of SQLAlchemy's."""
    return cast(Connection, connection.connection.driver_connection)


def rows_by_id(connection: Connection, statement: SqliteStatement, ids: Iterable[str]) -> Iterator[Any]:
    """Yield the rows of a statement whose list parameter is `ids`."""
    for chunk in chunks(ids):
        yield from statement.run(connection, {"ids": chunk})


def chunks(ids: Iterable[str]) -> Iterator[list[str]]:
    """Yield the ids in lists of at most AT_ONCE."""
    rest = iter(ids)
    while chunk := list(islice(rest, AT_ONCE)):
        yield chunk


def neighbourhood_of(selection: Selection) -> SqliteStatement:
    """Return the statement for `seq`, edge and far node of a selection, ordered by `seq`."""
    return _neighbourhood(shape_of(selection))


def sequence_of(selection: Selection) -> SqliteStatement:
    """Return the statement for the `seq` of each edge of a selection, in order."""
    return _sequence(shape_of(selection))


@cache
def _neighbourhood(shape: SelectionShape) -> SqliteStatement:
    return SqliteStatement(neighbourhood(_found(shape)))


@cache
def _sequence(shape: SelectionShape) -> SqliteStatement:
    return SqliteStatement(sequence(_found(shape)))


def _found(shape: SelectionShape) -> Any:
    return selected(shape, lambda side: from_side(side, shape, among))
