"""`walkwire listen`: prints notifications of a running server as they come."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from walkwire.commands.client.server import server_options, socket_of, token_of
from walkwire.commands.group import WRONG
from walkwire.errors import StartError

if TYPE_CHECKING:
    from walkwire.client import Client, Recovered, Resync, StreamMessage


@click.command()
@click.option(
    "--channel",
    "channels",
    metavar="ID",
    multiple=True,
    help="A channel to join. May be given more than once.",
)
@click.option("--user", is_flag=True, help="What is sent to the user, too.")
@click.option("--rewind", type=click.IntRange(1, 1000), help="Begin with so many of the last notifications.")
@click.option("--count", type=click.IntRange(1), help="Stop after so many notifications.")
@click.option(
    "--json", "as_json", is_flag=True, help="Print a JSON object for each notification, one a line."
)
@server_options
def listen(
    channels: Sequence[str],
    user: bool,
    rewind: int | None,
    count: int | None,
    as_json: bool,
    url: str,
    login: str | None,
    token_file: Path | None,
) -> None:
    """Print notifications as they come, until Ctrl-C.

    After a broken connection it goes on behind the last notification, and says so if some are missing.
    """
    if not channels and not user:
        raise click.UsageError("Give --channel ID, or --user")
    shown = token_of(url, login, token_file)
    try:
        asyncio.run(_Ear(socket_of(url), as_json, count, user).listen(shown, channels, rewind))
    except KeyboardInterrupt:
        sys.exit(0)


class _Ear:
    """Prints what a client hears. Notices about the connection go to stderr."""

    def __init__(self, url: str, as_json: bool, count: int | None, hears_user: bool) -> None:
        self._url = url
        self._hears_user = hears_user
        self._as_json = as_json
        self._left = count
        self._done = asyncio.Event()

    async def listen(self, token: str | None, channels: Sequence[str], rewind: int | None) -> None:
        """Print until the count is reached, or the server wants no more. Raises StartError, SystemExit."""
        from walkwire.client import ClientError, connect

        async with connect(self._url, token=token) as client:
            client.on_state(lambda state: self._state(client, *state))
            client.on_recovered(self._recovered)
            client.on_resync(self._resync)
            for id in channels:
                joined = client.channel(id, rewind=rewind)
                joined.on_message(lambda message, id=id: self._heard(message, "channel", id))  # type: ignore[misc]
            if self._hears_user:
                client.on_user(lambda message: self._heard(message, "user", None))
            try:
                await client.connected()
            except ClientError as error:
                if error.code == "closed":
                    raise StartError(f"No answer from {self._url}") from None
                click.echo(f"{error.code}: {error.message}", err=True)
                sys.exit(WRONG)
            await self._done.wait()
            if client.state == "closed" and self._left != 0:
                ending = client.error
                click.echo(
                    f"{ending.code}: {ending.message}" if ending else "The server closed the connection",
                    err=True,
                )
                sys.exit(WRONG)

    def _heard(self, message: StreamMessage, stream: str, channel: str | None) -> None:
        if self._left == 0:
            return
        if self._as_json:
            line: dict[str, Any] = {
                "stream": stream,
                "channel": channel,
                "data": message.data,
                "at": message.at,
            }
            click.echo(json.dumps(line, ensure_ascii=False))
        else:
            name = click.style(channel or stream, fg="cyan")
            click.echo(
                f"{datetime.now().astimezone():%H:%M:%S}  {name}  {json.dumps(message.data, ensure_ascii=False)}"
            )
        sys.stdout.flush()
        if self._left is not None:
            self._left -= 1
            if self._left == 0:
                self._done.set()

    def _state(self, client: Client, state: str, error: object) -> None:
        if state == "waiting":
            if client.client_id is None:  # it was never connected
                client.close()
            else:
                _notice("disconnected, and comes back")
        elif state == "connected":
            _notice(f"connected to {self._url}")
        elif state == "closed":
            self._done.set()

    def _recovered(self, event: Recovered) -> None:
        if event.reason == "forbidden":
            _notice(f"{event.channel or event.stream}: this user may not listen")
        elif not event.recovered:
            self._resync(event)

    def _resync(self, event: Recovered | Resync) -> None:
        if event.stream == "channel" or (event.stream == "user" and self._hears_user):
            _notice(f"{event.channel or event.stream}: some notifications are missing ({event.reason})")


def _notice(text: str) -> None:
    click.echo(click.style(f"-- {text}", dim=True), err=True)
