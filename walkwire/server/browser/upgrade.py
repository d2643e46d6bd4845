"""Upgrade: what an upgrade request shows: the token, the channel, and the subprotocol to answer with.

Browsers can send no Authorization header with a WebSocket. They send a token as a subprotocol, a ticket in the query, or a
cookie. The first of these that is present counts, whether it is valid or not: Authorization, subprotocol, ticket, `auth`, cookie.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from urllib.parse import parse_qsl

from msgspec import Struct

from walkwire.account.ticket import PREFIX as TICKET
from walkwire.errors import PublicError
from walkwire.server.browser.cookie import Cookies
from walkwire.server.browser.hosts import Hosts
from walkwire.wire.message.bounds import LONGEST_NOTICE
from walkwire.wire.message.close import REFUSED, Close

QUERY_LIMIT = 1000  # parameters in a query: to split more takes too long
PROTOCOL = b"sec-websocket-protocol"
VERSION_2 = "walkwire.v2"
VERSION_1 = "walkwire.v1"
BEARER = (
    "bearer."  # begins the subprotocol that is a token: a JWT has only characters that a subprotocol may have
)

AUTH_IN_QUERY = REFUSED._replace(reason="?auth= is for development: use a ticket of POST /user/ticket")
_WARNING = (
    "A WebSocket sent its token as ?auth=, where proxies and browsers log it. --production refuses it: get a ticket from"
    " POST /user/ticket, and send it as ?ticket="
)

_log = logging.getLogger(__name__)


class Shown(Struct, frozen=True):
    """What an upgrade request shows.

    - token: a token with or without its scheme, or a ticket; None: there is none. Not verified
    - channel_id: the channel to join; None: a new one
    - channel_token: for this channel; None: there is none. Not verified
    - protocol: the subprotocol to answer with; None: none
    - notice: how many seconds before its token expires the client is told; 0: it is not
    - refusal: how to close the connection after the handshake; None: it is opened
    """

    token: str | None = None
    channel_id: str | None = None
    channel_token: str | None = None
    protocol: str | None = None
    notice: int = 0
    refusal: Close | None = None


class Upgrades:
    """Reads upgrade requests.

    - cookies: read from browsers; None: they do not count
    - hosts: refuses requests for other hosts; None: there are none
    - has_streams: whether version 2 is served
    """

    def __init__(
        self,
        cookies: Cookies | None = None,
        hosts: Hosts | None = None,
        *,
        is_production: bool = False,
        has_streams: bool = False,
    ) -> None:
        self._versions = (VERSION_2, VERSION_1) if has_streams else (VERSION_1,)
        self._cookies = cookies
        self._hosts = hosts
        self._is_production = is_production
        self._has_warned = False

    def turn_away(self, headers: Mapping[bytes, bytes], peer: Callable[[], str | None]) -> PublicError | None:
        """Return why the request is refused before the handshake, None if it is not. See `Hosts.refusal`."""
        if self._hosts is None or self._hosts.is_known(headers):
            return None
        return self._hosts.refusal(headers.items(), "", peer)

    def read(self, headers: Mapping[bytes, bytes], url: bytes) -> Shown:
        """Return what a request shows. `headers` by name in lower case."""
        token = headers[b"authorization"].decode("latin-1") if b"authorization" in headers else None
        query: dict[str, str] = {}
        if b"?" in url:
            if len(url) > QUERY_LIMIT and url.count(b"&") >= QUERY_LIMIT:
                return Shown(token, refusal=REFUSED)
            query = _query(url)
        protocol = None
        if PROTOCOL in headers:
            protocol, bearer = self._protocols(headers[PROTOCOL].decode("latin-1"))
            token = bearer if token is None else token
        refusal = None
        if "ticket" in query or "auth" in query:
            token, refusal = self._in_query(query, token)
        if token is None and self._cookies is not None and b"cookie" in headers and b"origin" in headers:
            token = self._cookies.token_in(headers[b"cookie"])
        return Shown(
            token,
            query.get("channel_id") or None,
            query.get("channel_token") or None,
            protocol,
            _seconds(query["expiring"]) if "expiring" in query else 0,
            refusal,
        )

    def _in_query(self, query: dict[str, str], token: str | None) -> tuple[str | None, Close | None]:
        ticket, auth = query.get("ticket"), query.get("auth")
        if token is None and ticket is not None:
            token = ticket if ticket.startswith(TICKET) else ""
        if not auth:
            return token, None
        if self._is_production:
            return None, AUTH_IN_QUERY
        if not self._has_warned:
            self._has_warned = True
            _log.warning("%s", _WARNING)
        return (auth if token is None else token), None

    def _protocols(self, header: str) -> tuple[str | None, str | None]:
        """Return the version to answer with, and the token. A token counts only beside a version: it is never answered with."""
        offered = [each.strip() for each in header.split(",")]
        version = next((each for each in self._versions if each in offered), None)
        if version is None:
            return None, None
        return version, next((each[len(BEARER) :] for each in offered if each.startswith(BEARER)), None)


def _seconds(text: str) -> int:
    """Return a number of seconds up to `LONGEST_NOTICE`; 0 for any other text, which asks for nothing."""
    is_number = text.isascii() and text.isdigit() and len(text) <= 6
    return int(text) if is_number and int(text) <= LONGEST_NOTICE else 0


def _query(url: bytes) -> dict[str, str]:
    query = url.partition(b"?")[2].partition(b"#")[0]
    text = query.decode("utf-8", "replace")
    if "%" in text or "+" in text:
        return dict(parse_qsl(text, keep_blank_values=True))
    if "&" not in text:
        name, _, value = text.partition("=")
        return {name: value} if text else {}
    return {name: value for name, _, value in (pair.partition("=") for pair in text.split("&") if pair)}
