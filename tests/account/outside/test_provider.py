"""The keys of a provider: fetched when needed, seldom, within bounds, and kept while it is away."""

from __future__ import annotations

import asyncio
import secrets

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from joserfc.jwk import ECKey, OctKey, RSAKey
from jwt.algorithms import RSAAlgorithm

from tests.account.conftest import Clock
from tests.openid import OpenIdProvider
from walkwire.account.outside.fetch import LARGEST, Fetcher, ProviderAway
from walkwire.account.outside.provider import FRESH, MOST_KEYS, PAUSE, PAUSE_FAILED, Provider
from walkwire.account.outside.token import OutsideTokens


async def test_a_new_key_of_the_provider_is_found_and_a_removed_one_forgotten(
    provider: OpenIdProvider, tokens: OutsideTokens, clock: Clock
) -> None:
    old = provider.token()
    assert await tokens.read(old) is not None
    provider.rotate("ES256")
    new = provider.token()
    assert await tokens.read(new) is None
    clock.now += PAUSE
    assert await tokens.read(new) is not None
    assert await tokens.read(old) is not None

    del provider.published[0]
    clock.now += FRESH + 1
    assert await tokens.read(provider.token()) is not None  # a known key: it is fetched in the background
    task = tokens._provider._task
    assert task is not None
    await task
    assert await tokens.read(old) is None
    assert await tokens.read(new) is not None


async def test_random_keys_of_strangers_make_no_more_than_one_fetch_in_the_pause(
    provider: OpenIdProvider, tokens: OutsideTokens, clock: Clock
) -> None:
    assert await tokens.read(provider.token()) is not None
    clock.now += PAUSE
    flood = [provider.token(header={"kid": secrets.token_hex(8)}) for _ in range(200)]
    assert await asyncio.gather(*map(tokens.read, flood)) == [None] * 200
    assert provider.asked["/jwks"] == 2
    clock.now += PAUSE - 1
    assert await asyncio.gather(*map(tokens.read, flood)) == [None] * 200
    assert provider.asked["/jwks"] == 2
    assert await tokens.read(provider.token(header={"kid": "x" * 257})) is None
    assert len(tokens._verified) == 1


async def test_while_the_provider_is_away_known_keys_stay(
    provider: OpenIdProvider, tokens: OutsideTokens, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    assert await tokens.read(provider.token()) is not None
    provider.is_away = True
    clock.now += FRESH + 1
    for _ in range(3):
        assert await tokens.read(provider.token()) is not None
        assert await tokens.read(provider.token(header={"kid": "unknown"})) is None
    assert caplog.text.count("The keys of a provider cannot be fetched; the known ones stay.") == 1


async def test_a_provider_that_was_away_from_the_start_is_asked_again_soon(
    provider: OpenIdProvider, tokens: OutsideTokens, clock: Clock
) -> None:
    provider.is_away = True
    token = provider.token()
    assert await tokens.read(token) is None
    provider.is_away = False
    assert await tokens.read(token) is None
    clock.now += PAUSE_FAILED
    assert await tokens.read(token) is not None


async def test_keys_without_a_name_count_if_there_is_one(
    provider: OpenIdProvider, fetcher: Fetcher, clock: Clock
) -> None:
    provider.published = [RSAKey.generate_key(2048, {"alg": "RS256"})]
    tokens = OutsideTokens(Provider(fetcher, provider.issuer, clock=clock), ["api"], ["RS256"])
    assert await tokens.read(provider.token(header={"kid": None})) is not None
    provider.rotate()
    other = OutsideTokens(Provider(fetcher, provider.issuer, clock=clock), ["api"], ["RS256"])
    assert await other.read(provider.token(header={"kid": None})) is None


async def test_unfit_keys_do_not_count(provider: OpenIdProvider, fetcher: Fetcher, known: Provider) -> None:
    small = RSAAlgorithm.to_jwk(rsa.generate_private_key(65537, 1024).public_key(), as_dict=True)
    provider.unfit = [{**small, "kid": "short"}, OctKey.generate_key(256, {"kid": "secret"}).as_dict()]
    provider.published = [
        RSAKey.generate_key(2048, {"alg": "RS256", "kid": "encrypts", "use": "enc"}),
        ECKey.generate_key("P-384", {"kid": "curve"}),
        RSAKey.generate_key(2048, {"kid": "any"}),
        *[ECKey.generate_key("P-256", {"kid": str(n)}) for n in range(MOST_KEYS)],
    ]
    for kid in ("short", "encrypts", "secret", "99"):
        assert await known.key(kid, "RS256") is None
    assert await known.key("secret", "HS256") is None
    assert await known.key("curve", "ES256") is None
    assert await known.key("any", "ES256") is None
    assert await known.key("any", "HS256") is None
    assert await known.key("any", "RS256") is not None
    assert await known.key("any", "PS256") is not None
    assert await known.key("0", "ES256") is not None


@pytest.mark.parametrize(
    "description",
    [
        {"issuer": "https://other.example"},
        {"jwks_uri": None},
        {"jwks_uri": "http://other.example/jwks"},
        {"jwks_uri": "file:///etc/passwd"},
        {"padding": "x" * LARGEST},
    ],
    ids=lambda one: next(iter(one)),
)
async def test_a_description_that_is_not_to_be_believed_gives_no_keys(
    description: dict[str, str | None], provider: OpenIdProvider, known: Provider
) -> None:
    provider.description = description
    assert await known.key(provider.published[0].kid, "RS256") is None
    assert provider.asked["/jwks"] == 0


async def test_strangers_do_not_make_a_provider_describe_itself_again_and_again(
    provider: OpenIdProvider, known: Provider, clock: Clock
) -> None:
    provider.is_away = True
    for _ in range(10):
        with pytest.raises(ProviderAway):
            await known.endpoints()
    assert provider.asked["/.well-known/openid-configuration"] == 1
    provider.is_away = False
    clock.now += PAUSE_FAILED
    assert (await known.endpoints()).token == f"{provider.issuer}/token"
    provider.is_away = True
    clock.now += FRESH
    assert (await known.endpoints()).token == f"{provider.issuer}/token"
