"""Route: FastAPI's route with stricter JSON: the same rules as on the socket, and a bounded body."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import HTTPException, Request, Response
from fastapi.routing import APIRoute

from walkwire.errors import BadEvent
from walkwire.wire.message import text


class Route(APIRoute):
    """A route that checks JSON as the socket does: UTF-8, bounded depth and digits, no lone surrogates.

    A body has at most as many bytes as `body_limit` in the application's state says, else 413. Uploaded files are not bounded by
    it: they are written to disk.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return FastAPI's handler, given a request that checks its own JSON."""
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
    """Return the value of a JSON text. Raises json.JSONDecodeError, which FastAPI answers with 422."""
    try:
        text.check(body)
        return text.loads(body)
    except BadEvent as error:
        what, _, at = error.message.removeprefix("Invalid JSON: ").partition(", at byte ")
        refused = json.JSONDecodeError(what, "", 0)
        refused.pos = int(at or 0)
        raise refused from None
