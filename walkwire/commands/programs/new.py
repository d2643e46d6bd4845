"""`walkwire new`: creates a project."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import click

from walkwire.terminal import columns

_SHORT = {
    "main.jac": "a node and two walkers",
    "main.py": "a node and two walkers",
    "main.test.jac": "their test",
    "test_main.py": "their test",
    "README.md": "how to serve and test it",
    ".gitignore": "leaves out the database",
}


@click.command()
@click.argument("name", metavar="NAME", type=click.Path(path_type=Path))
@click.option("--python", is_flag=True, help="In Python rather than in Jac.")
@click.option("--json", "as_json", is_flag=True, help="Print the files and the next commands as JSON.")
def new(name: Path, python: bool, as_json: bool) -> None:
    """Create the project NAME, a folder with a walker, a test of it and a README."""
    from walkwire.commands.programs.project import make_project

    made = make_project(name, "python" if python else "jac")
    main = made[0].name
    steps = {
        f"cd {shlex.quote(str(name))}": "",
        f"walkwire serve {main}": "http://127.0.0.1:8000/docs",
        "python -m pytest"
        if python
        else f"walkwire test {main}": "needs: pip install pytest 'walkwire[testing]'" if python else "",
    }
    if as_json:
        files = [str(file) for file in made]
        click.echo(json.dumps({"files": files, "next": list(steps)}, ensure_ascii=False))
        return
    click.echo(f"Created {name}:")
    for line in columns([(f"  {file.name}", _SHORT[file.name]) for file in made]):
        click.echo(line)
    click.echo("\nNext:")
    for line in columns([(f"  {step}", f"# {note}" if note else "") for step, note in steps.items()]):
        click.echo(line)
