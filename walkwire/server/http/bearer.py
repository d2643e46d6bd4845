"""Bearer: who calls over REST, by the header `Authorization: Bearer TOKEN`. 403 without a token, 401 with a bad one."""

from __future__ import annotations

from fastapi import HTTPException, Request
from fastapi.openapi.models import HTTPBearer
from fastapi.security.base import SecurityBase

from walkwire.account.auth import Auth, Caller


class Bearer(SecurityBase):
    """A dependency for `Security(…)`: gives the Caller, and shows the scheme in OpenAPI."""

    def __init__(self, auth: Auth) -> None:
        self.model = HTTPBearer(description="The token that /user/login gives.")
        self.scheme_name = "Bearer"
        self._auth = auth

    async def __call__(self, request: Request) -> Caller:
        """Raises HTTPException; what the store raises."""
        return await self.caller(request.headers.get("authorization", ""))

    async def caller(self, header: str) -> Caller:
        """The same, of the header's value."""
        scheme, _, token = header.strip().partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise HTTPException(403, "Not authenticated")
        caller = await self._auth.identify(token)
        if caller is None:
            raise HTTPException(401, "Unauthorized", {"WWW-Authenticate": "Bearer"})
        return caller
