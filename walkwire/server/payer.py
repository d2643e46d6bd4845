"""Payer: by whom walks are counted whose callers are not signed in. They share one root, so each address counts by itself."""

from __future__ import annotations

from contextvars import ContextVar

from starlette.types import Scope

from walkwire.wire.door import AddressOf

_scope: ContextVar[Scope | None] = ContextVar("scope", default=None)


def note_request(scope: Scope) -> None:
    """Make this the request that is being served in the current context."""
    _scope.set(scope)


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
