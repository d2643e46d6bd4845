"""`walkwire check`: finds the syntax errors of programs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from walkwire.commands import options
from walkwire.commands.group import WRONG
from walkwire.terminal import Progress


@click.command()
@click.argument("paths", metavar="PATHS...", nargs=-1, required=True, type=click.Path(path_type=Path))
@options.era
@click.option("--json", "as_json", is_flag=True, help="Print the errors as JSON.")
def check(paths: Sequence[Path], jac: str | None, as_json: bool) -> None:
    """Find the syntax errors of programs, in files and folders, without running them. Exits with 1 if there are any."""
    from walkwire import check as checks

    files = list(checks.files_in(paths))
    found = []
    with Progress("checking", len(files)) as progress:
        for number, file in enumerate(files):
            progress.move(number, file.name)
            found += checks.errors_in(file, jac)
    if as_json:
        click.echo(checks.as_json(found))
    else:
        for problem in found:
            click.echo(str(problem), err=True)
        click.echo(f"files: {len(files)}, errors: {len(found)}")
    sys.exit(WRONG if found else 0)
