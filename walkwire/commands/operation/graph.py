"""`walkwire graph`: all records of a database as lines of JSON, to move them to another database."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import click

from walkwire.commands import options
from walkwire.commands.group import Commands
from walkwire.commands.operation.opened import opened
from walkwire.errors import StartError
from walkwire.terminal import Progress

_file = click.argument(
    "file", metavar="[FILE]", required=False, type=click.Path(path_type=Path, allow_dash=True)
)


@click.group(cls=Commands)
def graph() -> None:
    """The graph of a database as a file, to move it to another database."""


@graph.command()
@_file
@options.database
def export(file: Path | None, database: str | None) -> None:
    """Write all records to FILE, or to stdout: nodes, edges, rights, users, sessions, tasks, keys and streams.

    A JSON object a line, of one moment, while servers go on. Passwords and keys are hashes, as stored: keep the file secret.
    """
    from walkwire.commands.operation.lines import write_lines

    done = 0
    with (
        opened(database) as store,
        store.archive() as (number, records),
        _written(file) as out,
        Progress("exporting", number) as progress,
    ):
        for done in write_lines(out, store.schema, number, records):
            progress.move(done, f"{done:,} records")
    click.echo(f"records: {done:,}", err=True)


@graph.command("import")
@_file
@options.database
def import_(file: Path | None, database: str | None) -> None:
    """Read all records from FILE, or from stdin, into a database without any. All of them are written, or none.

    Stop the servers of the database before. The database may be of the other engine.
    """
    from walkwire.commands.operation.lines import Lines, read_lines
    from walkwire.store import ArchivedRecord, NotARecord, NotEmpty

    def shown(lines: Lines, progress: Progress) -> Iterator[ArchivedRecord]:
        for done, record in enumerate(lines.records):
            progress.move(done, f"{done:,} records")
            yield record

    with opened(database) as store, _read(file) as source:
        lines = read_lines(source)
        if lines.header.schema != store.schema:
            raise StartError(
                f"The file has records of schema {lines.header.schema}, and the database has schema {store.schema}: "
                "export with the version of walkwire that imports"
            )
        try:
            with Progress("importing", lines.header.records) as progress:
                done = store.restore(shown(lines, progress))
        except NotEmpty as error:
            raise StartError(
                f"The database has {error} already: import into a new one, on which no server has run"
            ) from None
        except NotARecord as error:
            raise StartError(f"The file cannot be imported: {error}. Nothing was imported") from None
    click.echo(f"records: {done:,}", err=True)


@contextmanager
def _written(file: Path | None) -> Iterator[BinaryIO]:
    """Yield a file that replaces FILE once all is written. Only its owner may read it."""
    if file is None or str(file) == "-":
        if sys.stdout.isatty():
            raise StartError("Give a FILE, or a pipe: the records are not for a terminal")
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    part = file.with_name(f"{file.name}.part")
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
            yield out
        part.replace(file)
    except OSError as error:
        raise StartError(f"Cannot write {file}: {error.strerror}") from None
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def _read(file: Path | None) -> Iterator[BinaryIO]:
    if file is None or str(file) == "-":
        yield sys.stdin.buffer
        return
    try:
        source = file.open("rb")
    except OSError as error:
        raise StartError(f"Cannot read {file}: {error.strerror}") from None
    with source:
        yield source
