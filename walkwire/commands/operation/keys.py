"""`walkwire keys`: API keys of other services."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import click

from walkwire.commands import options
from walkwire.commands.group import Commands
from walkwire.commands.operation.opened import opened

_name = click.argument("name", metavar="NAME")


@click.group(cls=Commands)
def keys() -> None:
    """API keys, with which other services send notifications."""


@keys.command()
@_name
@options.database
def create(name: str, database: str | None) -> None:
    """Create a key for the service NAME and print it. It cannot be printed again."""
    from walkwire.account.service import create_key

    with opened(database) as store:
        text = create_key(store, name).text
    click.echo(text)
    click.echo("Keep it: it cannot be shown again.", err=True)


@keys.command("list")
@options.database
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_keys(database: str | None, as_json: bool) -> None:
    """Print the names of the keys, and when each was created."""
    with opened(database) as store:
        found = [(key.name, datetime.fromtimestamp(key.created, UTC)) for key in store.services()]
    if as_json:
        click.echo(json.dumps([{"name": name, "created": f"{made:%FT%TZ}"} for name, made in found]))
        return
    for name, created in found:
        click.echo(f"{name}  {created:%Y-%m-%d %H:%M:%S} UTC")


@keys.command()
@_name
@options.database
def revoke(name: str, database: str | None) -> None:
    """Revoke the key of the service NAME."""
    from walkwire.account.service import revoke_key

    with opened(database) as store:
        revoke_key(store, name)
