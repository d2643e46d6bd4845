"""Payer: by whom walks are counted whose callers are not signed in. They share one root, so each address counts by itself."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar

from starlette.types import ASGIApp, Receive, Scope, Send

# Returns the address that a client is counted by, given that of the peer and X-Forwarded-For; see `walkwire/addresses`.
AddressOf = Callable[[str | None, str | None], str]

_scope: ContextVar[Scope | None] = ContextVar("scope", default=None)


def noting_requests(app: ASGIApp) -> ASGIApp:
    """Return `app`, made so that `address_of_request` knows the request that it serves."""

    async def noting(scope: Scope, receive: Receive, send: Send) -> None:
        _scope.set(scope)
        await app(scope, receive, send)

    return noting


def address_of_request(address_of: AddressOf) -> str:
    """Return the address by which the request is counted that is being served; "" outside of a request."""
    scope = _scope.get()
    if scope is None or scope["type"] != "http":
        return ""
    forwarded = [value for name, value in scope["headers"] if name == b"x-forwarded-for"]
    peer = scope.get("client")
    return address_of(
        peer[0] if peer else None, b",".join(forwarded).decode("latin-1") if forwarded else None
    )
