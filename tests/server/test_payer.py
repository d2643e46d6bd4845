"""By which address a request counts."""

from __future__ import annotations

from typing import Any

from starlette.types import Receive, Scope, Send

from walkwire.addresses import Addresses, networks
from walkwire.server.payer import address_of_request, noting_requests


async def test_a_request_counts_by_its_address_behind_trusted_proxies_too() -> None:
    address_of = Addresses(networks(["10.0.0.1"])).of
    seen: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(address_of_request(address_of))

    noting: Any = noting_requests(app)
    headers = [(b"x-forwarded-for", b"192.0.2.1"), (b"x-forwarded-for", b"192.0.2.2")]
    for scope in (
        {"type": "http", "client": ("192.0.2.9", 1), "headers": headers},
        {"type": "http", "client": ("10.0.0.1", 1), "headers": headers},
        {"type": "http", "client": None, "headers": []},
        {"type": "lifespan"},
    ):
        await noting(scope, None, None)
    assert seen == ["192.0.2.9", "192.0.2.2", "", ""]
