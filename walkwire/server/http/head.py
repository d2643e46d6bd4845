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

HEAD = "walkwire.head"  # key in a scope: the RequestHead of the request

_UNKNOWN_PROXY = (
    "A request came through a proxy that TRUSTED_PROXIES does not name: "
    "all its clients count as one address, and share its limits"
)

_log = logging.getLogger(__name__)
_PLAIN = re.compile(rb"[A-Za-z0-9._-]{1,64}\Z")


class RequestHead:
    """What the head of a request says, read once.

    - id: names the request
    - hosts, tokens: how many `Host` and `Authorization` headers it has
    - token: the last `Authorization` header, "" if there is none
    - origin: the `Origin` header; None: it is absent
    - content_type: the `Content-Type` header, b"" if it is absent
    - cookie: the `Cookie` header; None: it is absent
    - key: the `Idempotency-Key` header; None: it is absent
    """

    __slots__ = ("content_type", "cookie", "hosts", "id", "is_forwarded", "key", "origin", "token", "tokens")

    def __init__(self, headers: list[tuple[bytes, bytes]]) -> None:
        self.hosts = self.tokens = 0
        self.token = self.content_type = b""
        self.origin: bytes | None = None
        self.cookie: bytes | None = None
        self.key: bytes | None = None
        self.is_forwarded = False
        given = None
        for name, value in headers:
            if name == b"host":
                self.hosts += 1
            elif name == b"content-type":
                self.content_type = self.content_type or value
            elif name == b"authorization":
                self.tokens += 1
                self.token = value
            elif name == b"cookie":
                self.cookie = (
                    value if self.cookie is None else b"%b; %b" % (self.cookie, value)
                )  # RFC 9113, 8.2.3
            elif name == b"origin":
                self.origin = value
            elif name == b"idempotency-key":
                self.key = value if self.key is None else self.key
            elif name == b"x-request-id":
                given = given or value
            elif name == b"x-forwarded-for":
                self.is_forwarded = True
        self.id = new_request_id() if given is None or not _PLAIN.match(given) else given.decode()


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
        head = scope[HEAD] = RequestHead(scope["headers"])
        if head.is_forwarded and not self._knows_proxies:
            self._knows_proxies = True
            _log.warning("%s", _UNKNOWN_PROXY)
        # uvicorn handles each request in a task, and so in a context, of its own
        LOG_IDS.set({"request": head.id})
        self._on_request(scope)

        def send_with_id(message: Message) -> Awaitable[None]:
            if message["type"] == "http.response.start":
                name = (b"x-request-id", head.id.encode())
                message["headers"] = [*message.get("headers", ()), name]
            return send(message)

        error = self._refusal(scope, head)
        if error is None:
            if head.cookie is not None and self._cookies is not None and not head.tokens:
                head.token = self._cookies.authorize(scope, head.cookie)
            await self._app(scope, receive, send_with_id)
            return
        if self._on_refusal is not None:
            self._on_refusal(error)
        await refusal(error)(scope, receive, send_with_id)

    def _refusal(self, scope: Scope, head: RequestHead) -> PublicError | None:
        query, limit = scope["query_string"], self._query_limit
        if head.hosts != 1 and (head.hosts > 1 or scope["http_version"] != "1.0"):  # RFC 9112 §3.2
            return BadEvent("A request has one Host header")
        if head.tokens > 1:
            return BadEvent("A request has at most one Authorization header")
        if len(query) >= limit and query.count(b"&") >= limit:
            return TooLarge(f"A query has at most {limit} parameters", 414)
        if self._hosts is None:
            return None
        client = scope.get("client")
        return self._hosts.refusal(scope["headers"], scope["path"], lambda: client and client[0])
