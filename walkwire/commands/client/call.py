"""`walkwire call`: runs a walker of a running server."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import click

from walkwire.commands.client.server import HttpAnswer, send, sentence_of, server_options, socket_of, token_of
from walkwire.commands.group import WRONG
from walkwire.errors import StartError


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("walker", metavar="WALKER")
@click.argument("fields", metavar="[--FIELD VALUE]...", nargs=-1, type=click.UNPROCESSED)
@click.option("--node", metavar="REF", help="The node where the walk begins. [default: the root of the user]")
@click.option("--method", default="POST", show_default=True, help="The method over HTTP.")
@click.option("--socket", is_flag=True, help="Call over the WebSocket.")
@click.option("--json", "as_json", is_flag=True, help="Print the whole answer as JSON.")
@server_options
def call(
    walker: str,
    fields: Sequence[str],
    node: str | None,
    method: str,
    socket: bool,
    as_json: bool,
    url: str,
    login: str | None,
    token_file: Path | None,
) -> None:
    """Run a walker of a running server, and print what it reports. Exits with 1 if the server refuses.

    VALUE is JSON if it can be read as JSON, and text otherwise: --likes 3 is a number, --name Ada and --name '"3"' are texts.
    A field that is named as an option of this command is given after --, as in: walkwire call fetch -- --url https://…
    """
    values = fields_of(fields)
    token = token_of(url, login, token_file)
    if socket:
        answer = asyncio.run(_over_socket(socket_of(url), token, walker, values, node))
    else:
        answer = _over_http(method.upper(), url, token, walker, values, node)
    if as_json:
        click.echo(json.dumps(answer.body, ensure_ascii=False))
    elif answer.status < 400:
        reports = (
            answer.body.get("reports", [answer.body]) if isinstance(answer.body, dict) else [answer.body]
        )
        for report in reports:
            click.echo(
                report if isinstance(report, str) else json.dumps(report, ensure_ascii=False, indent=2)
            )
    if answer.status >= 400:
        click.echo(sentence_of(answer), err=True)
        sys.exit(WRONG)


def fields_of(arguments: Sequence[str]) -> dict[str, Any]:
    """Return the fields in `--name value`, `--name=value` and `--name`, which is true. Raises StartError."""
    found: dict[str, Any] = {}
    rest = [one for one in arguments if one != "--"]
    while rest:
        name, has_value, value = rest.pop(0).partition("=")
        if not name.startswith("--") or name == "--":
            raise StartError(f"{name} is no field: give --FIELD VALUE")
        if has_value:
            found[name[2:]] = _value(value)
        elif rest and not rest[0].startswith("--"):
            found[name[2:]] = _value(rest.pop(0))
        else:
            found[name[2:]] = True
    return found


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _over_http(
    method: str, url: str, token: str | None, walker: str, fields: dict[str, Any], node: str | None
) -> HttpAnswer:
    path = f"/walker/{quote(walker, safe='')}" + ("" if node is None else f"/{quote(node, safe=':')}")
    if method != "GET":
        return send(method, url, path, fields, token)
    query = {
        name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for name, value in fields.items()
    }
    return send(method, url, f"{path}?{urlencode(query)}" if query else path, None, token)


async def _over_socket(
    url: str, token: str | None, walker: str, fields: dict[str, Any], node: str | None
) -> HttpAnswer:
    from walkwire.client import ClientError, connect

    async with connect(url, token=token) as client:
        client.on_state(
            lambda state: client.close() if state[0] == "waiting" and client.client_id is None else None
        )
        try:
            await client.connected()
        except ClientError as error:
            if error.code == "closed":
                raise StartError(f"No answer from {url}") from None
            return _refused(error.code, error.message)
        try:
            reply = await client.walk(walker, fields, node=node)
        except ClientError as error:
            return _refused(error.code, error.message)
    return HttpAnswer(reply.status, {"status": reply.status, "reports": reply.reports})


def _refused(code: str, message: str) -> HttpAnswer:
    return HttpAnswer(400, {"error": {"code": code, "message": message}})
