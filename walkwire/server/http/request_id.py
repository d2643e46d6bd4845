"""Request id: names each request over HTTP, in the log and in the answer.

The id is the request's `X-Request-Id` if that is short and plain, so that a proxy or a client can choose it; else a new one.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Iterable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from walkwire.ids import LOG_IDS, new_request_id

_PLAIN = re.compile(rb"[A-Za-z0-9._-]{1,64}\Z")


class RequestIds:
    """Stands in front of an application: sets the id for the log, and adds it to the head of the answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = _given(scope["headers"])
        request_id = new_request_id() if given is None else given.decode()
        LOG_IDS.set(
            {"request": request_id}
        )  # uvicorn handles each request in a task, and so in a context, of its own

        def send_with_id(message: Message) -> Awaitable[None]:
            if message["type"] == "http.response.start":
                name = (b"x-request-id", request_id.encode())
                message["headers"] = [*message.get("headers", ()), name]
            return send(message)

        await self._app(scope, receive, send_with_id)


def _given(headers: Iterable[tuple[bytes, bytes]]) -> bytes | None:
    for name, value in headers:
        if name == b"x-request-id":
            return value if _PLAIN.match(value) else None
    return None
