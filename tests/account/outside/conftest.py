"""A provider on a real port, and what asks it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.account.conftest import Clock, Sockets
from tests.openid import OpenIdProvider, open_provider
from walkwire.account.outside.fetch import Fetcher, open_fetcher
from walkwire.account.outside.provider import Provider
from walkwire.account.outside.token import OutsideTokens
from walkwire.account.outside.users import OutsideUsers
from walkwire.account.revocation import Revocation
from walkwire.store import Asking, Store


@pytest.fixture
async def provider() -> AsyncIterator[OpenIdProvider]:
    async with open_provider() as made:
        yield made


@pytest.fixture
async def fetcher() -> AsyncIterator[Fetcher]:
    async with open_fetcher() as made:
        yield made


@pytest.fixture
async def known(provider: OpenIdProvider, fetcher: Fetcher, clock: Clock) -> AsyncIterator[Provider]:
    """The clock is that of its keys. Tokens have the real time."""
    made = Provider(fetcher, provider.issuer, clock=clock)
    yield made
    await made.close()


@pytest.fixture
def tokens(known: Provider) -> OutsideTokens:
    return OutsideTokens(known, ["api", "other-api"], ["RS256", "ES256"])


@pytest.fixture
async def revocation(store: Store, asking: Asking) -> AsyncIterator[Revocation]:
    made = Revocation(store, asking, Sockets())
    yield made
    await made.stop()


@pytest.fixture
def users(store: Store, asking: Asking) -> OutsideUsers:
    return OutsideUsers(store, asking)
