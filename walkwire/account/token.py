"""Tokens: what a user shows instead of a password. Signed, not encrypted; they outlive a restart, not a new password."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import jwt

from walkwire.store import UserRecord

LIFETIME = 12 * 60 * 60  # seconds
LONGEST = 4096  # characters; ours have about 300, and nobody else's are worth a look
REMEMBERED = 8192  # tokens whose signature was looked at

_ALGORITHM = "HS256"


class Claims(NamedTuple):
    """What a token says: whose it is, until when (Unix seconds), and the user's token generation when it was made."""

    user_id: str
    root_id: str
    token_generation: int
    expires: int


class Tokens:
    """Makes and reads tokens with one secret. `clock` gives Unix seconds."""

    def __init__(self, secret: bytes, clock: Callable[[], float] = time.time) -> None:
        self._secret = secret
        self._clock = clock
        self._verified = lru_cache(REMEMBERED)(
            self._verify
        )  # a signature costs more than all else of a request

    def make(self, user: UserRecord) -> tuple[str, int]:
        """A token of this user, and the second at which it ends."""
        now = int(self._clock())
        expires = now + LIFETIME
        claims = {
            "sub": user.id,
            "root": user.root_id,
            "tokens": user.token_generation,  # tokens that were given under this name still count
            "iat": now,
            "exp": expires,
        }
        return jwt.encode(claims, self._secret, _ALGORITHM), expires

    def read(self, token: str) -> Claims | None:
        """The claims of a token that is ours and not over. Whether it was revoked since, `revocation` knows."""
        claims = self._verified(token) if len(token) <= LONGEST else None
        return claims if claims is not None and claims.expires > self._clock() else None

    def _verify(self, token: str) -> Claims | None:
        try:
            # The times are compared by the clock that made them.
            options: jwt.types.Options = {"require": ["sub", "exp"], "verify_exp": False, "verify_iat": False}
            found = jwt.decode(token, self._secret, [_ALGORITHM], options=options)
            return Claims(found["sub"], found["root"], found["tokens"], found["exp"])
        except (jwt.InvalidTokenError, KeyError, ValueError):
            return None
