"""What a cookie lets a request be, and what it needs beside it."""

from __future__ import annotations

from http.cookies import SimpleCookie
from typing import Any

import pytest
from starlette.responses import Response

from walkwire.errors import Refused
from walkwire.server.browser.cookie import REFUSAL, Cookies

SECRET = b"s" * 32
COOKIES = Cookies(SECRET, is_secure=False)


def authorize(method: str, cookie: str, **headers: str) -> dict[str, Any]:
    named = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope: dict[str, Any] = {"method": method, "headers": [*named, (b"cookie", cookie.encode())]}
    COOKIES.authorize(scope, cookie.encode())
    return scope


def bearer_of(scope: dict[str, Any]) -> bytes | None:
    found: bytes | None = dict(scope["headers"]).get(b"authorization")
    return found


def set_by(cookies: Cookies) -> SimpleCookie:
    response = Response()
    cookies.remember(response, "a.b.c", 60)
    jar = SimpleCookie()
    for value in response.headers.getlist("set-cookie"):
        jar.load(value)
    return jar


def test_in_production_the_cookie_is_of_this_host_over_tls_only() -> None:
    jar = set_by(Cookies(SECRET, is_secure=True))
    assert set(jar) == {"__Host-walkwire_token", "__Host-walkwire_csrf"}
    for morsel in jar.values():
        assert (morsel["secure"], morsel["path"], morsel["domain"]) == (True, "/", "")
        assert (morsel["samesite"], morsel["max-age"]) == ("lax", "60")
    assert jar["__Host-walkwire_token"]["httponly"]
    assert not jar["__Host-walkwire_csrf"]["httponly"]
    assert jar["__Host-walkwire_token"].value == "a.b.c"


def test_in_development_it_needs_no_tls() -> None:
    jar = set_by(COOKIES)
    assert set(jar) == {"walkwire_token", "walkwire_csrf"}
    assert not any(morsel["secure"] for morsel in jar.values())
    assert jar["walkwire_csrf"].value == COOKIES.csrf_token("a.b.c")


def test_a_deleted_cookie_is_empty_and_over() -> None:
    response = Response()
    COOKIES.forget(response)
    told = response.headers.getlist("set-cookie")
    assert len(told) == 2
    assert all("Max-Age=0" in each and "Path=/" in each for each in told)


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_a_safe_request_is_that_of_its_cookie(method: str) -> None:
    assert bearer_of(authorize(method, "a=b; walkwire_token=x.y.z; c=d")) == b"Bearer x.y.z"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "TRACE", "get"])
def test_any_other_needs_the_csrf_token_of_that_very_log_in(method: str) -> None:
    right = COOKIES.csrf_token("x.y.z")
    others = (
        COOKIES.csrf_token("a.b.c"),
        Cookies(b"t" * 32, is_secure=False).csrf_token("x.y.z"),
        "",
        right[:-1],
    )
    for wrong in others:
        scope = authorize(method, "walkwire_token=x.y.z", x_csrf_token=wrong)
        assert bearer_of(scope) is None
        assert isinstance(scope[REFUSAL], Refused)
        assert "X-CSRF-Token" in scope[REFUSAL].message
    assert REFUSAL in authorize(method, "walkwire_token=x.y.z")
    scope = authorize(method, "walkwire_token=x.y.z", x_csrf_token=right)
    assert bearer_of(scope) == b"Bearer x.y.z"
    assert REFUSAL not in scope


def test_a_link_on_another_site_is_not_the_users_request() -> None:
    assert bearer_of(authorize("GET", "walkwire_token=x", sec_fetch_site="cross-site")) is None
    for here in ("same-origin", "same-site", "none"):
        assert bearer_of(authorize("GET", "walkwire_token=x", sec_fetch_site=here)) == b"Bearer x"


@pytest.mark.parametrize(
    ("header", "token"),
    [
        ("walkwire_token=x", "x"),
        (' a=b;walkwire_token="x" ', "x"),
        ("walkwire_token=x; walkwire_token=y", "x"),
        ("walkwire_token=", None),
        ("walkwire_token", None),
        ("other_walkwire_token=x", None),
        ("a=walkwire_token=x", None),
        ("__Host-walkwire_token=x", None),
        ("", None),
        (";;;=;", None),
    ],
)
def test_the_cookie_is_found_by_its_whole_name(header: str, token: str | None) -> None:
    assert COOKIES.token_in(header.encode()) == token
