"""OpenAPI: the description of all routes, at `/openapi.json` and `/openapi.yaml`.

It is made at the first request for it, in a thread: for many walkers that takes half a second.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from walkwire.server.http.pages.description import Description, Making
from walkwire.server.http.route import FixedRoute, Route
from walkwire.server.http.walkers.reports import Reports


def describe_routes(api: FastAPI, reports: Reports) -> Making:
    """Return what makes the description of the routes that there are now: JSON."""
    return partial(_made, api, list(api.routes), reports.components)  # copies: more may be added meanwhile


def _made(api: FastAPI, routes: list[BaseRoute], components: dict[str, Any]) -> bytes:
    described = [route.described() if isinstance(route, Route | FixedRoute) else route for route in routes]
    made = get_openapi(title=api.title, version=api.version, routes=described)
    if components:
        made.setdefault("components", {}).setdefault("schemas", {}).update(components)
    return msgspec.json.encode(made)


def serve_description(api: FastAPI, description: Description) -> None:
    """Add the description's routes. The YAML one, for clients of Jac Cloud, serves JSON, which is YAML (YAML 1.2, §1.3)."""

    async def show(request: Request) -> Response:
        return Response(await description.text(), media_type="application/json")

    async def show_as_yaml(request: Request) -> Response:
        return Response(await description.text(), media_type="application/yaml")

    api.add_route("/openapi.json", show, include_in_schema=False)
    api.add_route("/openapi.yaml", show_as_yaml, include_in_schema=False)
