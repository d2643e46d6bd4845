"""Sign-on: a browser signs in at a provider: Authorization Code with PKCE, `state` and `nonce` (OpenID Connect Core §3.1).

Nothing is stored. What has to be known when the browser comes back is in a signed cookie, so any server can answer it, and a
browser without the cookie, to which somebody else sent the link, is refused. The address to which the provider sends the browser
back is made of PUBLIC_URL alone: no header and no parameter changes it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple, get_args
from urllib.parse import quote, urlencode

import jwt

from walkwire.account.attempts import Attempts
from walkwire.account.outside.fetch import Fetcher, ProviderAway
from walkwire.account.outside.provider import Provider
from walkwire.account.outside.token import OutsideClaims, OutsideTokens
from walkwire.account.outside.users import OutsideUsers
from walkwire.errors import Busy, WalkwireError
from walkwire.store import UserRecord

Operation = Literal["login", "register"]
OPERATIONS: tuple[Operation, ...] = get_args(Operation)

LIFETIME = 10 * 60  # seconds that a browser may take to sign in
LONGEST = 4096  # characters of a parameter or of the cookie
REMEMBERED = 10_000  # states that were used
SCOPE = "openid email profile"

_ALGORITHM = "HS256"

_log = logging.getLogger(__name__)


class SignOnFailed(WalkwireError):
    """The browser did not come back as it left, or the provider did not vouch for it. The sentence is for the log."""


class Unknown(WalkwireError):
    """The provider's user has no account here, or a deactivated one."""


class Client(NamedTuple):
    """What this server is to one provider. `secret`: None for a public client."""

    provider: Provider
    id: str
    secret: str | None = None


class Departure(NamedTuple):
    """Where the browser is sent, and the cookie that it has to bring back."""

    url: str
    cookie: str


class SignOn:
    """Single sign-on at some providers.

    - clients: by the provider's name in URLs
    - public_url: this server's URL as browsers know it
    - secret: the signing secret; the key of the cookies is derived from it
    - algorithms: of the providers' tokens
    - clock: returns Unix seconds
    """

    def __init__(
        self,
        clients: Mapping[str, Client],
        fetcher: Fetcher,
        users: OutsideUsers,
        attempts: Attempts,
        public_url: str,
        secret: bytes,
        algorithms: Sequence[str],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._clients = clients
        self._tokens = {
            name: OutsideTokens(client.provider, [client.id], algorithms, clock)
            for name, client in clients.items()
        }
        self._fetcher = fetcher
        self._users = users
        self._attempts = attempts
        self._public_url = public_url.rstrip("/")
        self._key = hmac.digest(secret, b"a cookie of single sign-on", hashlib.sha256)
        self._clock = clock
        self._used: OrderedDict[str, None] = OrderedDict()
        self.is_secure = public_url.startswith("https:")

    def operation(self, provider: str, name: str) -> Operation | None:
        """Return the operation of this name; None if there is none, or no such provider."""
        return next((one for one in OPERATIONS if one == name and provider in self._clients), None)

    async def depart(self, provider: str, operation: Operation) -> Departure:
        """Return where to send a browser. Raises Busy if the provider cannot be reached."""
        client = self._clients[provider]
        try:
            endpoint = (await client.provider.endpoints()).authorization
        except ProviderAway:
            raise _away() from None
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=")
        query = {
            "response_type": "code",
            "client_id": client.id,
            "redirect_uri": self._return_url(provider, operation),
            "scope": SCOPE,
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge.decode(),
            "code_challenge_method": "S256",
        }
        kept = {
            "for": f"{provider}/{operation}",
            "state": state,
            "nonce": nonce,
            "verifier": verifier,
            "exp": int(self._clock()) + LIFETIME,
        }
        joint = "&" if "?" in endpoint else "?"
        return Departure(f"{endpoint}{joint}{urlencode(query)}", jwt.encode(kept, self._key, _ALGORITHM))

    async def arrive(
        self,
        provider: str,
        operation: Operation,
        parameters: Mapping[str, str],
        cookie: str | None,
        *,
        address: str = "",
    ) -> UserRecord:
        """Return the user of a browser that came back.

        - parameters: those of the URL
        - address: of the client, by which failures are counted

        Raises SignOnFailed, Unknown, AddressTaken, FieldsRefused, Busy, Limited.
        """
        with self._attempts.guess("", address) as attempt:  # an error that leaves the block is not counted
            found = await self._claims(provider, operation, parameters, cookie)
            if isinstance(found, OutsideClaims):
                attempt.succeed()
        if isinstance(found, SignOnFailed):
            _log.info("A single sign-on failed: %s", found)
            raise found
        issuer = self._clients[provider].provider.issuer
        user = await self._users.find(issuer, found)
        if user is None and operation == "register":
            user = await self._users.register(issuer, found, provider)
        if user is None or not user.is_activated:
            raise Unknown
        return user

    async def _claims(
        self, provider: str, operation: Operation, parameters: Mapping[str, str], cookie: str | None
    ) -> OutsideClaims | SignOnFailed:
        try:
            return await self._vouched(provider, operation, parameters, cookie)
        except SignOnFailed as error:
            return error

    async def _vouched(
        self, provider: str, operation: Operation, parameters: Mapping[str, str], cookie: str | None
    ) -> OutsideClaims:
        kept = self._kept(cookie)
        client = self._clients[provider]
        code, state = parameters.get("code", ""), parameters.get("state", "")
        if kept["for"] != f"{provider}/{operation}" or not hmac.compare_digest(
            kept["state"].encode(), state.encode("utf-8", "surrogatepass")
        ):
            raise SignOnFailed("the state is not that of the cookie")
        if state in self._used:
            raise SignOnFailed("the state was used before")
        self._used[state] = None
        if len(self._used) > REMEMBERED:
            self._used.popitem(last=False)
        if parameters.get("iss", client.provider.issuer) != client.provider.issuer:  # RFC 9207
            raise SignOnFailed("another provider answered")
        if not 0 < len(code) <= LONGEST:
            raise SignOnFailed("the provider sent no code")
        token = await self._exchange(client, code, kept["verifier"], self._return_url(provider, operation))
        claims = await self._tokens[provider].read(token)
        if claims is None:
            raise SignOnFailed("the provider's token is not valid")
        if not hmac.compare_digest(str(claims.told.get("nonce", "")).encode(), kept["nonce"].encode()):
            raise SignOnFailed("the provider's token is of another sign-in")
        if claims.told.get("azp", client.id) != client.id:
            raise SignOnFailed("the provider's token is for another client")
        return claims

    def _kept(self, cookie: str | None) -> dict[str, str]:
        if not cookie or len(cookie) > LONGEST:
            raise SignOnFailed("the browser brought no cookie")
        try:
            kept: dict[str, Any] = jwt.decode(
                cookie, self._key, [_ALGORITHM], options={"verify_exp": False, "require": ["exp"]}
            )
        except (jwt.InvalidTokenError, ValueError):
            raise SignOnFailed("the cookie is not ours") from None
        if kept["exp"] <= self._clock():
            raise SignOnFailed("the browser took too long")
        return kept

    async def _exchange(self, client: Client, code: str, verifier: str, return_url: str) -> str:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": return_url,
            "client_id": client.id,
            "code_verifier": verifier,
        }
        login = None
        try:
            endpoints = await client.provider.endpoints()
            if client.secret is not None and endpoints.takes_basic:
                login = _quoted(client.id), _quoted(client.secret)
            elif client.secret is not None:
                form["client_secret"] = client.secret
            status, answer = await self._fetcher.post(endpoints.token, form, login)
        except ProviderAway as error:
            _log.warning("A provider cannot be reached. %s", error)
            raise _away() from None
        token = answer.get("id_token")
        if status != 200 or not isinstance(token, str):
            raise SignOnFailed(f"the provider took no code: {status} {str(answer.get('error'))[:80]!r}")
        return token

    def _return_url(self, provider: str, operation: Operation) -> str:
        return f"{self._public_url}/sso/{provider}/{operation}/callback"


def _quoted(text: str) -> str:
    return quote(text, safe="")  # RFC 6749 §2.3.1


def _away() -> Busy:
    return Busy("The provider of the sign-in cannot be reached. Please try again!")
