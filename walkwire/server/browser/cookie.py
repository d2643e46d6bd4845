"""Cookie: a token that a browser keeps where no script can read it, and the answer to what that makes possible.

A browser sends a cookie with every request, also with those that a stranger's page makes it send. So a request that may change
something shows a second value, which only pages of this server can know: the header `X-CSRF-Token`. It is derived from the token
and the signing secret, so it fits no other log-in, and nothing needs to be stored. WebSockets have no such header: a cookie
counts there only beside an Origin header, which the gateway checks.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import MutableMapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from walkwire.errors import Refused

HEADER = b"x-csrf-token"
REFUSAL = "walkwire.cookie"  # key in a scope: why its cookie does not count

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})  # RFC 9110, 9.2.1
_NO_CSRF = "This request is authenticated by a cookie: it needs the header X-CSRF-Token with the value that the log-in returned"


class Cookies:
    """Set, read and delete the cookies of a log-in.

    - secret: the signing secret
    - is_secure: whether browsers must send them over TLS only, and to this host only
    """

    def __init__(self, secret: bytes, *, is_secure: bool) -> None:
        # Browsers accept the prefix only for a cookie of this very host that came over TLS: no neighbour can plant one.
        prefix = "__Host-" if is_secure else ""
        self.name = f"{prefix}walkwire_token"
        self.csrf_name = f"{prefix}walkwire_csrf"
        self._is_secure = is_secure
        self._start = f"{self.name}=".encode()
        self._key = hmac.digest(secret, b"an answer to CSRF", hashlib.sha256)

    def remember(self, response: Response, token: str, seconds: int) -> None:
        """Set the cookies of a log-in, for the `seconds` that its token is valid. Scripts can read the one for `X-CSRF-Token`."""
        csrf = self.csrf_token(token)
        for name, value, is_hidden in ((self.name, token, True), (self.csrf_name, csrf, False)):
            response.set_cookie(
                name, value, seconds, path="/", secure=self._is_secure, httponly=is_hidden, samesite="lax"
            )

    def forget(self, response: Response) -> None:
        """Delete the cookies of a log-in."""
        for name in (self.name, self.csrf_name):
            response.set_cookie(name, "", 0, path="/", secure=self._is_secure, httponly=True, samesite="lax")

    def csrf_token(self, token: str) -> str:
        """Return the value for `X-CSRF-Token` that belongs to a token."""
        digest = hmac.digest(self._key, token.encode("utf-8", "surrogatepass"), hashlib.sha256)
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

    def token_in(self, header: bytes) -> str | None:
        """Return the token in a Cookie header; None if there is none."""
        if self.name.encode() not in header:
            return None
        for pair in header.split(b";"):
            if pair.strip().startswith(self._start):
                return pair.strip()[len(self._start) :].decode("latin-1").strip('"') or None
        return None

    def authorize(self, scope: MutableMapping[str, Any], header: bytes) -> bytes:
        """Let a request without an Authorization header be that of its cookie, and return the header that it then has.

        - header: its Cookie header

        If the cookie does not count, return b"". Then `scope[REFUSAL]` is the error for a route that needs a caller.
        """
        token = self.token_in(header)
        if token is None:
            return b""
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        shown = dict(headers)
        if shown.get(b"sec-fetch-site") == b"cross-site":
            return b""  # a link on another site: SameSite=Lax lets its cookie pass
        given = shown.get(HEADER, b"").decode("latin-1").encode()
        if scope["method"] not in _SAFE and not hmac.compare_digest(self.csrf_token(token).encode(), given):
            scope[REFUSAL] = Refused(_NO_CSRF)
            return b""
        authorization = f"Bearer {token}".encode("latin-1")
        scope["headers"] = [*headers, (b"authorization", authorization)]
        return authorization


def forget_cookie(request: Request, response: Response) -> None:
    """Delete the cookies of the log-in with which this request came, if it came with any."""
    cookies: Cookies = request.app.state.cookies
    if cookies.name in request.cookies:
        cookies.forget(response)
