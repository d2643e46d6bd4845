"""Identities against strangers, through the front door of a real server: forged tokens, stolen sign-ons, floods of keys.

The provider is real and knows nothing of walkwire. Each test is an attack that fails.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import jwt
import pytest
from joserfc.jwk import ECKey, RSAKey

from tests.mail.post_office import PASSWORD as MAIL_PASSWORD
from tests.mail.post_office import open_post_office
from tests.openid import CLIENT, SECRET, OpenIdProvider, open_provider
from tests.serving import PASSWORD, PUBLIC_ROOT, Server, client

TOKEN_SECRET = "a secret for tests, long enough to sign with"
PROGRAM = """
from walkwire import Root, Walker, jid, on_entry


class who(Walker):
    @on_entry
    def tell(self, here: Root) -> None:
        self.report(jid(here))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("identity")
    (made / "program.py").write_text(PROGRAM)
    for name, key in (("summer", RSAKey.generate_key(2048)), ("autumn", ECKey.generate_key("P-256"))):
        (made / f"{name}.pem").write_bytes(key.as_pem(private=True))
    return made


@pytest.fixture
async def provider() -> AsyncIterator[OpenIdProvider]:
    async with open_provider() as made:
        yield made


@pytest.fixture
async def server(folder: Path, tmp_path: Path, provider: OpenIdProvider) -> AsyncIterator[Server]:
    """A server in production that takes the provider's tokens and browsers, and signs with a key of its own."""
    settings = {
        "token_secret": TOKEN_SECRET,
        "token_key_files": f"{folder / 'summer.pem'},{folder / 'autumn.pem'}",
        "token_signer": "summer",
        "oidc_issuer": provider.issuer,
        "oidc_audience": "api",
        "oidc_register": "true",
        "sso_home_client_id": CLIENT,
        "sso_home_client_secret": SECRET,
        "sso_home_issuer": provider.issuer,
        "public_url": "http://localhost:1",
    }
    provider.redirect_uris.add("http://localhost:1/sso/home/register/callback")
    with Server(folder / "program.py", tmp_path, "--production", **settings) as started:
        yield started


def forged(header: dict[str, Any], claims: dict[str, Any], secret: bytes) -> str:
    texts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (header, claims)]
    signature = hmac.digest(secret, b".".join(texts), hashlib.sha256) if secret else b""
    return b".".join([*texts, base64.urlsafe_b64encode(signature).rstrip(b"=")]).decode()


async def is_refused(server: Server, token: str) -> bool:
    """Over REST and over the socket."""
    answer = await server.post("/walker/who", {}, token)
    async with server.connect(token) as socket:
        return (answer.status_code, socket.root_id) == (401, PUBLIC_ROOT)


async def test_no_forged_token_of_our_own_counts(server: Server) -> None:
    ada = await server.user()
    assert jwt.get_unverified_header(ada.token)["kid"] == "summer"
    claims = jwt.decode(ada.token, options={"verify_signature": False})
    published = (await server.request("GET", "/.well-known/jwks.json")).json()["keys"]
    assert [(key["kid"], key["alg"]) for key in published] == [("summer", "RS256"), ("autumn", "ES256")]
    assert not {"d", "p", "q", "k"} & {name for key in published for name in key}
    public = RSAKey.import_key(published[0])
    for pem in (public.as_pem(), public.as_pem().strip(), public.as_der(), json.dumps(published[0]).encode()):
        assert await is_refused(server, forged({"alg": "HS256", "kid": "summer"}, claims, pem))
        assert await is_refused(server, forged({"alg": "HS256"}, claims, pem))
    for header in ({"alg": "none"}, {"alg": "none", "kid": "summer"}, {"alg": "nOnE", "kid": "autumn"}):
        assert await is_refused(server, forged(header, claims, b""))
    for kid in (
        "../summer",
        "/dev/null",
        "summer.pem",
        "x' OR '1'='1",
        "",
        None,
        5,
        ["summer"],
        "summer\x00",
    ):
        assert await is_refused(server, forged({"alg": "HS256", "kid": kid}, claims, b""))
    head, _, signature = ada.token.split(".")
    richer = base64.urlsafe_b64encode(json.dumps(claims | {"root": "1" * 24}).encode()).rstrip(b"=").decode()
    assert await is_refused(server, f"{head}.{richer}.{signature}")
    assert not await is_refused(server, ada.token)


async def test_no_forged_or_foreign_token_of_the_provider_counts(
    server: Server, provider: OpenIdProvider
) -> None:
    real = provider.published[-1]
    claims = jwt.decode(provider.token(), options={"verify_signature": False})
    stranger = RSAKey.generate_key(2048, {"kid": real.kid, "alg": "RS256"})
    assert not await is_refused(server, provider.token())
    for token in (
        forged({"alg": "none", "kid": real.kid}, claims, b""),
        forged({"alg": "HS256", "kid": real.kid}, claims, real.as_pem(private=False)),
        forged({"alg": "HS256"}, claims, real.as_pem(private=False)),
        provider.token(stranger),
        provider.token(stranger, {"jwk": stranger.as_dict(private=False)}),
        provider.token(iss="https://other.example"),
        provider.token(aud="another-api"),
        provider.token(aud=CLIENT),  # an ID token of single sign-on is not a token for us
        provider.token(exp=int(time.time()) - 1),
        provider.token(nbf=int(time.time()) + 600),
        provider.token(exp=None),
        provider.token(sub=None),
    ):
        assert await is_refused(server, token)


async def test_a_token_of_the_provider_does_not_choose_its_user(
    server: Server, provider: OpenIdProvider
) -> None:
    ada = await server.user()
    mine = jwt.decode(ada.token, options={"verify_signature": False})
    told = {"root": mine["root"], "tokens": 0, "email": ada.email, "email_verified": True}
    for subject in (mine["sub"], mine["root"], ada.email):
        answer = await server.post("/walker/who", {}, provider.token(sub=subject, **told))
        assert answer.status_code == 200
        assert answer.json()["reports"] != [ada.root_id]


async def test_random_keys_do_not_make_us_ask_the_provider(server: Server, provider: OpenIdProvider) -> None:
    flood = [provider.token(header={"kid": secrets.token_hex(16)}) for _ in range(100)]
    async with client(base_url=server.url, limits=httpx.Limits(max_connections=50)) as http:
        answers = await asyncio.gather(
            *(http.post("/walker/who", json={}, headers={"Authorization": f"Bearer {one}"}) for one in flood)
        )
    assert {answer.status_code for answer in answers} == {401}
    assert provider.asked["/jwks"] == 1
    assert not await is_refused(server, provider.token())


async def left(server: Server) -> tuple[str, str]:
    """A browser that leaves and consents: what it comes back with, and its cookie."""
    async with client(base_url=server.url) as browser:
        answer = await browser.get("/sso/home/register")
        back = urlsplit((await browser.get(answer.headers["location"])).headers["location"])
        return f"{back.path}?{back.query}", answer.headers["set-cookie"].split(";")[0]


async def test_a_sign_on_is_of_one_browser_and_counts_once(server: Server, provider: OpenIdProvider) -> None:
    async def status(path: str, cookie: str | None) -> int:
        headers = {"Cookie": cookie} if cookie else {}
        async with client(base_url=server.url, headers=headers) as browser:
            return (await browser.get(path)).status_code

    mine, cookie = await left(server)
    theirs, other = await left(server)
    assert await status(mine, None) == 403  # a link that an attacker sends: log-in CSRF
    assert await status(mine, other) == 403
    assert await status(mine, cookie + "x") == 403
    mixed = f"{mine.partition('?')[0]}?code={theirs.partition('code=')[2].partition('&')[0]}&state={mine.partition('state=')[2]}"
    assert await status(mixed, cookie) == 403  # the code of another browser, whose verifier is not here
    assert await status(theirs, other) == 200
    assert await status(theirs, other) == 403  # state and code a second time


@pytest.mark.long
async def test_servers_take_each_others_tokens_while_a_key_is_replaced(folder: Path, tmp_path: Path) -> None:
    both = f"{folder / 'summer.pem'},{folder / 'autumn.pem'}"
    steps: list[dict[str, str]] = [
        {},
        {"token_key_files": str(folder / "summer.pem")},
        {"token_key_files": str(folder / "summer.pem"), "token_signer": "summer"},
        {"token_key_files": both, "token_signer": "summer"},
        {"token_key_files": both, "token_signer": "autumn"},
        {"token_key_files": str(folder / "autumn.pem"), "token_signer": "autumn"},
    ]
    common = {"token_secret": TOKEN_SECRET, "database": f"sqlite:///{tmp_path / 'one.db'}"}
    account = {"email": "ada@example.com", "password": PASSWORD}
    signers: list[str | None] = []
    before: Server | None = None
    with ExitStack() as stack:
        for number, step in enumerate(steps):
            own = tmp_path / str(number)
            own.mkdir()
            server = stack.enter_context(Server(folder / "program.py", own, **common, **step))
            if before is None:
                assert (await server.post("/user/register", account)).status_code == 201
            else:  # both serve while the older one is replaced
                for token in [await token_of(one, account) for one in (before, server)]:
                    for one in (before, server):
                        assert len(await one.walk("who", token)) == 1
                    signers.append(jwt.get_unverified_header(token).get("kid"))
                before.stop()
            before = server
    assert signers == [None, None, None, "summer", "summer", "summer", "summer", "autumn", "autumn", "autumn"]


async def token_of(server: Server, account: dict[str, str]) -> str:
    return str((await server.post("/user/login", account)).json()["token"])


async def test_no_secret_reaches_the_log(folder: Path, tmp_path: Path, provider: OpenIdProvider) -> None:
    async with open_post_office() as office:
        office.answers = ["550 <ada@example.com> does not live here"]
        password = MAIL_PASSWORD.replace(" ", "%20")
        settings = {
            "token_secret": TOKEN_SECRET,
            "smtp_url": f"smtp://shop:{password}@localhost:{office.port}?starttls=off",
            "mail_from": "shop@example.com",
            "verify_email": "optional",
            "oidc_issuer": provider.issuer,
            "oidc_audience": "api",
            "sso_home_client_id": CLIENT,
            "sso_home_client_secret": SECRET,
            "sso_home_issuer": provider.issuer,
            "public_url": "http://localhost:1",
        }
        provider.redirect_uris.add("http://localhost:1/sso/home/register/callback")
        with Server(folder / "program.py", tmp_path, **settings) as server:
            account = {"email": "ada@example.com", "password": PASSWORD}
            assert (await server.post("/user/register", account)).status_code == 201
            await office.tried.get()
            path, cookie = await left(server)
            async with client(base_url=server.url) as browser:
                await browser.get(path)
            await server.post("/user/verify", {"code": "eyJhbGciOiJIUzI1NiJ9.e30.x"})
            await server.post("/walker/who", {}, provider.token(aud="other"))
        log = server.log.read_text()
    assert "Letters not sent: 1" in log
    assert "A single sign-on failed" in log
    code, state = (path.partition(f"{name}=")[2].partition("&")[0] for name in ("code", "state"))
    secret_texts = (
        MAIL_PASSWORD,
        password,
        SECRET,
        TOKEN_SECRET,
        PASSWORD,
        "ada@example.com",
        "eyJ",
        code,
        state,
        cookie,
    )
    assert [text for text in secret_texts if text in log] == []
