"""Bearer: identifies callers over REST: users by `Authorization: Bearer TOKEN`, clients by the address that limits count.

A cookie has become such a header before (`browser/cookie`).

403 without a token, 401 if it is not valid.
"""

from __future__ import annotations

from fastapi import HTTPException, Request
from fastapi.openapi.models import HTTPBearer
from fastapi.security.base import SecurityBase
from starlette.types import Scope

from walkwire.account.auth import Auth, Caller
from walkwire.server.browser.cookie import REFUSAL


class Bearer(SecurityBase):
    """A dependency for `Security(…)`: returns the Caller, and describes the scheme in OpenAPI."""

    def __init__(self, auth: Auth) -> None:
        self.model = HTTPBearer(description="The token that /user/login gives.")
        self.scheme_name = "Bearer"
        self._auth = auth

    async def __call__(self, request: Request) -> Caller:
        """Return the caller. Raises HTTPException, Refused for a cookie without its CSRF token, and the store's errors."""
        return await self.caller(request.headers.get("authorization", ""), request.scope)

    async def caller(self, header: str, scope: Scope) -> Caller:
        """Return the caller, given the header's value and the scope of the request; raises as `__call__`."""
        scheme, _, token = header.strip().partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise scope.get(REFUSAL) or HTTPException(403, "Not authenticated")
        caller = await self._auth.identify(token)
        if caller is None:
            raise HTTPException(401, "Unauthorized", {"WWW-Authenticate": "Bearer"})
        return caller


def address_of(request: Request) -> str:
    """Return the address by which limits count this client; "" if it has none (`walkwire/addresses.py`)."""
    peer = request.client.host if request.client is not None else None
    forwarded = ",".join(request.headers.getlist("x-forwarded-for")) or None
    address: str = request.app.state.address_of(peer, forwarded)
    return address
