"""Route: FastAPI's own, but for what counts as JSON (as on the socket) and how much of it one request may bring."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import HTTPException, Request, Response
from fastapi.routing import APIRoute

from walkwire.errors import BadEvent
from walkwire.server.http.walkers.shortcut import Road
from walkwire.wire.message import text


class Route(APIRoute):
    """A route whose JSON is held to the rules of the wire: UTF-8, bounded depth and digits, no lone surrogates; and to the
    `body_limit` in the application's state, in bytes. Files have a way of their own, to disk.

    `walker` is the name of the walker that it runs, if any; `road` is how its usual requests are answered without FastAPI.
    """

    walker: str | None = None
    road: Road | None = None

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_strictly(request: Request) -> Response:
            return await handle(_StrictRequest(request.scope, request.receive))

        return handle_strictly


class _StrictRequest(Request):
    async def body(self) -> bytes:
        if not hasattr(self, "_body"):
            parts, size, limit = [], 0, self.app.state.body_limit
            async for part in self.stream():
                parts.append(part)
                size += len(part)
                if size > limit:
                    raise HTTPException(413, "Content Too Large")
            self._body = b"".join(parts)
        return self._body

    async def json(self) -> Any:
        return strict_json(await self.body())


def strict_json(body: bytes) -> Any:
    """The value of a JSON text. Raises json.JSONDecodeError, which FastAPI answers with 422."""
    try:
        text.check(body)
        return text.loads(body)
    except BadEvent as error:
        what, _, at = error.message.removeprefix("Invalid JSON: ").partition(", at byte ")
        refused = json.JSONDecodeError(what, "", 0)
        refused.pos = int(at or 0)
        raise refused from None
