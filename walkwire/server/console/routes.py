"""Routes: what the console's page asks, under `/console/api`. JSON both ways; the live feed is one line of JSON after another.

Lists are of all servers. The live feed, its walks and a drain are of one server process, which the page names in a header: any
process that is reached asks that one.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Annotated, Any, TypeVar

import msgspec
from fastapi import FastAPI
from msgspec import Meta, Raw, Struct
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from walkwire.errors import BadEvent, PublicError
from walkwire.server.console.access import ConsoleAccess, operator_of
from walkwire.server.console.console import Console
from walkwire.server.http.route import Carrier, StrictRequest
from walkwire.store import TaskState
from walkwire.wire.message import text as json_text

PREFIX = "/console/api"
SERVER = "x-console-server"
ASK_SECONDS = 5.0  # between two questions whether a live feed may still be seen
LIMIT = 200  # rows, if the page asks for no number

_PLAIN = {
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
_STATES: dict[str, TaskState] = {
    "PENDING": "PENDING",
    "STARTED": "STARTED",
    "COMPLETED": "COMPLETED",
    "ERROR": "ERROR",
}

Body = TypeVar("Body", bound=Struct)
Answer = Callable[[Request], Awaitable[Any]]

_Names = Annotated[list[Annotated[str, Meta(max_length=4096)]], Meta(max_length=1000)]


class SendDeed(Struct, forbid_unknown_fields=True):
    """Receivers, and any JSON value for them. `kind`: users, channels or clients."""

    kind: str
    targets: _Names
    data: Raw


class BroadcastDeed(Struct, forbid_unknown_fields=True):
    """Any JSON value for all clients."""

    data: Raw


class DisconnectDeed(Struct, forbid_unknown_fields=True):
    """Clients to disconnect. `again`: they may connect again at once."""

    clients: _Names
    again: bool = True


class DrainDeed(Struct, forbid_unknown_fields=True):
    """Whether the server sends its clients elsewhere, or takes them again."""

    on: bool


class SignInDeed(Struct, forbid_unknown_fields=True):
    """The root of a user whose token the page asks for, in development only."""

    root: str


def serve_console_routes(api: FastAPI, console: Console, access: ConsoleAccess) -> None:
    """Add all routes. Each request passes `access` first."""

    def add(path: str, answer: Answer, method: str = "GET") -> None:
        async def respond(request: Request) -> Response:
            refused = await access.refusal(request)
            if refused is not None:
                return _json(
                    {"detail": {"error": refused.message}, "needs_token": refused.status == 401},
                    refused.status,
                )
            found = await answer(request)
            return found if isinstance(found, Response) else _json(found)

        api.add_route(f"{PREFIX}/{path}", respond, methods=[method], include_in_schema=False)

    async def server(request: Request) -> Any:
        return console.about()

    async def live(request: Request) -> Response:
        return StreamingResponse(
            _lines(console, partial(access.refusal, request)),
            headers=_PLAIN,
            media_type="application/x-ndjson",
        )

    async def connections(request: Request) -> Any:
        return await console.everywhere.connections(*_find(request))

    async def channels(request: Request) -> Any:
        return await console.everywhere.channels(*_find(request))

    async def channel(request: Request) -> Any:
        return await console.everywhere.channel(_needed(request, "id"))

    async def history(request: Request) -> Any:
        return await console.people.history(_needed(request, "id"), request.query_params.get("before"))

    async def streams(request: Request) -> Any:
        return await console.everywhere.streams(*_find(request))

    async def walkers(request: Request) -> Any:
        return await console.walkers()

    async def walk(request: Request) -> Any:
        return await console.everywhere.walk(_meant(request, console), _number(request, "n", 0))

    async def around(request: Request) -> Any:
        return await console.graph.around(_needed(request, "node"), _number(request, "limit", 60))

    async def among(request: Request) -> Any:
        return await console.graph.among(_needed(request, "nodes").split(","))

    async def users(request: Request) -> Any:
        return await console.users(*_find(request))

    async def tasks(request: Request) -> Any:
        state = _STATES.get(request.query_params.get("state", ""))
        return await console.tasks(state, _number(request, "limit", LIMIT))

    async def send(request: Request) -> Any:
        deed = await _body(request, SendDeed)
        return await console.deeds.send(deed.kind, deed.targets, bytes(deed.data), operator_of(request))

    async def broadcast(request: Request) -> Any:
        deed = await _body(request, BroadcastDeed)
        return await console.everywhere.broadcast(bytes(deed.data), operator_of(request))

    async def disconnect(request: Request) -> Any:
        deed = await _body(request, DisconnectDeed)
        return await console.everywhere.disconnect(deed.clients, deed.again, operator_of(request))

    async def drain(request: Request) -> Any:
        deed, who = await _body(request, DrainDeed), operator_of(request)
        return await console.everywhere.drain(_meant(request, console), deed.on, who)

    async def sign_in(request: Request) -> Any:
        return await console.sign_in((await _body(request, SignInDeed)).root)

    for answer in (
        server,
        live,
        connections,
        channels,
        channel,
        history,
        streams,
        walkers,
        walk,
        around,
        among,
        users,
        tasks,
    ):
        add(answer.__name__, answer)
    for deed in (send, broadcast, disconnect, drain, sign_in):
        add(deed.__name__, deed, "POST")


async def _lines(console: Console, refusal: Callable[[], Awaitable[object]]) -> AsyncIterator[bytes]:
    """Yield the live feed, for as long as the operator may see it: that is asked again while it is open."""
    viewer, asked = console.feed.open(), time.monotonic()
    try:
        yield msgspec.json.encode({"t": "hello", **console.about()}) + b"\n"
        async for lines in viewer.lines():
            if time.monotonic() - asked > ASK_SECONDS:
                if await refusal() is not None:
                    return
                asked = time.monotonic()
            yield lines
    finally:
        console.feed.close(viewer)


async def _body(request: Request, kind: type[Body]) -> Body:
    """Return the body of a request. Raises BadEvent, TooLarge."""
    try:
        body = await StrictRequest(request.scope, request.receive).body()
    except Carrier as carrier:
        raise carrier.error from None
    json_text.check(body)
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.DecodeError as error:
        raise BadEvent(str(error)) from None


def _meant(request: Request, console: Console) -> str:
    """Return the server that the page shows."""
    named = request.headers.get(SERVER, "")
    return named if named.isalnum() and named.isascii() and len(named) <= 32 else console.server


def _find(request: Request) -> tuple[str, int]:
    return request.query_params.get("find", "").strip()[:200], _number(request, "limit", LIMIT)


def _needed(request: Request, name: str) -> str:
    value = request.query_params.get(name, "")
    if not value or len(value) > 8192:
        raise PublicError("bad_event", f"The query needs {name}", 400)
    return value


def _number(request: Request, name: str, otherwise: int) -> int:
    text = request.query_params.get(name, "")
    return int(text) if text.isdecimal() and len(text) < 16 else otherwise


def _json(content: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(content), status, _PLAIN | (headers or {}), "application/json")
