"""Socket: the routes of the WebSocket's description: `/asyncapi.json`, and the page `/docs/realtime`."""

from __future__ import annotations

import json

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from walkwire.server.http.pages.description import Description, Making
from walkwire.server.http.pages.realtime import POLICY, realtime_page


def describe_page(describe: Making) -> bytes:
    """Return the page, HTML. `describe` makes the document that it shows."""
    return realtime_page(json.loads(describe())).encode()


def serve_socket_docs(api: FastAPI, document: Description, page: Description) -> None:
    """Add the routes."""

    async def show(request: Request) -> Response:
        return Response(await document.text(), media_type="application/json")

    async def show_page(request: Request) -> Response:
        headers = {"Content-Security-Policy": POLICY, "Cache-Control": "no-cache"}
        return Response(await page.text(), 200, headers, "text/html")

    api.add_route("/asyncapi.json", show, include_in_schema=False)
    api.add_route("/docs/realtime", show_page, include_in_schema=False)
