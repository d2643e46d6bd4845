"""Lines: the file of `walkwire graph export`: a header, a JSON object for each record, and how many there were.

{"walkwire":"graph","version":1,"schema":"0008","records":2}
{"nodes":{"id":"…","kind":"Post","owner":"…","version":1,"data":{…},"access":null}}
{"edges":{…}}
{"end":2}
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import BinaryIO, NamedTuple

import msgspec

from walkwire.errors import StartError
from walkwire.store import ArchivedRecord

VERSION = 1
_LONGEST = 256 * 1024 * 1024  # bytes of a line


class Header(msgspec.Struct):
    """The first line. `schema`: of the database that the records come from."""

    walkwire: str
    version: int
    schema: str
    records: int


class _End(msgspec.Struct):
    end: int


class Lines(NamedTuple):
    """A file that is being read."""

    header: Header
    records: Iterator[ArchivedRecord]


def write_lines(out: BinaryIO, schema: str, number: int, records: Iterable[ArchivedRecord]) -> Iterator[int]:
    """Write all records, with header and end. Yields how many are written, once for each."""
    encode = msgspec.json.Encoder().encode
    out.write(encode(Header("graph", VERSION, schema, number)) + b"\n")
    done = 0
    for table, values in records:
        out.write(encode({table: values}) + b"\n")
        done += 1
        yield done
    out.write(encode(_End(done)) + b"\n")


def read_lines(source: BinaryIO) -> Lines:
    """Return the header and the records of a file. Raises StartError, also while the records are read."""
    first = source.readline(_LONGEST)
    try:
        header = msgspec.json.decode(first, type=Header)
    except msgspec.DecodeError:
        header = None
    if header is None or header.walkwire != "graph":
        raise StartError("This is not a file of walkwire graph export: its first line is no header")
    if header.version != VERSION:
        raise StartError(
            f"The file has version {header.version}, and this walkwire reads version {VERSION}: upgrade it"
        )
    return Lines(header, _records(source))


def _records(source: BinaryIO) -> Iterator[ArchivedRecord]:
    decode = msgspec.json.Decoder(dict[str, dict[str, msgspec.Raw] | int]).decode
    number = 1
    while line := source.readline(_LONGEST):
        number += 1
        try:
            ((table, values),) = decode(line).items()
        except (msgspec.DecodeError, ValueError):
            raise StartError(f"Line {number} is no record: nothing was imported") from None
        if isinstance(values, int):
            if table == "end" and values == number - 2:
                return
            raise StartError(f"Line {number} is no record: nothing was imported")
        yield ArchivedRecord(table, dict(values))
    raise StartError(f"The file ends after line {number}, without its last line: nothing was imported")
