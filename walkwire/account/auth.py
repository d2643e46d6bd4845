"""Auth: who is calling. A token counts if this system signed it, it has not expired, and it was not revoked (`revocation`)."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from walkwire.account.revocation import Revocation
from walkwire.account.token import Tokens
from walkwire.ids import PUBLIC_ROOT

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: the root whose graph is theirs, and the user, None for the public one."""

    root_id: str
    user_id: str | None = None


PUBLIC = Caller(PUBLIC_ROOT)


class Auth:
    """Tells callers by their tokens. Its methods are for the one event loop of the sockets."""

    def __init__(self, tokens: Tokens, revocation: Revocation) -> None:
        self._tokens = tokens
        self._revocation = revocation

    async def authenticate(self, token: str | None) -> Caller:
        """The caller, the public one for a token that is bad, revoked or absent. Never raises: a socket learns it from its root.

        It is so at the moment of the return, as in `Revocation.is_current`.
        """
        if not token:
            return PUBLIC
        try:
            return await self.identify(token) or PUBLIC
        except Exception:
            _log.exception("A token could not be checked; its bearer is treated as the public user")
            return PUBLIC

    async def identify(self, token: str) -> Caller | None:
        """The user of a token, with or without `Bearer` before it; None for a bad or revoked one. Raises what the store does."""
        claims = self._tokens.read(without_scheme(token))
        if claims is None or not await self._revocation.is_current(claims.root_id, claims.token_generation):
            return None
        return Caller(claims.root_id, claims.user_id)


def without_scheme(token: str) -> str:
    """A token without the `Bearer ` that may stand before it, in any case."""
    token = token.strip()
    return token[7:].lstrip() if token[:7].lower() == "bearer " else token
