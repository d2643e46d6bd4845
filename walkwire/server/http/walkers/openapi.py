"""OpenAPI: the description of all routes, at `/openapi.json` and `/openapi.yaml`.

It is made at the first request for it, in a thread: for many walkers that takes half a second.
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
    """The description of an application, cached until its routes change."""

    def __init__(self, api: FastAPI) -> None:
        self._api = api
        self._made: asyncio.Future[bytes] | None = None

    async def text(self) -> bytes:
        """Return the description, JSON. Concurrent callers share one computation."""
        if self._made is None:
            routes = list(self._api.routes)  # a copy: routes may be added meanwhile
            self._made = asyncio.ensure_future(asyncio.to_thread(self._make, routes))
        made = self._made
        try:
            return await asyncio.shield(made)  # a cancelled caller does not cancel it for others
        except Exception:
            if self._made is made:
                self._made = None
            raise

    def forget(self) -> None:
        """Drop the cached description. Call it when routes change."""
        self._made = None

    def _make(self, routes: Sequence[BaseRoute]) -> bytes:
        return msgspec.json.encode(
            get_openapi(title=self._api.title, version=self._api.version, routes=routes)
        )


def serve_description(api: FastAPI, description: Description) -> None:
    """Add the description's routes. The YAML one, for clients of Jac Cloud, serves JSON, which is YAML (YAML 1.2, §1.3)."""

    async def show(request: Request) -> Response:
        return Response(await description.text(), media_type="application/json")

    async def show_as_yaml(request: Request) -> Response:
        return Response(await description.text(), media_type="application/yaml")

    api.add_route("/openapi.json", show, include_in_schema=False)
    api.add_route("/openapi.yaml", show_as_yaml, include_in_schema=False)
