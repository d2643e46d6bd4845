"""Prepared: statements that are sent through libpq directly. The driver's cursors take three times as long for each.

A statement is prepared once on each connection. Parameters are sent as text, or as arrays in PostgreSQL's binary format. Results
come as text and are decoded by the driver's loaders.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import count
from struct import Struct
from typing import Any, cast

from psycopg.adapt import Transformer
from psycopg.errors import OperationalError, error_from_result
from psycopg.pq import ConnStatus, ExecStatus, Format
from psycopg.pq.abc import PGresult

from walkwire.stores.postgres.driver.pool import Raw

Value = bytes | None
Row = tuple[Any, ...]

_TEXT, _BINARY = Format.TEXT, Format.BINARY
_OID = {"bytea": 17, "text": 25, "int4": 23, "int8": 20, "bool": 16}
_HEAD = Struct(">iiiii").pack  # dimensions, has nulls, type of the elements, length, first index
_EMPTY = Struct(">iii").pack
_LENGTH = Struct(">i").pack
_NULL = _LENGTH(-1)
_INT4 = Struct(">ii").pack
_INT8 = Struct(">iq").pack
_TRUE, _FALSE = _LENGTH(1) + b"\1", _LENGTH(1) + b"\0"

_names = count()


class Prepared:
    """One statement.

    - `text`: its SQL, with parameters $1, $2, …
    - `is_binary`: for each parameter, whether its value is a binary array.
    - `name`: its name on a connection; None for a generated one.
    """

    def __init__(self, text: str, is_binary: Sequence[bool], name: str | None = None) -> None:
        self._name = (name or f"walkwire_{next(_names)}").encode()
        self._text = text.encode()
        self._formats = [_BINARY if binary else _TEXT for binary in is_binary]

    def run(self, connection: Raw, values: Sequence[Value]) -> list[Row]:
        """Execute with these values and return all rows. Raises the driver's errors."""
        result = self._result(connection, values)
        if not result.ntuples:
            return []
        reader = Transformer(connection)
        reader.set_pgresult(result)
        return reader.load_rows(0, result.ntuples, tuple)

    def value(self, connection: Raw, values: Sequence[Value]) -> bytes | None:
        """Execute with these values and return the only column of the only row, as PostgreSQL encodes it."""
        return self._result(connection, values).get_value(0, 0)

    def _result(self, connection: Raw, values: Sequence[Value]) -> PGresult:
        driver = connection.pgconn
        if self._name not in connection.prepared:
            _raise_errors(connection, driver.prepare(self._name, self._text))
            connection.prepared.add(self._name)
        result = driver.exec_prepared(self._name, cast(Sequence[bytes], values), self._formats, _TEXT)
        _raise_errors(connection, result)
        return result


def _raise_errors(connection: Raw, result: PGresult) -> None:
    if result.status in (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK):
        return
    if connection.pgconn.status == ConnStatus.BAD:
        raise OperationalError(connection.pgconn.get_error_message())
    raise error_from_result(result)


def texts(values: Iterable[str | None]) -> bytes:
    """Return a text[] in PostgreSQL's binary format."""
    parts: list[bytes] = []
    size = nulls = 0
    for value in values:
        size += 1
        if value is None:
            nulls = 1
            parts.append(_NULL)
        else:
            encoded = value.encode()
            parts.append(_LENGTH(len(encoded)))
            parts.append(encoded)
    return _array("text", size, nulls, parts)


def blobs(values: Iterable[bytes]) -> bytes:
    """Return a bytea[] in PostgreSQL's binary format."""
    parts: list[bytes] = []
    for value in values:
        parts += (_LENGTH(len(value)), value)
    return _array("bytea", len(parts) // 2, 0, parts)


def numbers(values: Iterable[int]) -> bytes:
    """Return an int4[] in PostgreSQL's binary format."""
    parts = [_INT4(4, value) for value in values]
    return _array("int4", len(parts), 0, parts)


def long_numbers(values: Iterable[int]) -> bytes:
    """Return an int8[] in PostgreSQL's binary format."""
    parts = [_INT8(8, value) for value in values]
    return _array("int8", len(parts), 0, parts)


def truths(values: Iterable[bool]) -> bytes:
    """Return a bool[] in PostgreSQL's binary format."""
    parts = [_TRUE if value else _FALSE for value in values]
    return _array("bool", len(parts), 0, parts)


def literal(values: Iterable[str | int]) -> str:
    """Return an array as PostgreSQL writes one in text: {"a","b"}."""
    return "{" + ",".join(f'"{_escaped(str(value))}"' for value in values) + "}"


def _array(type: str, size: int, nulls: int, parts: list[bytes]) -> bytes:
    if not size:
        return _EMPTY(0, 0, _OID[type])
    return _HEAD(1, nulls, _OID[type], size, 1) + b"".join(parts)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
