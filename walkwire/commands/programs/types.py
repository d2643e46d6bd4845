"""`walkwire types`: writes the types of a program's walkers, nodes and notifications, for its clients."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from pathlib import Path

import click

from walkwire.commands import options
from walkwire.commands.group import WRONG
from walkwire.errors import StartError


@click.command()
@options.program
@click.option("--ts", "language", flag_value="ts", help="TypeScript, for the client of browsers and Node.")
@click.option("--py", "language", flag_value="py", help="Python, for walkwire.client.")
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="FILE", help="Write a file. [default: stdout]"
)
@click.option("--check", is_flag=True, help="Only say whether FILE is up to date. Exits with 1 if it is not.")
@click.option(
    "--client",
    default="walkwire",
    metavar="MODULE",
    help="Where the TypeScript imports the client from. [default: walkwire]",
)
def types(program: Path, language: str | None, out: Path | None, check: bool, client: str) -> None:
    """Write a typed client of a program: what its walkers take and report, its nodes, and what it notifies.

    The program is loaded on an empty graph, of which nothing is kept. The same program gives the same text.
    """
    from walkwire import program as programs
    from walkwire.types.python import python_of
    from walkwire.types.shapes import shapes_of
    from walkwire.types.typescript import typescript_of

    if language is None:
        raise click.UsageError("Say in which language: --ts or --py")
    if check and out is None:
        raise click.UsageError("--check needs --out FILE, the file to compare")
    file = programs.find(program).file
    with redirect_stdout(sys.stderr):  # what the program prints is no part of its types
        shapes = shapes_of(programs.load_alone(file))
    text = typescript_of(shapes, file.name, client) if language == "ts" else python_of(shapes, file.name)
    if out is None:
        click.echo(text, nl=False)
        return
    before = out.read_text(encoding="utf-8") if out.is_file() else None
    if check and before != text:
        state = "is out of date" if before is not None else "is missing"
        click.echo(f"{out} {state}: run `walkwire types {program} --{language} --out {out}`", err=True)
        sys.exit(WRONG)
    if before != text and not check:
        try:
            out.write_text(text, encoding="utf-8", newline="\n")
        except OSError as error:
            raise StartError(f"{out} cannot be written: {error.strerror}") from None
