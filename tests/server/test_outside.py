"""A program that is served with an outside provider: its tokens over REST and sockets, and browsers that sign in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.openid import CLIENT, SECRET, OpenIdProvider, open_provider
from walkwire.errors import StartError
from walkwire.ids import PUBLIC_ROOT
from walkwire.testing import Client, Reply, Served, serve

PROGRAM = """
from walkwire import BaseUser, Root, Walker, jid, on_entry, root


class User(BaseUser):
    nick: str

    @staticmethod
    def sso_mapper(open_id):
        return {"nick": open_id.first_name} if open_id.first_name else {}


class who(Walker):
    @on_entry
    def tell(self, here: Root) -> None:
        user = User.Collection.find_one({"root_id": jid(root())})
        self.report([jid(root()), user.nick if user else None])
"""
PUBLIC_URL = "http://localhost:8000"
COOKIE = "walkwire-sso"


@pytest.fixture
async def provider() -> AsyncIterator[OpenIdProvider]:
    async with open_provider() as made:
        made.user = {"sub": "ada-at-home", "given_name": "Ada"}
        for name in ("home", "Home"):
            for operation in ("login", "register"):
                made.redirect_uris.add(f"{PUBLIC_URL}/sso/{name}/{operation}/callback")
        yield made


@pytest.fixture
def program(tmp_path: Path) -> Path:
    (tmp_path / "club.py").write_text(PROGRAM)
    return tmp_path / "club.py"


def oidc(provider: OpenIdProvider, **more: Any) -> dict[str, Any]:
    return {"oidc_issuer": provider.issuer, "oidc_audience": "api", "oidc_register": True} | more


def sso(provider: OpenIdProvider, **more: Any) -> dict[str, Any]:
    home = {"client_id": CLIENT, "client_secret": SECRET, "issuer": provider.issuer}
    return {"sso": {"home": home}, "public_url": PUBLIC_URL} | more


async def asks(caller: Client, token: str, path: str = "/walker/who") -> Reply:
    return await caller.request("POST", path, json={}, headers={"Authorization": f"Bearer {token}"})


async def test_a_token_of_the_provider_is_a_user_over_rest_and_over_the_socket(
    provider: OpenIdProvider, program: Path
) -> None:
    async with serve(program, **oidc(provider)) as app:
        guest = app.public()
        answer = await asks(guest, provider.token())
        ((root, nick),) = answer.reports
        assert nick == "Ada"
        async with guest.socket() as socket:
            await socket.receive()
            await socket.send({"type": "change_user", "token": f"Bearer {provider.token()}"})
            assert (await socket.receive())["data"]["root_id"] == root
            await socket.send({"type": "change_user", "token": provider.token(aud="other")})
            assert (await socket.receive())["data"]["root_id"] == f"n::{PUBLIC_ROOT}"
        ours = await app.user("bob@example.com", nick="Bob")
        assert (await ours.post("who")).reports[0][1] == "Bob"


async def test_a_token_whose_user_the_program_refuses_is_not_valid(
    provider: OpenIdProvider, program: Path
) -> None:
    async with serve(program, **oidc(provider)) as app:
        assert (await asks(app.public(), provider.token(sub="bob", given_name=None))).status == 401


async def test_users_of_the_provider_are_not_made_unless_that_is_set(
    provider: OpenIdProvider, program: Path
) -> None:
    async with serve(program, **oidc(provider, oidc_register=False)) as app:
        assert (await asks(app.public(), provider.token())).status == 401


async def test_a_provider_that_rotates_its_keys_is_followed_without_a_restart(
    provider: OpenIdProvider, program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("walkwire.account.outside.provider.PAUSE", 0.0)
    async with serve(program, **oidc(provider)) as app:
        guest, old = app.public(), provider.token()
        (before,) = (await asks(guest, old)).reports
        provider.rotate("ES256")
        assert (await asks(guest, provider.token())).reports == [before]
        assert (await asks(guest, old)).reports == [before]
        del provider.published[0]
        provider.rotate()
        async with guest.socket() as socket:
            await socket.receive()
            await socket.send({"type": "change_user", "token": provider.token()})
            assert (await socket.receive())["data"]["root_id"] == before[0]
        assert (await asks(guest, old)).status == 401


async def test_without_settings_no_outside_token_counts_and_no_route_exists(
    provider: OpenIdProvider, program: Path
) -> None:
    async with serve(program) as app:
        guest = app.public()
        assert (await asks(guest, provider.token())).status == 401
        for path in ("/sso/home/login", "/sso/home/login/callback", "/.well-known/jwks.json"):
            assert (await guest.request("GET", path)).status == 404
        assert (await guest.request("POST", "/user/verify", json={"code": "x"})).status == 404
        assert not provider.asked


async def leave(app: Served, operation: str = "register", query: str = "") -> tuple[str, str]:
    """The provider's page and the cookie."""
    answer = await app.public().request("GET", f"/sso/home/{operation}{query}")
    assert answer.status == 302
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"{COOKIE}=")
    assert {"HttpOnly", "Path=/", "SameSite=lax", "Max-Age=600"} <= set(cookie.split("; "))
    app.http.cookies.clear()
    return answer.headers["location"], cookie.split(";")[0]


async def consent(page: str) -> str:
    """Where the provider sends the browser back to, as a path of this server."""
    async with httpx.AsyncClient(verify=False, timeout=60) as browser:
        answer = await browser.get(page)
    back = urlsplit(answer.headers["location"])
    assert f"{back.scheme}://{back.netloc}" == PUBLIC_URL
    return f"{back.path}?{back.query}"


async def come_back(app: Served, path: str, cookie: str = "") -> Reply:
    return await app.public().request("GET", path, headers={"Cookie": cookie} if cookie else {})


async def test_a_browser_signs_in_and_gets_what_a_log_in_gives(
    provider: OpenIdProvider, program: Path
) -> None:
    async with serve(program, **sso(provider)) as app:
        page, cookie = await leave(app, "login")
        answer = await come_back(app, await consent(page), cookie)
        assert (answer.status, answer.body) == (403, {"message": "Not Existing!"})

        page, cookie = await leave(app)
        answer = await come_back(app, await consent(page), cookie)
        assert answer.status == 200
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert f'{COOKIE}=""; expires=' in answer.headers["set-cookie"]
        user = answer.body["user"]
        assert set(user) == {
            "id", "email", "root_id", "is_activated", "is_admin", "expiration", "state", "nick",
        }  # fmt: skip
        assert (user["nick"], user["is_activated"]) == ("Ada", True)
        seen = await asks(app.public(), answer.body["token"])
        assert seen.reports == [[f"n::{user['root_id']}", "Ada"]]

        page, cookie = await leave(app, "login")
        again = await come_back(app, await consent(page), cookie)
        assert again.body["user"]["id"] == user["id"]
        await app.user("bob@example.com", nick="Bob")
        provider.user = {
            "sub": "bob",
            "email": "bob@example.com",
            "email_verified": True,
            "given_name": "Bob",
        }
        page, cookie = await leave(app)
        taken = await come_back(app, await consent(page), cookie)
        assert (taken.status, taken.body) == (409, {"message": "Registration Failed!"})


async def test_nothing_that_a_client_sends_changes_where_browsers_go(
    provider: OpenIdProvider, program: Path
) -> None:
    settings = sso(provider) | {"dev_hosts": "*", "trusted_proxies": "127.0.0.1"}
    async with serve(program, **settings) as app:
        query = (
            "?redirect_uri=https://evil.example/&state=x&next=//evil.example&redirect=https://evil.example"
        )
        headers = {
            "Host": "evil.example",
            "X-Forwarded-Host": "evil.example",
            "Forwarded": "host=evil.example",
        }
        answer = await app.public().request("GET", f"/sso/home/login{query}", headers=headers)
        assert answer.headers["location"].startswith(f"{provider.issuer}/authorize?")
        assert "evil" not in answer.headers["location"] + answer.headers["set-cookie"]


async def test_a_callback_without_its_cookie_or_a_second_time_is_refused(
    provider: OpenIdProvider, program: Path
) -> None:
    failed = (403, {"message": "Single sign-on failed!"})
    async with serve(program, **sso(provider)) as app:
        page, cookie = await leave(app)
        back = await consent(page)
        answer = await come_back(app, back)
        assert (answer.status, answer.body) == failed
        assert (await come_back(app, back, cookie)).status == 200
        answer = await come_back(app, back, cookie)
        assert (answer.status, answer.body) == failed
        answer = await come_back(app, "/sso/home/login/callback")
        assert (answer.status, answer.body) == failed


async def test_what_is_not_served_is_answered_in_jac_clouds_words(
    provider: OpenIdProvider, program: Path
) -> None:
    async with serve(program, **sso(provider)) as app:
        for path in (
            "/sso/away/login",
            "/sso/home/attach",
            "/sso/away/login/callback",
            "/sso/home/x/callback",
        ):
            answer = await app.public().request("GET", path)
            assert (answer.status, answer.body) == (501, {"message": "Feature not yet implemented!"})


async def test_over_tls_the_cookie_is_for_this_host_alone(provider: OpenIdProvider, program: Path) -> None:
    async with serve(program, **sso(provider, public_url="https://shop.example", production=True)) as app:
        cookie = (await app.public().request("GET", "/sso/home/login")).headers["set-cookie"]
        assert cookie.startswith("__Host-walkwire-sso=")
        assert {"HttpOnly", "Path=/", "SameSite=lax", "Secure"} <= set(cookie.split("; "))
        assert "Domain" not in cookie


async def test_a_provider_that_is_away_is_told_in_one_sentence(
    provider: OpenIdProvider, program: Path
) -> None:
    provider.is_away = True
    async with serve(program, **sso(provider)) as app:
        answer = await app.public().request("GET", "/sso/home/login")
        assert (answer.status, provider.issuer in str(answer.body)) == (503, False)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"oidc_issuer": "https://id.example"}, "OIDC_ISSUER needs OIDC_AUDIENCE"),
        ({"sso": {"google": {"client_id": "a"}}}, "SSO_… needs PUBLIC_URL"),
        (
            {
                "sso": {"google": {"client_id": "a", "client_secret": "hush", "client_secret_file": "x"}},
                "public_url": PUBLIC_URL,
            },
            "both given",
        ),
        (
            {"sso": {"google": {"client_id": "a", "client_secret_file": "absent"}}, "public_url": PUBLIC_URL},
            "SSO_GOOGLE_CLIENT_SECRET_FILE cannot be read",
        ),
    ],
)
async def test_settings_that_do_not_fit_stop_the_start(settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(StartError, match=sentence) as raised:
        async with serve(ModuleType("empty"), **settings):
            pass
    assert "hush" not in str(raised.value)


async def test_own_keys_are_published_and_sign(tmp_path: Path, program: Path) -> None:
    from joserfc import jwt
    from joserfc.jwk import ECKey, KeySet

    (tmp_path / "autumn.pem").write_bytes(ECKey.generate_key("P-256").as_pem(private=True))
    keys = {"token_key_files": [str(tmp_path / "autumn.pem")]}
    async with serve(program, **keys, token_signer="autumn") as app:
        ada = await app.user("ada@example.com", nick="Ada")
        answer = await app.public().request("GET", "/.well-known/jwks.json")
        assert answer.headers["cache-control"] == "public, max-age=300"
        assert ada.token is not None
        assert jwt.decode(ada.token, KeySet.import_key_set(answer.body)).claims["root"] == ada.root_id
        assert (await ada.post("who")).reports[0][1] == "Ada"
