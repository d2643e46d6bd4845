"""Token: verifies tokens of an outside provider. Issuer, audience, algorithm, key and time have to be right.

Only asymmetric algorithms can be allowed, so neither `none` nor a public key used as a secret can pass.
"""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jwt

from walkwire.account.outside.provider import Provider
from walkwire.account.token import REMEMBERED
from walkwire.store import LONGEST_SUBJECT

LONGEST = 16 * 1024  # characters: providers list groups and roles in their tokens
LEEWAY = 30  # seconds that clocks may differ by

_KEPT = ("email", "email_verified", "given_name", "family_name", "name", "picture", "nonce", "aud", "azp")


class OutsideClaims(NamedTuple):
    """What a verified token of a provider claims.

    - subject: the provider's name for the user
    - expires: Unix seconds
    - told: other claims about the user, those of `_KEPT`
    """

    subject: str
    expires: int
    told: Mapping[str, Any]

    @property
    def email(self) -> str | None:
        """Return the e-mail address, if the provider has verified it."""
        email = self.told.get("email")
        is_verified = self.told.get("email_verified") is True
        return email if is_verified and isinstance(email, str) else None


class OutsideTokens:
    """Verify the tokens of one provider for one audience.

    - audiences: one of them has to be among those of a token
    - algorithms: asymmetric ones of RFC 7518
    - clock: returns Unix seconds
    """

    def __init__(
        self,
        provider: Provider,
        audiences: Sequence[str],
        algorithms: Sequence[str],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.issuer = provider.issuer
        self._provider = provider
        self._audiences = list(audiences)
        self._algorithms = tuple(algorithms)  # a header may hold anything, also what has no hash
        self._clock = clock
        self._verified: OrderedDict[bytes, tuple[int, OutsideClaims]] = OrderedDict()

    async def read(self, token: str) -> OutsideClaims | None:
        """Return the claims of a valid token, else None. May wait for a fetch of the provider's keys."""
        if len(token) > LONGEST:
            return None
        digest = hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
        claims = self._remembered(digest)
        if claims is None:
            claims = await self._verify(token, digest)
        return claims if claims is not None and claims.expires > self._clock() else None

    def _remembered(self, digest: bytes) -> OutsideClaims | None:
        version, claims = self._verified.get(digest, (-1, None))
        if version != self._provider.version:
            return None
        self._verified.move_to_end(digest)
        return claims

    async def _verify(self, token: str, digest: bytes) -> OutsideClaims | None:
        if not (header := self._header(token)):
            return None
        key = await self._provider.key(header.get("kid"), header["alg"])
        if key is None:
            return None
        try:
            claims = self._claims(token, key, header["alg"])
        except (jwt.InvalidTokenError, ValueError):  # is not remembered: anybody can send such texts
            return None
        self._verified[digest] = self._provider.version, claims
        if len(self._verified) > REMEMBERED:
            self._verified.popitem(last=False)
        return claims

    def _header(self, token: str) -> dict[str, Any] | None:
        """Return the header of a token that claims to be of this provider. For any other one, no key is fetched."""
        try:
            parts = jwt.decode_complete(token, options={"verify_signature": False})
        except (jwt.InvalidTokenError, ValueError, RecursionError):
            return None
        header: dict[str, Any] = parts["header"]
        is_ours = parts["payload"].get("iss") == self.issuer and header.get("alg") in self._algorithms
        return header if is_ours and isinstance(header.get("kid"), str | None) else None

    def _claims(self, token: str, key: jwt.PyJWK, algorithm: str) -> OutsideClaims:
        # `read` compares the expiry and `nbf` is compared here, by this object's clock.
        options: jwt.types.Options = {
            "require": ["iss", "aud", "sub", "exp"],
            "verify_exp": False,
            "verify_nbf": False,
            "verify_iat": False,
        }
        found = jwt.decode(
            token, key.key, [algorithm], options=options, audience=self._audiences, issuer=self.issuer
        )
        subject, expires, begins = found["sub"], found["exp"], found.get("nbf", 0)
        if not isinstance(subject, str) or not 0 < len(subject) <= LONGEST_SUBJECT or "\x00" in subject:
            raise ValueError("not the subject of a user")
        if not all(isinstance(one, int | float) and not isinstance(one, bool) for one in (expires, begins)):
            raise ValueError("not a time")
        if begins > self._clock() + LEEWAY:
            raise ValueError("not valid yet")
        told = {name: found[name] for name in _KEPT if name in found}
        return OutsideClaims(subject, int(expires), told)
