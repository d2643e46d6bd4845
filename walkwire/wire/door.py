"""Door: what the wire is given from outside: who answers a walker event, who knows tokens, whose pages may come in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from msgspec import Struct

from walkwire.errors import PublicError
from walkwire.wire.delivery.client import Client
from walkwire.wire.hub import Hub


class Call(Struct, frozen=True):
    """A walker event, ready to be run.

    `node` is the reference as the client gave it, not yet looked at, None for the caller's own root. `context` is the text of
    a JSON object, checked (`wire/message/text`). `root_id` is who the client was when the event arrived;
    `client` may have changed or gone since.
    """

    walker: str
    node: str | None
    context: bytes
    client: Client
    root_id: str


Dispatch = Callable[[Call], Awaitable[bytes]]
"""Runs a call, and gives the answer's body as JSON. Raises PublicError; anything else is a fault, logged and told as Internal."""

Authenticate = Callable[[str | None], Awaitable[str]]
"""The root id of a token, with or without its scheme, the public root's for None and for a bad one. Never raises. It is so at the
moment of the return."""

AllowsOrigin = Callable[[str | None, str | None], bool]
"""May a page of this origin (the header, None where absent) talk to this host (the header)?"""


OnRefusal = Callable[[PublicError], None]
"""Called with each error that a client is sent. Must not raise."""


def ignore(error: PublicError) -> None:
    """Do nothing: the `OnRefusal` of a server without metrics."""


@dataclass(frozen=True, slots=True)
class Door:
    """What all connections of a server share. `path` is where the gateway takes WebSockets, `compresses` whether it offers to
    compress messages (RFC 7692)."""

    hub: Hub
    dispatch: Dispatch
    authenticate: Authenticate
    allows_origin: AllowsOrigin
    path: str = "/websocket"
    compresses: bool = False
    on_refusal: OnRefusal = ignore
