"""What an upgrade request shows, and what counts if it shows several things."""

from __future__ import annotations

import logging

import pytest

from walkwire.server.browser.cookie import Cookies
from walkwire.server.browser.upgrade import AUTH_IN_QUERY, QUERY_LIMIT, Shown, Upgrades
from walkwire.wire.message.close import REFUSED

TICKET = "wt_a.b"
ORIGIN = "http://localhost"


def read(query: str = "", is_production: bool = False, **headers: str) -> Shown:
    named = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
    upgrades = Upgrades(Cookies(b"s" * 32, is_secure=False), is_production=is_production)
    return upgrades.read(named, f"/websocket{query}".encode())


def test_a_plain_request_shows_nothing() -> None:
    assert read() == read("?") == read("?channel_id=") == read(cookie="a=b", origin=ORIGIN) == Shown()
    assert read("?channel_id=a&channel_id=b%20c#d") == Shown(channel_id="b c")
    assert read("?channel_id=a=b#c") == read("?&channel_id=a=b") == Shown(channel_id="a=b")
    assert read("?channel_id") == read("?expiring=soon") == Shown()
    assert read(authorization="Bearer x") == Shown("Bearer x")


def test_a_token_is_a_subprotocol_beside_a_version_and_is_not_answered_with() -> None:
    for offered in (
        "walkwire.v1, bearer.x.y-z_",
        "bearer.x.y-z_ ,walkwire.v1",
        "a, walkwire.v1, bearer.x.y-z_",
    ):
        assert read(sec_websocket_protocol=offered) == Shown("x.y-z_", protocol="walkwire.v1")
    assert read(sec_websocket_protocol="walkwire.v1") == Shown(protocol="walkwire.v1")
    assert read(sec_websocket_protocol="walkwire.v1, bearer.") == Shown("", protocol="walkwire.v1")


@pytest.mark.parametrize("offered", ["chat", "bearer.x", "walkwire.v9, bearer.x", "WALKWIRE.V1", "", ",,"])
def test_who_offers_no_version_of_ours_sees_no_change(offered: str) -> None:
    assert read(sec_websocket_protocol=offered) == Shown()


def test_a_ticket_stands_in_the_query_and_a_token_does_not_pass_for_one() -> None:
    assert read(f"?ticket={TICKET}&channel_id=a") == Shown(TICKET, "a")
    assert read("?ticket=eyJ.a.b") == Shown("")


def test_a_token_in_the_query_is_warned_of_once_in_development(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    upgrades = Upgrades()
    for _ in range(2):
        assert upgrades.read({}, b"/websocket?auth=Bearer%20x") == Shown("Bearer x")
    assert len(caplog.records) == 1
    assert "/user/ticket" in caplog.text
    assert read("?auth=") == Shown()


def test_a_token_in_the_query_is_refused_in_production_whatever_else_is_shown() -> None:
    refused = read("?auth=x", is_production=True, authorization="Bearer y")
    assert refused.refusal == AUTH_IN_QUERY
    assert refused.token is None
    assert AUTH_IN_QUERY.code == 4003
    assert "/user/ticket" in AUTH_IN_QUERY.text()
    assert read("?auth=", is_production=True) == Shown()


def test_a_cookie_counts_beside_an_origin_only() -> None:
    assert read(cookie="walkwire_token=x", origin=ORIGIN) == Shown("x")
    assert read(cookie="walkwire_token=x") == Shown()
    assert Upgrades().read({b"cookie": b"walkwire_token=x", b"origin": b"a"}, b"/websocket") == Shown()


def test_the_first_that_is_shown_counts_whether_it_is_valid_or_not() -> None:
    cookie, offered = "walkwire_token=cookie", "walkwire.v1, bearer.protocol"
    every = {
        "authorization": "Bearer a",
        "sec_websocket_protocol": offered,
        "cookie": cookie,
        "origin": ORIGIN,
    }
    query = f"?ticket={TICKET}&auth=query"
    expected = ["Bearer a", "protocol", TICKET, "query", "cookie"]
    found = [read(query, **every).token]
    del every["authorization"]
    found.append(read(query, **every).token)
    del every["sec_websocket_protocol"]
    found += [read(query, **every).token, read("?auth=query", **every).token, read(**every).token]
    assert found == expected
    assert read("?ticket=nonsense", **every).token == ""


def test_a_query_with_too_many_parameters_is_not_split() -> None:
    assert read("?" + "&" * QUERY_LIMIT).refusal == REFUSED
    assert read("?channel_id=a" + "&" * (QUERY_LIMIT - 1)).channel_id == "a"
