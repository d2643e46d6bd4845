"""Which hosts a server answers to, and that a development server notices a proxy."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from walkwire.addresses import Addresses, networks
from walkwire.config import Config
from walkwire.server.browser.hosts import Hosts, hosts_of

PEER = "127.0.0.1"


def decide(
    hosts: Hosts, host: str | None = "localhost:8000", *others: tuple[str, str], path: str = "/"
) -> int | None:
    """The status of the refusal."""
    headers = [] if host is None else [(b"host", host.encode("latin-1"))]
    headers += [(name.encode(), value.encode()) for name, value in others]
    error = hosts.refusal(headers, path, lambda: PEER)
    return error and error.status


def made(**settings: Any) -> Hosts:
    config = Config(**settings)
    found = hosts_of(config, Addresses(config.trusted_proxies).is_proxy)
    assert found is not None
    return found


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST:8000",
        "localhost.",
        "app.localhost:5173",
        "127.0.0.1:8000",
        "127.9.9.9",
        "[::1]:8000",
        "[0:0:0:0:0:0:0:1]",
        "0.0.0.0:8000",
        None,
    ],
)
def test_development_serves_local_names(host: str | None) -> None:
    hosts = made()
    assert [decide(hosts, host) for _ in range(2)] == [None, None]


@pytest.mark.parametrize(
    "host",
    [
        "shop.example",
        "localhost.shop.example",
        "127.0.0.1.shop.example",
        "notlocalhost",
        "localhost@shop.example",
        "192.168.1.5:8000",
        "[fe80::1]:8000",
        "[::1",
        "",
        ":8000",
        "é",
        "2130706433",
    ],
)
def test_development_refuses_all_others(host: str) -> None:
    hosts = made()
    expected = None if host == "[::1" else 421  # no name, but the address is this machine's
    assert [decide(hosts, host) for _ in range(2)] == [expected, expected]


def test_a_setting_names_further_hosts() -> None:
    hosts = made(dev_hosts=("192.168.1.5", "FE80::1", "*.test.example"))
    for host in ("192.168.1.5:8000", "[fe80::1]:8000", "a.test.example", "localhost"):
        assert decide(hosts, host) is None
    for host in ("192.168.1.6", "test.example", "atest.example"):
        assert decide(hosts, host) == 421
    assert decide(made(dev_hosts=("*",)), "anything.example") is None


def test_the_address_where_the_operator_lets_it_listen_is_its_own() -> None:
    assert decide(made(host="192.168.1.5"), "192.168.1.5:8000") is None
    assert decide(made(host="0.0.0.0"), "192.168.1.5:8000") == 421


@pytest.mark.parametrize(
    "header", ["X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Real-IP", "Forwarded", "Via"]
)
def test_development_refuses_what_came_through_a_proxy_unless_it_is_named(header: str) -> None:
    other = (header.lower(), "192.0.2.1")
    assert decide(made(), "localhost", other) == 403
    assert decide(made(trusted_proxies=networks(["127.0.0.1"])), "localhost", other) is None
    assert decide(made(trusted_proxies=networks(["10.0.0.0/8"])), "localhost", other) == 403


@pytest.mark.parametrize("path", ["/healthz", "/healthz/ready", "/metrics"])
def test_probes_call_by_any_name(path: str) -> None:
    assert decide(made(), "10.0.0.7:8000", path=path) == (421 if path == "/metrics" else None)
    assert decide(made(), "10.0.0.7:8000", path=f"{path}/x") == 421
    assert decide(made(production=True, hosts=("a.example",)), "10.0.0.7:8000", path=path) is None


def test_production_serves_every_host_until_some_are_named() -> None:
    assert hosts_of(Config(production=True), lambda peer: False) is None
    hosts = made(production=True, hosts=("Shop.example", "*.shop.example"))
    for host in ("shop.example", "shop.example:443", "a.shop.example", "SHOP.EXAMPLE."):
        assert decide(hosts, host, ("x-forwarded-for", "192.0.2.1")) is None
    for host in ("localhost", "127.0.0.1", "rebound.example", "shop.example.rebound.example"):
        assert decide(hosts, host) == 421


def test_the_sentences_say_what_to_do() -> None:
    error = made().refusal([(b"host", b"shop.example")], "/", lambda: PEER)
    assert error is not None
    assert "--production" in error.message
    assert "DEV_HOSTS" in error.message
    assert error.code == "refused"
    assert "shop.example" not in error.message
    error = made().refusal([(b"via", b"x")], "/", lambda: PEER)
    assert error is not None
    assert "--production" in error.message
    assert "TRUSTED_PROXIES" in error.message


def test_it_is_logged_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    now = [0.0]
    hosts = Hosts((), lambda peer: False, is_development=True, clock=lambda: now[0])
    caplog.set_level(logging.WARNING)
    for _ in range(3):
        decide(hosts, "shop.example\n2")
    assert len(caplog.records) == 1
    assert r"'shop.example\n2'" in caplog.text
    now[0] = 60.0
    decide(hosts, "b" * 500)
    assert len(caplog.records) == 2
    assert len(caplog.records[1].getMessage()) < 400


def test_a_host_is_known_after_its_first_request_unless_a_proxy_forwarded_this_one() -> None:
    hosts = made()
    assert not hosts.is_known({b"host": b"localhost"})
    assert decide(hosts, "localhost") is None
    assert decide(hosts, "shop.example") == 421
    assert hosts.is_known({b"host": b"localhost", b"upgrade": b"websocket"})
    assert not hosts.is_known({b"host": b"shop.example"})
    assert not hosts.is_known({b"host": b"localhost", b"x-forwarded-for": b"192.0.2.1"})
    assert not hosts.is_known({})


def test_what_is_remembered_is_bounded() -> None:
    hosts = made()
    for number in range(5000):
        assert decide(hosts, f"{number}.localhost") is None
    assert len(hosts._known) <= 1024
