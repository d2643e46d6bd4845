"""Describe: what the walkers and the accounts look like from outside, as OpenAPI, at `/openapi.json` and `/openapi.yaml`.

It is made when somebody asks for it, away from the sockets' event loop: of many walkers it takes half a second.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute


class Description:
    """The description of an application, made once for all who ask until its routes change."""

    def __init__(self, api: FastAPI) -> None:
        self._api = api
        self._made: asyncio.Future[bytes] | None = None

    async def text(self) -> bytes:
        """It as JSON."""
        if self._made is None:
            routes = list(self._api.routes)  # as they are now, whoever adds to them meanwhile
            self._made = asyncio.ensure_future(asyncio.to_thread(self._make, routes))
        made = self._made
        try:
            return await asyncio.shield(made)  # who goes away is not the only one who waits
        except Exception:
            if self._made is made:
                self._made = None
            raise

    def forget(self) -> None:
        """The routes are others now."""
        self._made = None

    def _make(self, routes: Sequence[BaseRoute]) -> bytes:
        return msgspec.json.encode(
            get_openapi(title=self._api.title, version=self._api.version, routes=routes)
        )


def serve_description(api: FastAPI) -> Description:
    """Show it in JSON, and for clients of Jac Cloud as YAML, which JSON is (YAML 1.2, §1.3)."""
    description = Description(api)

    async def show(request: Request) -> Response:
        return Response(await description.text(), media_type="application/json")

    async def show_as_yaml(request: Request) -> Response:
        return Response(await description.text(), media_type="application/yaml")

    # FastAPI has put a route of its own there, which makes it on the event loop.
    api.router.routes[:] = [
        route for route in api.router.routes if getattr(route, "path", "") != api.openapi_url
    ]
    api.add_route("/openapi.json", show, include_in_schema=False)
    api.add_route("/openapi.yaml", show_as_yaml, include_in_schema=False)
    return description
