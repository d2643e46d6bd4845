"""Server: the address of a server, and the token that a command shows it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import click

from walkwire.errors import StartError
from walkwire.urls import ServerUrl, server_at

_SECONDS = 60
F = TypeVar("F", bound=Callable[..., Any])


class HttpAnswer(NamedTuple):
    """What a server answered. `body` is None if it is no JSON."""

    status: int
    body: Any


def server_options(command: F) -> F:
    """Give a command the options `url`, `login` and `token_file`. A token is never an argument, which others can read."""
    for option in (
        click.option(
            "--url", default="http://127.0.0.1:8000", show_default=True, help="The URL of the server."
        ),
        click.option(
            "--login",
            metavar="EMAIL",
            help="Log in. The password is asked for, or read from a line of stdin.",
        ),
        click.option(
            "--token-file",
            type=click.Path(path_type=Path),
            help="A file with the token of a user. It can also be given in WALKWIRE_CLIENT_TOKEN.",
        ),
    ):
        command = option(command)
    return command


def base_of(url: str) -> str:
    """Return the URL of a server over HTTP, without a path. Raises StartError."""
    return _server(url).http


def socket_of(url: str) -> str:
    """Return the URL of the WebSocket of a server. Raises StartError."""
    return _server(url)._replace(rest="/websocket").socket


def _server(url: str) -> ServerUrl:
    try:
        return server_at(url)
    except ValueError:
        raise StartError(f"Not the address of a server: {url}") from None


def token_of(url: str, login: str | None, token_file: Path | None) -> str | None:
    """Return the token to show: of a log-in, a file, or the environment; None: the public user. Raises StartError."""
    if login is not None:
        return _log_in(url, login)
    if token_file is not None:
        try:
            return token_file.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise StartError(f"Cannot read {token_file}: {error.strerror}") from None
    from walkwire.config import client_token

    return client_token()


def send(
    method: str, url: str, path: str, body: Mapping[str, Any] | None = None, token: str | None = None
) -> HttpAnswer:
    """Send a request with a JSON body and return the answer, whatever its status. Raises StartError if there is none."""
    base = base_of(url)
    headers = {"Accept": "application/json"}
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    data = None
    if body is not None:
        headers["Content-Type"] = "application/json"
        data = json.dumps(body).encode()
    request = Request(base + path, data, headers, method=method)  # noqa: S310 - base_of knows http only
    try:
        with urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310
            return HttpAnswer(answer.status, _json(answer.read()))
    except HTTPError as error:
        with error:
            return HttpAnswer(error.code, _json(error.read()))
    except (URLError, OSError) as error:
        cause = getattr(error, "reason", error)
        raise StartError(f"No answer from {base}: {getattr(cause, 'strerror', None) or cause}") from None


def sentence_of(answer: HttpAnswer) -> str:
    """Return what an answer says is wrong."""
    error = answer.body.get("error") if isinstance(answer.body, dict) else None
    if isinstance(error, dict) and "message" in error:
        return f"{error.get('code', answer.status)}: {error['message']}"
    detail = answer.body.get("detail") if isinstance(answer.body, dict) else None
    return f"The server answered {answer.status}" + (f": {_short(detail)}" if detail else "")


def _short(detail: object) -> str:
    return detail if isinstance(detail, str) else json.dumps(detail, ensure_ascii=False)


def _log_in(url: str, email: str) -> str:
    if sys.stdin.isatty():
        password = click.prompt(f"Password of {email}", hide_input=True, err=True)
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    answer = send("POST", url, "/user/login", {"email": email, "password": password})
    if answer.status != 200 or "token" not in (answer.body or {}):
        raise StartError(f"{email} is not logged in. {sentence_of(answer)}")
    return str(answer.body["token"])


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None
