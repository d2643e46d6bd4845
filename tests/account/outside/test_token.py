"""Tokens of a provider count if it signed them, for us, and they are not over; whatever else they say does not help."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import Any

import jwt
import pytest
from joserfc.jwk import ECKey, RSAKey

from tests.openid import OpenIdProvider
from walkwire.account.outside.token import LONGEST, OutsideTokens


async def test_a_token_of_the_provider_counts(provider: OpenIdProvider, tokens: OutsideTokens) -> None:
    found = await tokens.read(provider.token(email="ada@example.com", email_verified=True))
    assert found is not None
    assert (found.subject, found.email) == ("ada-at-home", "ada@example.com")
    assert await tokens.read(provider.token(aud=["x", "other-api"])) is not None
    provider.rotate("ES256")
    unverified = provider.token(email="ada@example.com", email_verified="true")
    assert (await tokens.read(unverified)) is None  # its key is not known yet, and was asked for a moment ago


@pytest.mark.parametrize(
    "wrong",
    [
        {"iss": "https://other.example"},
        {"iss": None},
        {"aud": "other"},
        {"aud": []},
        {"aud": None},
        {"sub": None},
        {"sub": ""},
        {"sub": 5},
        {"sub": "x" * 256},
        {"sub": "a\x00b"},
        {"exp": None},
        {"exp": "tomorrow"},
        {"exp": True},
        {"exp": 1},
        {"nbf": int(time.time()) + 24 * 60 * 60},  # the tests take less
        {"nbf": "now"},
        {"padding": "x" * LONGEST},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
async def test_a_token_with_a_wrong_claim_does_not(
    wrong: dict[str, Any], provider: OpenIdProvider, tokens: OutsideTokens
) -> None:
    assert await tokens.read(provider.token()) is not None
    assert await tokens.read(provider.token(**wrong)) is None


def forged(header: dict[str, Any], claims: dict[str, Any], secret: bytes) -> str:
    texts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (header, claims)]
    signature = hmac.digest(secret, b".".join(texts), hashlib.sha256) if secret else b""
    return b".".join([*texts, base64.urlsafe_b64encode(signature).rstrip(b"=")]).decode()


async def test_no_other_algorithm_and_no_other_key_counts(
    provider: OpenIdProvider, tokens: OutsideTokens
) -> None:
    real = provider.published[-1]
    assert await tokens.read(provider.token()) is not None
    claims = jwt.decode(provider.token(), options={"verify_signature": False})
    public = real.as_pem(private=False)
    stranger = RSAKey.generate_key(2048, {"kid": real.kid, "alg": "RS256"})
    for token in (
        forged({"alg": "none", "kid": real.kid}, claims, b""),
        forged({"alg": "None", "kid": real.kid}, claims, b""),
        forged({"alg": "HS256", "kid": real.kid}, claims, public),
        forged({"alg": "HS256", "kid": real.kid}, claims, real.as_der(private=False)),
        forged({"alg": "RS256", "kid": real.kid}, claims, public),
        forged({"alg": ["RS256"], "kid": real.kid}, claims, public),
        forged({"alg": "RS256", "kid": {"a": 1}}, claims, public),
        provider.token(stranger),
        provider.token(stranger, {"jwk": stranger.as_dict(private=False)}),
        provider.token(stranger, {"jku": "https://evil.example/jwks", "kid": "evil"}),
        jwt.encode(claims, real.private_key, "RS512", {"kid": real.kid}),
        jwt.encode(claims, real.private_key, "PS256", {"kid": real.kid}),
        jwt.encode(claims, ECKey.generate_key("P-256").private_key, "ES256", {"kid": real.kid}),
    ):
        assert await tokens.read(token) is None
    assert provider.asked["/jwks"] == 1


@pytest.mark.parametrize("text", ["", "x", "a.b.c", "." * 100, "\ud800", "é", "x" * 1_000_000])
async def test_what_is_no_token_asks_nobody(
    text: str, provider: OpenIdProvider, tokens: OutsideTokens
) -> None:
    assert await tokens.read(text) is None
    assert not provider.asked


async def test_a_verified_token_is_verified_once_and_ends_all_the_same(
    provider: OpenIdProvider, tokens: OutsideTokens
) -> None:
    end = int(time.time()) + 60
    token = provider.token(exp=end)
    assert await tokens.read(token) is not None
    tokens._clock = lambda: end - 1
    tokens._provider._keys.clear()  # would be asked for if the token were verified again
    assert await tokens.read(token) is not None
    tokens._clock = lambda: end
    assert await tokens.read(token) is None
