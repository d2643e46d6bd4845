"""Auth: identifies callers by their tokens. A token is valid if it is signed, not expired and not revoked."""

from __future__ import annotations

import logging
from typing import NamedTuple, Protocol

from walkwire.account.revocation import Revocation
from walkwire.account.token import TokenClaims, Tokens
from walkwire.ids import PUBLIC_ROOT

_log = logging.getLogger(__name__)


class Caller(NamedTuple):
    """A caller.

    - root_id: the root of their graph
    - user_id: None for the public user
    - token_generation, session, expires: what their token claims; see `TokenClaims`
    """

    root_id: str
    user_id: str | None = None
    token_generation: int = 0
    session: str = ""
    expires: int = 0


PUBLIC = Caller(PUBLIC_ROOT)


class Outside(Protocol):
    """The tokens of an outside provider. `account/outside/users` implements it."""

    async def claims(self, token: str) -> TokenClaims | None:
        """Return the claims of a token as of one of ours; None if it is not valid. Raises the store's errors."""


class Auth:
    """Identify callers by their tokens. Call its methods on the event loop of the sockets.

    - outside: asked about tokens that are not ours; None: they do not count
    """

    outside: Outside | None = None

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
        if claims is None and self.outside is not None:
            claims = await self.outside.claims(without_scheme(token))
        if claims is None:
            return None
        user_id, root_id, token_generation, expires, session = claims
        caller = Caller(root_id, user_id, token_generation, session, expires)
        return caller if await self.is_valid(caller) else None

    async def is_valid(self, caller: Caller) -> bool:
        """Return whether a caller who was identified before is still one. Raises the store's errors.

        The result is true when it is returned: see `Revocation.is_current`.
        """
        return await self._revocation.is_current(caller.root_id, caller.token_generation, caller.session)


def without_scheme(token: str) -> str:
    """Return the token without a leading `Bearer `, in upper or lower case."""
    token = token.strip()
    return token[7:].lstrip() if token[:7].lower() == "bearer " else token
