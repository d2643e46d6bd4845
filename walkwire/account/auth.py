"""Auth: identifies callers by their tokens. A token is valid if it is signed, not expired and not revoked."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from walkwire.account.revocation import Revocation
from walkwire.account.token import Tokens
from walkwire.ids import PUBLIC_ROOT

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Caller:
    """A caller: the root of their graph, the user (None for the public user), and the generation of the token."""

    root_id: str
    user_id: str | None = None
    token_generation: int = 0


PUBLIC = Caller(PUBLIC_ROOT)


class Auth:
    """Identify callers by their tokens. Call its methods on the event loop of the sockets."""

    def __init__(self, tokens: Tokens, revocation: Revocation) -> None:
        self._tokens = tokens
        self._revocation = revocation

    async def authenticate(self, token: str | None) -> Caller:
        """Return the caller; the public user for a token that is invalid, revoked or absent. Never raises.

        The result is true when it is returned: see `Revocation.is_current`. A client of a socket sees from its root who it is.
        """
        if not token:
            return PUBLIC
        try:
            return await self.identify(token) or PUBLIC
        except Exception:
            _log.exception("A token could not be checked; its bearer is treated as the public user")
            return PUBLIC

    async def identify(self, token: str) -> Caller | None:
        """Return the user of a token, with or without `Bearer `; None if it is not valid. Raises the store's errors."""
        claims = self._tokens.read(without_scheme(token))
        if claims is None:
            return None
        caller = Caller(claims.root_id, claims.user_id, claims.token_generation)
        return caller if await self.is_valid(caller) else None

    async def is_valid(self, caller: Caller) -> bool:
        """Return whether a caller who was identified before is still one. Raises the store's errors.

        The result is true when it is returned: see `Revocation.is_current`.
        """
        return await self._revocation.is_current(caller.root_id, caller.token_generation)


def without_scheme(token: str) -> str:
    """Return the token without a leading `Bearer `, in upper or lower case."""
    token = token.strip()
    return token[7:].lstrip() if token[:7].lower() == "bearer " else token
