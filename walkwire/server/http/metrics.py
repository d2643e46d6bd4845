"""Metrics: the route by which Prometheus reads what a server counts. Served only where METRICS is set."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

Render = Callable[[str], tuple[bytes, str]]
"""Returns the metrics and their content type, given the value of the header `Accept`."""


def serve_metrics(api: FastAPI, render: Render) -> None:
    """Add `GET /metrics`. With several workers each request is answered by one of them, for itself."""

    async def show(request: Request) -> Response:
        body, content_type = render(request.headers.get("accept", ""))
        return Response(body, headers={"Content-Type": content_type})

    api.add_route("/metrics", show, include_in_schema=False)
