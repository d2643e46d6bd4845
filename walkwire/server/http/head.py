"""Head: refuses requests whose head can be read in two ways, or is dear to read, before anything else looks at them."""

from __future__ import annotations

from collections.abc import Callable

from starlette.types import ASGIApp, Receive, Scope, Send

from walkwire.errors import BadEvent, PublicError, TooLarge
from walkwire.server.http.faults import refusal


class HeadCheck:
    """Stands in front of the application.

    - query_limit: parameters in a query; beyond it: TooLarge (414)
    - on_refusal: called with each error that a client is sent; None: nobody counts them
    """

    def __init__(
        self, app: ASGIApp, query_limit: int, on_refusal: Callable[[PublicError], None] | None = None
    ) -> None:
        self._app = app
        self._query_limit = query_limit
        self._on_refusal = on_refusal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        hosts = tokens = 0
        for name, _ in scope["headers"]:
            if name == b"host":
                hosts += 1
            elif name == b"authorization":
                tokens += 1
        query, limit = scope["query_string"], self._query_limit
        error: PublicError
        if hosts != 1 and (hosts > 1 or scope["http_version"] != "1.0"):  # RFC 9112 §3.2
            error = BadEvent("A request has one Host header")
        elif tokens > 1:
            error = BadEvent("A request has at most one Authorization header")
        elif len(query) >= limit and query.count(b"&") >= limit:
            error = TooLarge(f"A query has at most {limit} parameters", 414)
        else:
            await self._app(scope, receive, send)
            return
        if self._on_refusal is not None:
            self._on_refusal(error)
        await refusal(error)(scope, receive, send)
