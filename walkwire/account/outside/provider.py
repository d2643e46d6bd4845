"""Provider: what is known of one OpenID Connect provider: its endpoints, and the keys that it signs with.

Keys are fetched when they are first needed, again in the background once an hour, and when a token names an unknown one.
Strangers can name unknown keys at will, so at most one fetch begins in `PAUSE`. While the provider is away, known keys stay.
"""

from __future__ import annotations

import asyncio
import logging
import time
from asyncio import Task
from collections.abc import Callable
from typing import Any, NamedTuple

import jwt

from walkwire.account.outside.fetch import Fetcher, ProviderAway
from walkwire.ending import end_tasks

PAUSE = 30.0  # seconds between two fetches
PAUSE_FAILED = 5.0  # seconds, while nothing is known
FRESH = 3600.0  # seconds after which keys are fetched again
MOST_KEYS = 100
LONGEST_KID = 256  # characters
SHORTEST_RSA = 2048  # bits

_CURVES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521", "EdDSA": "Ed25519"}
_TYPES = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}

_log = logging.getLogger(__name__)


class Endpoints(NamedTuple):
    """Where a provider is asked. `takes_basic`: whether a client may log in by HTTP's basic authentication."""

    authorization: str
    token: str
    jwks: str
    takes_basic: bool


class Provider:
    """One provider.

    - issuer: its URL, exactly as in its tokens
    - jwks_url: where its keys are; None: where its description says
    - clock: returns seconds
    """

    def __init__(
        self,
        fetcher: Fetcher,
        issuer: str,
        jwks_url: str | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.issuer = issuer
        self.version = 0
        self._fetcher = fetcher
        self._jwks_url = jwks_url
        self._clock = clock
        self._endpoints: Endpoints | None = None
        self._describe_next = float("-inf")  # before that, the endpoints are not fetched again
        self._describing = asyncio.Lock()
        self._keys: dict[str | None, dict[str, Any]] = {}
        self._fetched = float("-inf")  # when the keys were
        self._next = float("-inf")  # before that, no fetch begins
        self._task: Task[None] | None = None

    async def key(self, kid: str | None, algorithm: str) -> jwt.PyJWK | None:
        """Return the key with this `kid`, or, for None, the only key, if it fits the algorithm. Fetches the keys if need be.

        `version` changes with the keys: what was verified under another version has to be verified again.
        """
        if kid is not None and len(kid) > LONGEST_KID:
            return None
        if not self._has(kid):
            await self._refresh()
        elif self._clock() - self._fetched > FRESH:
            self._begin()
        return self._found(kid, algorithm)

    async def endpoints(self) -> Endpoints:
        """Return the endpoints, which are fetched once an hour. Raises ProviderAway if they were never found."""
        async with self._describing:
            if self._clock() >= self._describe_next:
                self._describe_next = self._clock() + PAUSE_FAILED
                try:
                    self._endpoints = _endpoints(await self._fetcher.get(self._description), self.issuer)
                    self._describe_next = self._clock() + FRESH
                except ProviderAway as error:
                    _log.warning("A provider does not describe itself. %s", error)
        if self._endpoints is None:
            raise ProviderAway(f"The endpoints of {self.issuer} are not known")
        return self._endpoints

    async def close(self) -> None:
        """End a fetch that is under way."""
        await end_tasks(self._task)

    @property
    def _description(self) -> str:
        return f"{self.issuer.rstrip('/')}/.well-known/openid-configuration"

    def _has(self, kid: str | None) -> bool:
        return bool(self._keys) if kid is None else kid in self._keys

    def _found(self, kid: str | None, algorithm: str) -> jwt.PyJWK | None:
        if kid is None and len(self._keys) != 1:
            return None
        jwk = self._keys.get(kid) if kid is not None else next(iter(self._keys.values()))
        if jwk is None or jwk.get("alg", algorithm) != algorithm or jwk["kty"] != _TYPES.get(algorithm[:2]):
            return None
        if jwk.get("crv") != _CURVES.get(algorithm):
            return None
        try:
            key = jwt.PyJWK(jwk, algorithm)
        except (jwt.PyJWTError, ValueError, KeyError, TypeError):
            return None
        return None if jwk["kty"] == "RSA" and key.key.key_size < SHORTEST_RSA else key

    async def _refresh(self) -> None:
        """Wait for a fetch, if one is under way or may begin. All callers share it."""
        self._begin()
        if self._task is not None:
            await asyncio.shield(self._task)

    def _begin(self) -> None:
        if self._task is None and self._clock() >= self._next:
            self._next = self._clock() + PAUSE
            self._task = asyncio.get_running_loop().create_task(self._fetch(), name="walkwire provider")

    async def _fetch(self) -> None:
        try:
            url = self._jwks_url or (await self.endpoints()).jwks
            keys = _usable(await self._fetcher.get(url))
        except ProviderAway as error:
            _log.warning("The keys of a provider cannot be fetched; the known ones stay. %s", error)
            if not self._keys:
                self._next = self._clock() + PAUSE_FAILED
        else:
            self._fetched = self._clock()
            if keys != self._keys:
                self._keys = keys
                self.version += 1
        finally:
            self._task = None


def _endpoints(description: dict[str, Any], issuer: str) -> Endpoints:
    if description.get("issuer") != issuer:
        raise ProviderAway(f"{issuer} describes another issuer")
    urls = [description.get(name) for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")]
    ways = description.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
    if not all(isinstance(url, str) for url in urls) or not isinstance(ways, list):
        raise ProviderAway(f"{issuer} does not describe its endpoints")
    authorization, token, keys = map(str, urls)
    return Endpoints(authorization, token, keys, "client_secret_basic" in ways)


def _usable(found: dict[str, Any]) -> dict[str | None, dict[str, Any]]:
    """Return the keys that verify signatures, by `kid`. A symmetric key is none of them: it would be no secret."""
    keys = found.get("keys")
    if not isinstance(keys, list):
        raise ProviderAway("The answer has no list of keys")
    return {
        jwk.get("kid"): jwk
        for jwk in keys[:MOST_KEYS]
        if isinstance(jwk, dict)
        and jwk.get("kty") in _TYPES.values()
        and jwk.get("use", "sig") == "sig"
        and isinstance(jwk.get("kid"), str | None)
    }
