"""Which address a client is counted by."""

from __future__ import annotations

import pytest

from walkwire.addresses import UNKNOWN, Addresses, is_safe_url, networks


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("192.0.2.7", None, "192.0.2.7"),
        ("192.0.2.7", "198.51.100.1", "192.0.2.7"),  # no proxy of ours: the header is a claim
        ("10.1.2.3", None, "10.1.2.3"),
        ("10.1.2.3", "198.51.100.1", "198.51.100.1"),
        ("10.1.2.3", "203.0.113.9, 198.51.100.1", "198.51.100.1"),  # the first is the client's own claim
        ("10.1.2.3", "198.51.100.1, 10.9.9.9", "198.51.100.1"),
        ("10.1.2.3", "10.9.9.9", "10.9.9.9"),
        ("10.1.2.3", "198.51.100.1, nonsense", "10.1.2.3"),
        ("10.1.2.3", "198.51.100.1:4711", "198.51.100.1"),
        ("10.1.2.3", "[2001:db8:1:2:3::4]:4711", "2001:db8:1:2::/64"),
        ("10.1.2.3", "x" * 100_000, "10.1.2.3"),
        ("::ffff:10.1.2.3", "198.51.100.1", "198.51.100.1"),
        ("fe80::1%eth0", None, "fe80::/64"),
        ("2001:db8::5", None, "2001:db8::/64"),
        ("", None, UNKNOWN),
        (None, "198.51.100.1", UNKNOWN),
    ],
)
def test_a_client_is_counted_by_the_address_that_a_trusted_proxy_saw(
    peer: str | None, forwarded: str | None, address: str
) -> None:
    assert Addresses(networks(["10.0.0.0/8"])).of(peer, forwarded) == address


def test_a_proxy_is_known_by_the_address_of_the_connection_alone() -> None:
    addresses = Addresses(networks(["10.0.0.0/8", "fd00::/8"]))
    assert [addresses.is_proxy(peer) for peer in ("10.1.2.3", "fd00::1", "11.0.0.1", "nonsense", None)] == [
        True,
        True,
        False,
        False,
        False,
    ]
    assert not Addresses().is_proxy("10.1.2.3")


@pytest.mark.parametrize(
    "url",
    [
        "https://id.example",
        "https://id.example:8443/realms/a?x=1",
        "http://localhost:8000",
        "http://127.0.0.1/x",
        "http://[::1]:9",
    ],
)
def test_tls_and_this_machine_are_safe(url: str) -> None:
    assert is_safe_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "https://",
        "http://id.example",
        "http://localhost.example",
        "http://127.0.0.1.example",
        "http://localhost@id.example",
        "https://user:secret@id.example",
        "https://id.example/#part",
        "https://id.example:0",
        "https://id.example:x",
        "ftp://localhost",
        "file:///etc/passwd",
        "//id.example",
        "https://[::1",
    ],
)
def test_all_else_is_not(url: str) -> None:
    assert not is_safe_url(url)
