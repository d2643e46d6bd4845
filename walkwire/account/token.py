"""Tokens: signed, not encrypted, shown in place of a password. They stay valid across restarts, until they
expire, their session ends or the password changes."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import jwt

from walkwire.account.signing.keys import Keys
from walkwire.ids import new_id
from walkwire.store import UserRecord

LIFETIME = 12 * 60 * 60  # seconds
LONGEST = 4096  # characters; a token of this system has about 300
REMEMBERED = 8192  # tokens whose signature was verified


class TokenClaims(NamedTuple):
    """What a token claims.

    - user_id, root_id: whose it is
    - token_generation: the user's, when the token was made
    - expires: Unix seconds
    - session: id of the session that it belongs to
    """

    user_id: str
    root_id: str
    token_generation: int
    expires: int
    session: str


class Tokens:
    """Make and verify tokens.

    - secret: signs and verifies them, unless `keys` are given
    - clock: returns Unix seconds
    """

    def __init__(
        self, secret: bytes, clock: Callable[[], float] = time.time, keys: Keys | None = None
    ) -> None:
        self._keys = keys or Keys(secret)
        self._clock = clock
        self._verified = lru_cache(REMEMBERED)(
            self._verify
        )  # verifying a signature costs more than the rest of a request

    def make(
        self, user: UserRecord, session: str | None = None, expires: int | None = None
    ) -> tuple[str, int]:
        """Return a token for this user, and the Unix second at which it expires.

        - session: id of its session; None: a new one
        - expires: Unix seconds; None: after `LIFETIME`
        """
        now = int(self._clock())
        expires = now + LIFETIME if expires is None else expires
        claims = {
            "sub": user.id,
            "root": user.root_id,
            "tokens": user.token_generation,  # this name is in tokens already issued
            "sid": session or new_id(),
            "iat": now,
            "exp": expires,
        }
        return self._keys.sign(claims), expires

    def read(self, token: str) -> TokenClaims | None:
        """Return the claims of a signed token that has not expired, else None. `Revocation` knows revoked ones."""
        if len(token) > LONGEST:
            return None
        try:
            claims = self._verified(token)
        except (
            jwt.InvalidTokenError,
            KeyError,
            ValueError,
        ):  # is not remembered: anybody can send such texts
            return None
        return claims if claims.expires > self._clock() else None

    def _verify(self, token: str) -> TokenClaims:
        # `read` compares times, by this object's clock.
        options: jwt.types.Options = {"require": ["sub", "exp"], "verify_exp": False, "verify_iat": False}
        found = self._keys.verify(token, options)
        session = found["sid"] if "sid" in found else session_of(token)
        claims = TokenClaims(found["sub"], found["root"], found["tokens"], found["exp"], session)
        if [type(claim) for claim in claims] != [str, str, int, int, str] or claims.token_generation < 0:
            raise ValueError("not the claims of a user")
        return claims


def session_of(token: str) -> str:
    """Return the id of the session of a token that names none, as those of earlier versions: each has a session of its own.

    The signature is left out: base64 has several texts for the same one.
    """
    return hashlib.sha256(token.rpartition(".")[0].encode()).hexdigest()[:24]
