"""`walkwire run`: runs a program once."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from walkwire.commands import options


@click.command()
@options.program
@options.era
@click.option("--database", metavar="URL", help="Where to store its changes. [default: nowhere]")
def run(program: Path, jac: str | None, database: str | None) -> None:
    """Run a program once, as the public user."""
    from walkwire import program as programs

    sys.exit(programs.run(programs.find(program).file, jac, database))
