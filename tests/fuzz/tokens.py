"""Tokens: any text is read without an exception, and none but the genuine token names a user.

An input whose first byte is even is a text that a stranger sends. Any other is a payload that this server's secret has signed, as
an older version of it may have: that may name a user, but raises nothing either.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64encode
from collections.abc import Coroutine
from typing import Any

import jwt

from walkwire.account.auth import PUBLIC, Auth, without_scheme
from walkwire.account.token import LIFETIME, TokenClaims, Tokens

SECRET = b"s" * 32
NOW = 1_800_000_000

WORDS = (
    b".", b"..", b"Bearer ", b"bearer  ", b"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9", b"eyJhbGciOiJub25lIn0", b"e30", b"bnVsbA",
    b"=", b"==", b"-", b"_", b'{"sub":', b'"root":', b'"tokens":', b'"exp":', b'"iat":', b'"nbf":', b'"aud":', b'"jti":',
    b"null", b"[]", b"{}", b"1e999", b"NaN", b'"a"', b"9" * 400, b"true", b"\xff", b"\x00",
)  # fmt: skip

_tokens = Tokens(SECRET, lambda: float(NOW))


class _Revocation:
    """Revokes nothing."""

    async def is_current(self, root_id: str, generation: int, session: str) -> bool:
        return True


_revocation: Any = _Revocation()
_auth = Auth(_tokens, _revocation)


def genuine() -> str:
    """Return the token of a user, as an earlier version made it: it names no session, and is always the same."""
    claims = {"sub": "a" * 24, "root": "b" * 24, "tokens": 0, "iat": NOW, "exp": NOW + LIFETIME}
    return jwt.encode(claims, SECRET, "HS256")


_GENUINE = genuine()


def check(data: bytes) -> None:
    """Read one token."""
    if data[:1] and data[0] % 2:
        _check_signed(data[1:])
        return
    text = data[1:].decode("latin-1")
    claims = _tokens.read(without_scheme(text))
    caller = _finished(_auth.authenticate(text))
    if claims is None:
        assert caller == PUBLIC
    else:  # only the last bits of the signature, which mean nothing in base64, may differ
        assert without_scheme(text).rpartition(".")[0] == _GENUINE.rpartition(".")[0]


def _check_signed(payload: bytes) -> None:
    head = _GENUINE.partition(".")[0].encode() + b"." + urlsafe_b64encode(payload).rstrip(b"=")
    signature = urlsafe_b64encode(hmac.new(SECRET, head, hashlib.sha256).digest()).rstrip(b"=")
    token = (head + b"." + signature).decode()
    claims = _tokens.read(token)
    assert claims is None or isinstance(claims, TokenClaims)
    _finished(_auth.identify(token))


def _finished(work: Coroutine[Any, Any, Any]) -> Any:
    """Return what a coroutine returns that waits for nothing."""
    try:
        work.send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError("it waits")
