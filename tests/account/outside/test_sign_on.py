"""A browser signs in at a real provider; what comes back counts only with the cookie that left, once, and from that provider."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import jwt
import pytest

from tests.openid import CLIENT, SECRET, OpenIdProvider
from walkwire.account.attempts import AttemptLimits, Attempts
from walkwire.account.outside.fetch import Fetcher
from walkwire.account.outside.provider import Provider
from walkwire.account.outside.sign_on import (
    LIFETIME,
    Client,
    Departure,
    Operation,
    SignOn,
    SignOnFailed,
    Unknown,
)
from walkwire.account.outside.users import OutsideUsers
from walkwire.errors import Busy, Limited
from walkwire.store import Store

PUBLIC_URL = "https://shop.example/app"
KEY = b"s" * 32


class Now:
    """The real time, and what a test adds to it."""

    more = 0

    def __call__(self) -> float:
        return time.time() + self.more


@pytest.fixture
def now() -> Now:
    return Now()


@pytest.fixture
def attempts() -> Attempts:
    return Attempts(AttemptLimits(address=2))


@pytest.fixture
def sign_on(
    provider: OpenIdProvider,
    known: Provider,
    fetcher: Fetcher,
    users: OutsideUsers,
    attempts: Attempts,
    now: Now,
) -> SignOn:
    for operation in ("login", "register"):
        provider.redirect_uris.add(f"{PUBLIC_URL}/sso/home/{operation}/callback")
    clients = {"home": Client(known, CLIENT, SECRET), "twin": Client(known, CLIENT, SECRET)}
    return SignOn(clients, fetcher, users, attempts, PUBLIC_URL, KEY, ["RS256", "ES256"], now)


async def consent(departure: Departure) -> dict[str, str]:
    """What the provider sends the browser back with."""
    async with httpx.AsyncClient(verify=False, timeout=60) as browser:
        answer = await browser.get(departure.url)
    assert answer.status_code == 302, answer.text
    return dict(parse_qsl(urlsplit(answer.headers["location"]).query))


async def left(sign_on: SignOn, operation: Operation = "register") -> tuple[dict[str, str], str]:
    departure = await sign_on.depart("home", operation)
    return await consent(departure), departure.cookie


@pytest.mark.parametrize("auth_method", ["client_secret_basic", "client_secret_post"])
async def test_a_browser_registers_and_then_logs_in(
    auth_method: str, sign_on: SignOn, provider: OpenIdProvider, store: Store
) -> None:
    provider.auth_method = auth_method
    parameters, cookie = await left(sign_on, "login")
    with pytest.raises(Unknown):
        await sign_on.arrive("home", "login", parameters, cookie)
    parameters, cookie = await left(sign_on)
    user = await sign_on.arrive("home", "register", parameters, cookie)
    assert user == store.user_by_identity(provider.issuer, "ada-at-home")
    for operation in ("login", "register"):
        parameters, cookie = await left(sign_on, operation)
        assert await sign_on.arrive("home", operation, parameters, cookie) == user


async def test_a_public_client_has_its_challenge_alone(
    provider: OpenIdProvider, known: Provider, fetcher: Fetcher, users: OutsideUsers
) -> None:
    provider.auth_method = "none"
    provider.redirect_uris.add(f"{PUBLIC_URL}/sso/home/register/callback")
    public = SignOn({"home": Client(known, CLIENT)}, fetcher, users, Attempts(), PUBLIC_URL, KEY, ["RS256"])
    parameters, cookie = await left(public)
    assert await public.arrive("home", "register", parameters, cookie)


async def test_the_provider_is_told_no_more_than_it_needs(sign_on: SignOn, provider: OpenIdProvider) -> None:
    departure = await sign_on.depart("home", "login")
    query = dict(parse_qsl(urlsplit(departure.url).query))
    assert departure.url.startswith(f"{provider.issuer}/authorize?")
    assert query["redirect_uri"] == "https://shop.example/app/sso/home/login/callback"
    assert (query["response_type"], query["code_challenge_method"]) == ("code", "S256")
    kept = jwt.decode(departure.cookie, options={"verify_signature": False})
    assert kept["verifier"] not in departure.url
    assert SECRET not in departure.url + departure.cookie
    other = await sign_on.depart("home", "login")
    again = jwt.decode(other.cookie, options={"verify_signature": False})
    assert not {kept[name] for name in ("state", "nonce", "verifier")} & set(again.values())


async def refused(
    sign_on: SignOn, parameters: Mapping[str, str], cookie: str | None, way: str = "home/register"
) -> str:
    provider, operation = way.split("/")
    with pytest.raises(SignOnFailed) as raised:
        await sign_on.arrive(provider, operation, parameters, cookie)  # type: ignore[arg-type]
    return str(raised.value)


async def test_a_browser_that_did_not_leave_from_here_is_refused(
    sign_on: SignOn, provider: OpenIdProvider, now: Now
) -> None:
    parameters, cookie = await left(sign_on)
    _, others = await left(sign_on)
    before = provider.asked["/token"]
    unsigned = jwt.encode(jwt.decode(cookie, options={"verify_signature": False}), None, "none")
    foreign = jwt.encode(jwt.decode(cookie, options={"verify_signature": False}), b"x" * 32, "HS256")
    token = jwt.encode({"sub": "a", "exp": int(time.time()) + 60}, KEY, "HS256")
    for brought in (None, "", "x", "a.b.c", "é", "x" * 5000, unsigned, foreign, token):
        assert "cookie" in await refused(sign_on, parameters, brought)
    assert "state" in await refused(sign_on, parameters, others)
    for state in ("", "x", parameters["state"] + "x", "\ud800"):
        assert "state" in await refused(sign_on, parameters | {"state": state}, cookie)
    assert "state" in await refused(sign_on, parameters, cookie, "home/login")
    assert "state" in await refused(sign_on, parameters, cookie, "twin/register")
    now.more = LIFETIME
    assert "too long" in await refused(sign_on, parameters, cookie)
    assert provider.asked["/token"] == before
    now.more = 0
    assert await sign_on.arrive("home", "register", parameters, cookie)


async def test_a_code_and_a_state_are_used_once(
    sign_on: SignOn, provider: OpenIdProvider, known: Provider, fetcher: Fetcher, users: OutsideUsers
) -> None:
    parameters, cookie = await left(sign_on)
    assert await sign_on.arrive("home", "register", parameters, cookie)
    assert "used before" in await refused(sign_on, parameters, cookie)
    # Another server does not know that the state was used. The provider knows that the code was.
    other = SignOn(
        {"home": Client(known, CLIENT, SECRET)}, fetcher, users, Attempts(), PUBLIC_URL, KEY, ["RS256"]
    )
    assert "took no code: 400 'invalid_grant'" in await refused(other, parameters, cookie)


async def test_a_code_of_another_browser_is_of_no_use(sign_on: SignOn) -> None:
    mine, cookie = await left(sign_on)
    stolen, _ = await left(sign_on)
    assert "invalid_grant" in await refused(sign_on, mine | {"code": stolen["code"]}, cookie)


@pytest.mark.parametrize(
    ("forged", "reason"),
    [
        ({"nonce": "another"}, "another sign-in"),
        ({"nonce": None}, "another sign-in"),
        ({"aud": "another"}, "not valid"),
        ({"aud": [CLIENT, "another"], "azp": "another"}, "another client"),
        ({"iss": "https://other.example"}, "not valid"),
        ({"exp": 1}, "not valid"),
        ({"sub": ""}, "not valid"),
    ],
    ids=str,
)
async def test_a_token_that_is_not_for_this_sign_in_is_refused(
    forged: dict[str, Any], reason: str, sign_on: SignOn, provider: OpenIdProvider
) -> None:
    provider.forged = forged
    parameters, cookie = await left(sign_on)
    assert reason in await refused(sign_on, parameters, cookie)


async def test_a_provider_that_rotates_its_key_goes_on(sign_on: SignOn, provider: OpenIdProvider) -> None:
    provider.rotate("ES256")
    parameters, cookie = await left(sign_on)
    assert await sign_on.arrive("home", "register", parameters, cookie)


async def test_a_refusal_of_the_provider_and_another_provider_are_refused(sign_on: SignOn) -> None:
    parameters, cookie = await left(sign_on)
    assert "another provider" in await refused(sign_on, parameters | {"iss": "https://other.example"}, cookie)
    parameters, cookie = await left(sign_on)
    denied = {"error": "access_denied", "state": parameters["state"]}
    assert "no code" in await refused(sign_on, denied, cookie)
    parameters, cookie = await left(sign_on)
    assert "no code" in await refused(sign_on, parameters | {"code": "x" * 5000}, cookie)


async def test_while_the_provider_is_away_the_server_says_so(
    sign_on: SignOn, provider: OpenIdProvider
) -> None:
    parameters, cookie = await left(sign_on)
    provider.is_away = True
    with pytest.raises(Busy):
        await sign_on.arrive("home", "register", parameters, cookie)


async def test_a_client_fails_so_often_and_is_then_refused(sign_on: SignOn, provider: OpenIdProvider) -> None:
    for _ in range(2):
        parameters, cookie = await left(sign_on)
        with pytest.raises(SignOnFailed):
            await sign_on.arrive("home", "register", parameters | {"code": "x"}, cookie, address="192.0.2.1")
    before = provider.asked["/token"]
    parameters, cookie = await left(sign_on)
    with pytest.raises(Limited):
        await sign_on.arrive("home", "register", parameters, cookie, address="192.0.2.1")
    assert provider.asked["/token"] == before
    assert await sign_on.arrive("home", "register", parameters, cookie, address="192.0.2.2")


async def test_a_deactivated_user_is_unknown(sign_on: SignOn, provider: OpenIdProvider, store: Store) -> None:
    parameters, cookie = await left(sign_on)
    user = await sign_on.arrive("home", "register", parameters, cookie)
    off = user._replace(id="f" * 24, root_id="e" * 24, email="off@example.com", is_activated=False)
    store.add_outside_user(off, provider.issuer, "off")
    provider.user = {"sub": "off"}
    for operation in ("login", "register"):
        parameters, cookie = await left(sign_on, operation)  # type: ignore[arg-type]
        with pytest.raises(Unknown):
            await sign_on.arrive("home", operation, parameters, cookie)  # type: ignore[arg-type]


def test_only_known_providers_and_operations_are_served(sign_on: SignOn) -> None:
    assert sign_on.operation("home", "login") == "login"
    for provider, operation in (("home", "attach"), ("away", "login"), ("", ""), ("home", "../login")):
        assert sign_on.operation(provider, operation) is None
