"""Health: routes that tell whether the process answers (liveness) and whether it should get traffic (readiness)."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from walkwire.wire.peers import Peers


class Health:
    """Decides whether this server is ready. It is not while the broker is away, nothing can be stored, or the process lacks
    something, nor once it stops.

    `store_trouble` returns why nothing can be stored, half a sentence; None: it can.
    """

    def __init__(self, peers: Peers, store_trouble: Callable[[], str | None] = lambda: None) -> None:
        self._leaving: str | None = None
        self._drained: str | None = None
        self._on_leave: list[Callable[[], None]] = []
        self._lacking: str | None = None
        self._peers = peers
        self._store_trouble = store_trouble

    def leave(self, reason: str) -> None:
        """Report this server as not ready from now on. `reason` is half a sentence, shown to load balancers."""
        self._leaving = reason
        for tell in self._on_leave:
            tell()

    def when_leaving(self, tell: Callable[[], None]) -> None:
        """Call `tell` when the server begins to stop."""
        self._on_leave.append(tell)

    def drain(self, reason: str | None) -> None:
        """Report this server as not ready for this reason, half a sentence; None: a drain has ended."""
        self._drained = reason

    def lack(self, reason: str | None) -> None:
        """Report this server as not ready for this reason, half a sentence; None: as ready again."""
        self._lacking = reason

    @property
    def trouble(self) -> str | None:
        """Return why this server is not ready, half a sentence without addresses or secrets; None: it is ready."""
        if self._leaving is not None or self._lacking is not None or self._drained is not None:
            return self._leaving or self._lacking or self._drained
        if (trouble := self._store_trouble()) is not None:
            return trouble
        away = self._peers.away
        return None if away is None else f"other servers cannot be reached: {away}"


def serve_health(api: FastAPI, health: Health) -> None:
    """Add `/healthz`, which always answers 200, and `/healthz/ready`, which answers 200 or 503 with the reason."""

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
