"""`walkwire test`: runs the test blocks of a program."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from walkwire.commands import options
from walkwire.commands.group import WRONG


@click.command("test")
@options.program
@options.era
def run_test_blocks(program: Path, jac: str | None) -> None:
    """Run the test blocks of a Jac program. Exits with 1 if one fails."""
    from walkwire import program as programs
    from walkwire.commands.programs import blocks

    sys.exit(0 if blocks.run_blocks(programs.find(program).file, jac) else WRONG)
