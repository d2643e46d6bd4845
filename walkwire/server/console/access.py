"""Access: decides which requests may use the console.

The page holds its token in memory and sends it in a header, never in a URL and never as a cookie. So no other page can make a
browser use it. The token is that of the console, or that of a user who is an administrator at the moment of the request.
Development needs no token: then only this machine may use the console, and only by a page of the server itself.
"""

from __future__ import annotations

import hmac
import logging
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

from starlette.requests import Request

from walkwire.addresses import is_loopback
from walkwire.config import Config, is_own_origin
from walkwire.errors import StartError
from walkwire.server.http.head import HEAD

HEADER = (
    "x-console"  # a page of another origin cannot send it without asking first (CORS), and is refused then
)
TOKEN_LENGTH = 32  # characters
_PAUSE = 60.0  # seconds between two lines in the log

_log = logging.getLogger(__name__)


class ConsoleRefusal(NamedTuple):
    """Why a request may not use the console: the status and sentence of the answer."""

    status: int
    message: str


_FOREIGN = ConsoleRefusal(403, "Only the console's own page may ask this")
_REMOTE = ConsoleRefusal(
    403,
    "Without a token the console is for this machine only. Set CONSOLE_TOKEN to a secret of at least 32 characters,"
    " and restart the server",
)
_NO_TOKEN = ConsoleRefusal(
    401, "The console needs a token: the value of CONSOLE_TOKEN, or the token of an administrator"
)

FindAdmin = Callable[[str], Awaitable[str | None]]
"""Returns the e-mail address of the administrator whose token it is given; None for any other. Raises the store's errors."""


class ConsoleAccess:
    """Who may use the console.

    - token: the secret that operators show; None: requests of this machine need none
    - find_admin: asked about other tokens
    - address_of: finds the address of the client of a request
    """

    def __init__(
        self,
        token: str | None,
        address_of: Callable[[Request], str],
        find_admin: FindAdmin,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._token = None if token is None else token.encode()
        self._address_of = address_of
        self._find_admin = find_admin
        self._clock = clock
        self._logged = float("-inf")

    @property
    def needs_token(self) -> bool:
        """Return whether operators have to show a token."""
        return self._token is not None

    async def refusal(self, request: Request) -> ConsoleRefusal | None:
        """Return why a request is refused; None if it is not. Then `operator_of` knows who asks. Raises the store's errors."""
        error = await self._refusal(request)
        if error is not None and error is not _NO_TOKEN:
            self._log_once(request, error)
        return error

    async def _refusal(self, request: Request) -> ConsoleRefusal | None:
        headers = request.headers
        request.state.operator = self._address_of(request)
        if HEADER not in headers or not _is_own_page(request):
            return _FOREIGN
        if self._token is None:
            return None if is_loopback(self._address_of(request)) else _REMOTE
        scheme, _, shown = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not shown:
            return _NO_TOKEN
        if hmac.compare_digest(shown.strip().encode(), self._token):
            return None
        # A cookie has become a header before, and does not count: a browser sends it by itself.
        admin = await self._find_admin(shown.strip()) if request.scope[HEAD].tokens else None
        if admin is None:
            self._log_once(request, ConsoleRefusal(401, "a wrong token"))
            return _NO_TOKEN
        request.state.operator = f"{admin} at {self._address_of(request)}"
        return None

    def _log_once(self, request: Request, error: ConsoleRefusal) -> None:
        now = self._clock()
        if now - self._logged >= _PAUSE:
            self._logged = now
            _log.warning(
                "A request to the console from %s was refused: %s", self._address_of(request), error.message
            )


def operator_of(request: Request) -> str:
    """Return who asks, for the log: an address, and the administrator if it is one."""
    return str(request.state.operator)


def console_token(config: Config) -> str | None:
    """Return the token that the settings name. Raises StartError for one that is missing in production, or too short."""
    if config.console_token is not None and config.console_token_file is not None:
        raise StartError("CONSOLE_TOKEN and CONSOLE_TOKEN_FILE are both given: leave one out")
    token = None if config.console_token is None else config.console_token.get_secret_value()
    if config.console_token_file is not None:
        try:
            token = Path(config.console_token_file).read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", "not UTF-8")
            raise StartError(f"CONSOLE_TOKEN_FILE cannot be read: {why}") from None
    if token is None:
        if config.production:
            raise StartError(
                "CONSOLE in production needs CONSOLE_TOKEN, a secret that operators show: for instance the output of"
                " `openssl rand -hex 32`"
            )
        return None
    if len(token) < TOKEN_LENGTH:
        raise StartError(f"CONSOLE_TOKEN has at least {TOKEN_LENGTH} characters")
    return token


def _is_own_page(request: Request) -> bool:
    """Return whether a page of this server sent the request, or no browser did."""
    headers = request.headers
    if headers.get("sec-fetch-site", "same-origin") != "same-origin":
        return False
    origin = headers.get("origin")
    if origin is None:
        return True
    return is_own_origin(origin, headers.get("host"))
