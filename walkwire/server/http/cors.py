"""CORS: lets pages of other origins use REST if they may use the WebSocket. Starlette's middleware with configured origins."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from starlette.datastructures import MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from walkwire.config import Config

REMEMBERED = 256  # origins whose headers are made
LONGEST = 256  # bytes of one of them

_CACHED = ("GET", "HEAD")
_VARY = ((b"vary", b"Origin"),)
_HEADERS = ("Authorization", "Content-Type", "Idempotency-Key", "X-CSRF-Token")
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")


class Cors(CORSMiddleware):
    """Add the headers that let a page of another origin read answers. Requests without an origin skip the middleware.

    A page of the server's own origin needs no headers, so only configured origins and those of development count. They may send
    cookies, which an answer allows for the origin that it names only. In development a page may send any header.
    """

    def __init__(self, app: ASGIApp, config: Config) -> None:
        super().__init__(
            app,
            allow_methods=_METHODS,
            allow_headers=_HEADERS if config.production else ("*",),
            allow_credentials=not config.production or bool(config.origins),
            expose_headers=("Retry-After", "X-Request-Id"),
        )
        self._config = config
        self._added = lru_cache(REMEMBERED)(self._for_origin)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Answers to GET may be cached, so they always need `Vary: Origin`.
        if scope["type"] == "http" and (scope["method"] in _CACHED or _has_origin(scope)):
            await super().__call__(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    def added(self, method: str, origin: bytes | None) -> Sequence[tuple[bytes, bytes]]:
        """Return the headers that the answer to a request gets, other than a preflight request."""
        if origin is not None:
            return self._added(origin) if len(origin) <= LONGEST else self._for_origin(origin)
        return _VARY if method in _CACHED else ()

    def _for_origin(self, origin: bytes) -> Sequence[tuple[bytes, bytes]]:
        headers = MutableHeaders(self.simple_headers)
        name = origin.decode("latin-1")
        if self.is_allowed_origin(name):
            self.allow_explicit_origin(headers, name)
        else:
            headers["Vary"] = "Origin"
        return headers.raw

    def is_allowed_origin(self, origin: str) -> bool:
        """Return whether pages of this origin are allowed. Starlette calls it for each request with an origin."""
        return self._config.allows_origin(origin, None)


def _has_origin(scope: Scope) -> bool:
    return any(name == b"origin" for name, _ in scope["headers"])
