"""CORS: the pages that may use the WebSocket may use REST. Starlette's middleware, with the origins of the configuration."""

from __future__ import annotations

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from walkwire.config import Config

_HEADERS = ("Authorization", "Content-Type")
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")


class Cors(CORSMiddleware):
    """Adds the headers that let a page of another origin read the answers. What is not asked by such a page passes at once.

    A page of the server's own origin needs none of this, so only the origins of development and of the list count. In
    development such a page may send any header, and ask in the mode "with credentials", which many HTTP clients set for all
    their requests; the server itself uses no cookies.
    """

    def __init__(self, app: ASGIApp, config: Config) -> None:
        super().__init__(
            app,
            allow_methods=_METHODS,
            allow_headers=_HEADERS if config.production else ("*",),
            allow_credentials=not config.production,
            expose_headers=("Retry-After",),
        )
        self._config = config

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # What a cache may keep (GET) carries `Vary: Origin` in any case; the rest only where there is an origin.
        if scope["type"] == "http" and (scope["method"] in ("GET", "HEAD") or _has_origin(scope)):
            await super().__call__(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    def is_allowed_origin(self, origin: str) -> bool:
        """Asked by Starlette for each request that names an origin."""
        return self._config.allows_origin(origin, None)


def _has_origin(scope: Scope) -> bool:
    return any(name == b"origin" for name, _ in scope["headers"])
