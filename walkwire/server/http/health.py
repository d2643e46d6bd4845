"""Health: whether the process lives, for what restarts it; and whether it should be sent anybody, for load balancers."""

from __future__ import annotations

import msgspec
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from walkwire.wire.peers import Peers


class Health:
    """What there is to say against this server. `leaving` is set once it stops."""

    def __init__(self, peers: Peers) -> None:
        self.leaving: str | None = None
        self._peers = peers

    @property
    def trouble(self) -> str | None:
        """Why nobody should be sent here, half a sentence without addresses and secrets; None: all is well."""
        if self.leaving is not None:
            return self.leaving
        away = self._peers.away
        return None if away is None else f"other servers cannot be reached: {away}"


def serve_health(api: FastAPI, health: Health) -> None:
    """Add /healthz, which is 200 while there is anybody to answer, and /healthz/ready."""

    async def is_alive(request: Request) -> Response:
        return PlainTextResponse("ok")

    async def is_ready(request: Request) -> Response:
        trouble = health.trouble
        body = {"ready": trouble is None} if trouble is None else {"ready": False, "reason": trouble}
        headers = {"Cache-Control": "no-store"}
        return Response(
            msgspec.json.encode(body), 200 if trouble is None else 503, headers, "application/json"
        )

    api.add_route("/healthz", is_alive, include_in_schema=False)
    api.add_route("/healthz/ready", is_ready, include_in_schema=False)
