"""Lane: finds a walker's routes by its name, where a list of all routes would be searched from its beginning."""

from __future__ import annotations

from fastapi import HTTPException
from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

from walkwire.server.route import Route

_ALLOWED = "walkwire.allowed"


class Lane(BaseRoute):
    """The routes under `prefix`, each of the walker whose name follows it. Nobody else is asked for what is there."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._routes: dict[str, list[Route]] = {}

    def put(self, name: str, routes: list[Route]) -> None:
        """Let a walker have these routes, and no others."""
        self._routes[name] = routes

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] != "http" or not scope["path"].startswith(self._prefix):
            return Match.NONE, {}
        name = scope["path"][len(self._prefix) :].partition("/")[0]
        if not name:
            return Match.NONE, {}
        allowed: list[str] = []
        for route in self._routes.get(name, ()):
            match, child = route.matches(scope)
            if match is Match.FULL:
                return match, child
            if match is Match.PARTIAL:
                allowed += route.methods or ()
        return Match.FULL, {_ALLOWED: allowed}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        allowed = scope.get(_ALLOWED)
        if allowed:
            raise HTTPException(405, headers={"Allow": ", ".join(allowed)})
        if allowed is not None:
            raise HTTPException(404)
        await scope["route"].handle(scope, receive, send)
