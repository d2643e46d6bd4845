"""By which address a request counts."""

from __future__ import annotations

from walkwire.addresses import Addresses, networks
from walkwire.server.payer import address_of_request, note_request


def test_a_request_counts_by_its_address_behind_trusted_proxies_too() -> None:
    address_of = Addresses(networks(["10.0.0.1"])).of
    seen: list[str] = []
    headers = [(b"x-forwarded-for", b"192.0.2.1"), (b"x-forwarded-for", b"192.0.2.2")]
    for scope in (
        {"type": "http", "client": ("192.0.2.9", 1), "headers": headers},
        {"type": "http", "client": ("10.0.0.1", 1), "headers": headers},
        {"type": "http", "client": None, "headers": []},
        {"type": "lifespan"},
    ):
        note_request(scope)
        seen.append(address_of_request(address_of))
    assert seen == ["192.0.2.9", "192.0.2.2", "", ""]
