"""`walkwire load`: loads a running server, and measures."""

from __future__ import annotations

import json
import sys

import click

from walkwire.commands.group import WRONG


@click.command()
@click.argument("url", metavar="[URL]", default="ws://127.0.0.1:8000/websocket")
@click.option(
    "--connections", type=click.IntRange(1), default=100, show_default=True, help="Number of connections."
)
@click.option(
    "--channels",
    type=click.IntRange(1),
    default=10,
    show_default=True,
    help="Number of channels, joined in turn.",
)
@click.option(
    "--rate",
    type=float,
    default=100.0,
    show_default=True,
    help="Messages per second, in all channels together.",
)
@click.option("--seconds", type=float, default=10.0, show_default=True, help="Duration.")
@click.option(
    "--size", type=click.IntRange(1), default=100, show_default=True, help="Size of a message in bytes."
)
@click.option(
    "--token",
    envvar="WALKWIRE_LOAD_TOKEN",
    help="A token that all connections sign in with. Give it in "
    "WALKWIRE_LOAD_TOKEN: other users of the machine can read arguments.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
def load(
    url: str,
    connections: int,
    channels: int,
    rate: float,
    seconds: float,
    size: int,
    token: str | None,
    as_json: bool,
) -> None:
    """Send messages to a running server at a fixed rate, and measure when each arrives at every receiver.

    URL is that of a server, or of its WebSocket. Messages that are lost, duplicated or out of order are counted. Exits with 1 if
    any receiver missed one.
    """
    from walkwire.load import screen
    from walkwire.load.address import Address
    from walkwire.load.plan import Plan

    plan = Plan(connections, channels, rate, seconds, size)
    result = screen.run(Address.at(url, token), plan)
    if as_json:
        click.echo(json.dumps(result.as_json(), ensure_ascii=False))
    else:
        screen.show(result)
    sys.exit(0 if result.is_complete else WRONG)
