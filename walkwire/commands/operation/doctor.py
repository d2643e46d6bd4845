"""`walkwire doctor`: checks a deployment."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from walkwire.commands.group import WRONG


@click.command()
@click.argument("program", metavar="[PROGRAM]", required=False, type=click.Path(path_type=Path))
@click.option("--host", help="As for serve.")
@click.option("--database", metavar="URL", help="As for serve.")
@click.option("--broker", metavar="URL", help="As for serve.")
@click.option("--workers", type=int, help="As for serve.")
@click.option("--production", is_flag=True, default=None, help="As for serve.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def doctor(
    program: Path | None,
    host: str | None,
    database: str | None,
    broker: str | None,
    workers: int | None,
    production: bool | None,
    as_json: bool,
) -> None:
    """Check a deployment, with the settings that serve would have, and say what to mend.

    PROGRAM is loaded too, if it is given. Exits with 1 if something is wrong.
    """
    from walkwire import config as configuration
    from walkwire import program as programs
    from walkwire.doctor.examination import examine
    from walkwire.doctor.finding import as_json as to_json
    from walkwire.doctor.finding import as_text

    file = None if program is None else programs.find(program).file
    config = configuration.load(
        host=host, database=database, broker=broker, workers=workers, production=production
    )
    findings = examine(config, file)
    click.echo(to_json(findings) if as_json else as_text(findings))
    sys.exit(WRONG if any(each.level == "wrong" for each in findings) else 0)
