"""Router: finds a walker's routes by its name. FastAPI's router would search all routes in order."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from fastapi import HTTPException, Request, Response
from fastapi.params import Form
from fastapi.security.base import SecurityBase
from starlette.datastructures import URL
from starlette.responses import RedirectResponse
from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

from walkwire.server.http.bearer import address_of
from walkwire.server.http.route import Carrier, Route, StrictRequest
from walkwire.server.http.walkers.form import OPEN_FORM, READ_PART, FormRequest
from walkwire.server.http.walkers.request import REFERENCE, merged_query, part_reader
from walkwire.server.http.walkers.shortcut import OUTCOME, QuickRoute

_ALLOWED = "walkwire.allowed"
_WITHOUT_SLASH = "walkwire.without_slash"
_NODE = "{node}"
_IS_REFERENCE = re.compile(REFERENCE).fullmatch


class WalkerRoute(Route):
    """A route of a walker.

    - walker: the walker's name
    - quick_route: answers usual requests without FastAPI; None: FastAPI answers all
    """

    request_class = FormRequest
    walker: str = ""
    quick_route: QuickRoute | None = None

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return FastAPI's handler. It reads a form only after the caller was identified: a stranger's is not written to disk."""
        handle = super().get_route_handler()
        if self.body_field is None or not isinstance(self.body_field.field_info, Form):
            return handle
        calls: list[Any] = [one.call for one in self.dependant.dependencies]
        identifying: list[Any] = [call for call in calls if isinstance(call, SecurityBase)]
        readers = [part_reader(field.field_info) for field in self.dependant.body_params]
        read_part = next((read for read in readers if read is not None), None)

        async def handle_form(request: Request) -> Response:
            for identify in identifying:
                await identify(request)
            request.scope[READ_PART] = read_part
            form = request.scope[OPEN_FORM] = request.app.state.forms.open(address_of(request))
            try:
                return await handle(request)
            finally:
                form.close()

        return handle_form


class QueryRoute(WalkerRoute):
    """A route of GET: a query carries the fields. A JSON object in the body is read as one, as clients of Jac Cloud send it."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return FastAPI's handler, given the fields in the query."""
        handle = super().get_route_handler()

        async def handle_query(request: Request) -> Response:
            head = request.headers
            if self.body_field is None and (
                head.get("content-length", "0") != "0" or "transfer-encoding" in head
            ):
                await _move_to_query(self.request_class(request.scope, request.receive))
            return await handle(request)

        return handle_query


async def _move_to_query(request: StrictRequest) -> None:
    """Put the fields of a JSON body into the query. Raises PublicError."""
    with suppress(json.JSONDecodeError):
        try:
            value = await request.json()
        except Carrier as carrier:
            raise carrier.error from None
        request.scope["query_string"] = merged_query(request.scope["query_string"], value)


class WalkerRoutes(BaseRoute):
    """The routes under `prefix`, which is followed by a walker's name. No other route serves paths under it.

    - is_shadowed: whether a route outside might match such a path first
    """

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._routes: dict[str, list[WalkerRoute]] = {}
        self._quick: dict[tuple[str, str], QuickRoute] = {}
        self.is_shadowed = False

    def put(self, name: str, routes: list[WalkerRoute]) -> None:
        """Replace the routes of a walker."""
        for route in self._routes.get(name, ()):
            for method in route.methods or ():
                self._quick.pop((method, _place(route)), None)
        self._routes[name] = routes
        for route in routes:
            if route.quick_route is not None:
                self._quick.update(
                    ((method, _place(route)), route.quick_route) for method in route.methods or ()
                )

    def quick_route(self, method: str, path: str) -> tuple[QuickRoute, str | None] | None:
        """Return what answers a usual request, and the node that its path names.

        None if another route might come first (`is_shadowed`), if the path is redirected, or if FastAPI has to answer.
        """
        if self.is_shadowed or path.endswith("/"):
            return None
        quick_route = self._quick.get((method, path))
        if quick_route is not None:
            return quick_route, None
        place, slash, node = path.rpartition("/")
        quick_route = self._quick.get((method, place + slash))
        return (quick_route, node) if quick_route is not None and _IS_REFERENCE(node) else None

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Return whether this router answers a request, and what `handle` has to know. See Starlette's `BaseRoute`."""
        if scope["type"] != "http" or not scope["path"].startswith(self._prefix):
            return Match.NONE, {}
        name = scope["path"][len(self._prefix) :].partition("/")[0]
        if not name:
            return Match.NONE, {}
        match, child, allowed = self._find(name, scope)
        if match is Match.FULL:
            return match, child
        if match is Match.NONE and scope["path"].endswith("/"):
            plain = scope["path"].rstrip("/")
            if self._find(name, {**scope, "path": plain})[0] is not Match.NONE:
                return Match.FULL, {_WITHOUT_SLASH: plain}
        return Match.FULL, {_ALLOWED: allowed}

    def _find(self, name: str, scope: Scope) -> tuple[Match, Scope, list[str]]:
        """Return the match of a walker's first fitting route; else PARTIAL with the methods allowed at this path, or NONE."""
        allowed: list[str] = []
        for route in self._routes.get(name, ()):
            match, child = route.matches(scope)
            if match is Match.FULL:
                return match, child, allowed
            if match is Match.PARTIAL:
                allowed += route.methods or ()
        return (Match.PARTIAL if allowed else Match.NONE), {}, allowed

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request that `matches` has accepted. Raises HTTPException: 404, or 405 with the allowed methods."""
        if (plain := scope.get(_WITHOUT_SLASH)) is not None:
            # As Starlette does for its own routes.
            await RedirectResponse(str(URL(scope={**scope, "path": plain})))(scope, receive, send)
            return
        if (answer := scope.get(OUTCOME)) is not None:
            await answer(scope, receive, send)
            return
        allowed = scope.get(_ALLOWED)
        if allowed:
            raise HTTPException(405, headers={"Allow": ", ".join(allowed)})
        if allowed is not None:
            raise HTTPException(404)
        await scope["route"].handle(scope, receive, send)


def _place(route: WalkerRoute) -> str:
    """Return the path without the node at its end."""
    return route.path.removesuffix(_NODE)
