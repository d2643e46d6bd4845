"""Options: arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path

import click

database = click.option("--database", metavar="URL", help="[default: sqlite:///walkwire.db]")
era = click.option("--jac", metavar="ERA", help="0.7, 0.8 or 0.9. [default: what the file says]")
program = click.argument("program", metavar="PROGRAM", type=click.Path(path_type=Path))
