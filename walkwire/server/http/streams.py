"""Streams: the routes of kept notifications, and of notifications as Server-Sent Events."""

# Without `from __future__ import annotations`: FastAPI could not find local names in the text of an annotation.

from typing import Annotated, Any

from fastapi import FastAPI, Path, Query, Request, Response
from pydantic import StringConstraints
from starlette.responses import StreamingResponse

from walkwire.account.auth import Auth
from walkwire.account.ticket import PREFIX
from walkwire.errors import BadEvent
from walkwire.ids import CHANNEL_LENGTH, PUBLIC_ROOT
from walkwire.server.http.answers import Detail
from walkwire.server.http.bearer import Bearer, address_of
from walkwire.server.http.event_source import CHANNELS, ID_LENGTH, EventSource
from walkwire.server.http.route import FixedRoute
from walkwire.wire.delivery.client import GONE, Client
from walkwire.wire.door import Door
from walkwire.wire.sessions import frames
from walkwire.wire.streams.position import LENGTH
from walkwire.wire.streams.recovery import MOST

TAGS = ["Stream APIs"]

_ChannelId = Annotated[str, Path(max_length=CHANNEL_LENGTH)]
_ChannelIds = Annotated[
    tuple[Annotated[str, StringConstraints(max_length=CHANNEL_LENGTH)], ...], Query(max_length=CHANNELS)
]
_At = Annotated[str | None, Query(max_length=LENGTH)]
_REFUSALS: dict[int | str, dict[str, Any]] = {
    401: {"model": Detail},
    403: {"model": Detail},
    503: {"model": Detail},
}


def serve_streams(api: FastAPI, auth: Auth, door: Door) -> None:
    """Add the routes."""
    bearer = Bearer(auth)

    async def root_of(request: Request) -> str:
        header = request.headers.get("authorization")
        return PUBLIC_ROOT if header is None else (await bearer(request)).root_id

    async def history(
        request: Request,
        channel_id: _ChannelId,
        before: _At = None,
        after: _At = None,
        limit: Annotated[int, Query(ge=1, le=MOST)] = 100,
    ) -> Response:
        """Kept notifications of a channel: the last before a position, the first after one, or the newest."""
        if before is not None and after is not None:
            raise BadEvent("A page is before or after a position, not both.")
        asker = Client("", await root_of(request), "", False, GONE)
        await door.hub.membership.require(asker, channel_id)
        messages, has_more = await door.hub.streams.page(channel_id, limit, before=before, after=after)
        body = frames.history(channel_id, messages, has_more)
        return Response(body, 200, {"Cache-Control": "no-store"}, "application/json")

    async def events(
        request: Request,
        channel_id: _ChannelIds = (),
        user: bool = False,
        ticket: Annotated[str | None, Query(max_length=1000)] = None,
        last_event_id: Annotated[str | None, Query(max_length=ID_LENGTH)] = None,
    ) -> Response:
        """Notifications to channels, and to the caller's user, as Server-Sent Events."""
        if not channel_id and not user:
            raise BadEvent("Name a channel_id, or say user=true.")
        token = request.headers.get("authorization")
        if token is None and ticket is not None:
            token = ticket if ticket.startswith(PREFIX) else "-"  # nothing else is taken from a query
        source = EventSource(
            door,
            address_of(request),
            list(dict.fromkeys(channel_id)),
            user=user,
            token=token,
            last_id=request.headers.get("last-event-id") or last_event_id or "",
        )
        try:
            await source.open()
        except BaseException:
            source.abort()
            raise
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(source.events(), 200, headers, "text/event-stream")

    api.router.routes += [
        FixedRoute(
            "/history/channels/{channel_id:path}",
            history,
            methods=["GET"],
            operation_id="channel_history",
            tags=[*TAGS],
            responses={400: {"model": Detail}, **_REFUSALS},
        ),
        FixedRoute(
            "/events", events, methods=["GET"], operation_id="events", tags=[*TAGS], responses=_REFUSALS
        ),
    ]
