"""Head: reads the head of each request before anything else does: names the request, and refuses what can be read in two ways.

The name is the request's `X-Request-Id` if that is short and plain, so that a proxy or a client can choose it; else a new one. It
stands in the log, and in the head of the answer.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from walkwire.errors import BadEvent, PublicError, TooLarge
from walkwire.ids import LOG_IDS, new_request_id
from walkwire.server.browser.cookie import Cookies
from walkwire.server.browser.hosts import Hosts
from walkwire.server.http.faults import refusal

_UNKNOWN_PROXY = (
    "A request came through a proxy that TRUSTED_PROXIES does not name: "
    "all its clients count as one address, and share its limits"
)

_log = logging.getLogger(__name__)
_PLAIN = re.compile(rb"[A-Za-z0-9._-]{1,64}\Z")


class HeadCheck:
    """Stands in front of the application.

    - query_limit: parameters in a query; beyond it: TooLarge (414)
    - on_refusal: called with each error that a client is sent; None: nobody counts them
    - on_request: called with the scope of each request, in the request's own context
    - cookies: make a request with a cookie that of its user; None: cookies do not count
    - hosts: refuses requests for other hosts; None: there are none
    - has_proxies: whether proxies are trusted to tell addresses. If not, and one seems to, a warning is logged once
    """

    def __init__(
        self,
        app: ASGIApp,
        query_limit: int,
        on_refusal: Callable[[PublicError], None] | None = None,
        on_request: Callable[[Scope], object] = lambda scope: None,
        has_proxies: bool = True,
        cookies: Cookies | None = None,
        hosts: Hosts | None = None,
    ) -> None:
        self._knows_proxies = has_proxies
        self._app = app
        self._query_limit = query_limit
        self._on_refusal = on_refusal
        self._on_request = on_request
        self._cookies = cookies
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        hosts = tokens = 0
        given: bytes | None = None
        cookie: bytes | None = None
        for name, value in scope["headers"]:
            if name == b"host":
                hosts += 1
            elif name == b"authorization":
                tokens += 1
            elif name == b"cookie":
                cookie = value if cookie is None else b"%b; %b" % (cookie, value)  # RFC 9113, 8.2.3
            elif name == b"x-request-id":
                given = given or value
            elif name == b"x-forwarded-for" and not self._knows_proxies:
                self._knows_proxies = True
                _log.warning("%s", _UNKNOWN_PROXY)
        request_id = new_request_id() if given is None or not _PLAIN.match(given) else given.decode()
        LOG_IDS.set(
            {"request": request_id}
        )  # uvicorn handles each request in a task, and so in a context, of its own
        self._on_request(scope)

        def send_with_id(message: Message) -> Awaitable[None]:
            if message["type"] == "http.response.start":
                name = (b"x-request-id", request_id.encode())
                message["headers"] = [*message.get("headers", ()), name]
            return send(message)

        error = self._refusal(scope, hosts, tokens)
        if error is None:
            if cookie is not None and self._cookies is not None and not tokens:
                self._cookies.authorize(scope, cookie)
            await self._app(scope, receive, send_with_id)
            return
        if self._on_refusal is not None:
            self._on_refusal(error)
        await refusal(error)(scope, receive, send_with_id)

    def _refusal(self, scope: Scope, hosts: int, tokens: int) -> PublicError | None:
        query, limit = scope["query_string"], self._query_limit
        if hosts != 1 and (hosts > 1 or scope["http_version"] != "1.0"):  # RFC 9112 §3.2
            return BadEvent("A request has one Host header")
        if tokens > 1:
            return BadEvent("A request has at most one Authorization header")
        if len(query) >= limit and query.count(b"&") >= limit:
            return TooLarge(f"A query has at most {limit} parameters", 414)
        if self._hosts is None:
            return None
        client = scope.get("client")
        return self._hosts.refusal(scope["headers"], scope["path"], lambda: client and client[0])
