"""Tickets: the route by which a signed-in user gets a ticket that opens one WebSocket."""

# Without `from __future__ import annotations`: FastAPI could not find `bearer`, a local name, in the text of an annotation.

from typing import Annotated

import msgspec
from fastapi import FastAPI, Response, Security
from pydantic import BaseModel

from walkwire.account.auth import Auth, Caller
from walkwire.account.ticket import Tickets
from walkwire.server.http.accounts.users import TAGS
from walkwire.server.http.answers import Detail
from walkwire.server.http.bearer import Bearer
from walkwire.server.http.route import FixedRoute


class TicketOut(BaseModel):
    """A ticket to send as `?ticket=` with one WebSocket. `expiration` is the Unix second at which it ends."""

    ticket: str
    expiration: int


def serve_tickets(api: FastAPI, tickets: Tickets, auth: Auth) -> None:
    """Add the route to get a ticket."""
    bearer = Bearer(auth)

    async def ticket(caller: Annotated[Caller, Security(bearer)]) -> Response:
        """A ticket for one WebSocket, valid for 30 seconds."""
        text, expires = tickets.make(caller)
        body = msgspec.json.encode({"ticket": text, "expiration": expires})
        return Response(body, 200, {"Cache-Control": "no-store"}, "application/json")

    api.router.routes.append(
        FixedRoute(
            "/user/ticket",
            ticket,
            methods=["POST"],
            operation_id="ticket",
            tags=[*TAGS],
            response_model=TicketOut,
            responses={401: {"model": Detail}, 403: {"model": Detail}},
        )
    )
