"""The HTTP side of a server, without a socket: real accounts over a real store, and a walk that only notes what it was asked."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from walkwire.account.accounts import Accounts
from walkwire.account.auth import Auth
from walkwire.account.password import Passwords
from walkwire.account.revocation import Revocation
from walkwire.account.service import Services
from walkwire.account.session import Sessions
from walkwire.account.ticket import Tickets
from walkwire.account.token import Tokens
from walkwire.account.user import Users
from walkwire.account.webhook import Webhooks
from walkwire.addresses import Addresses
from walkwire.brokers.memory import MemoryBroker
from walkwire.config import Config
from walkwire.server.browser.cookie import Cookies
from walkwire.server.http.api import Operations, make_api
from walkwire.server.http.files.serve import Files
from walkwire.server.http.files.site import Site
from walkwire.server.http.health import Health
from walkwire.server.http.walkers.rest import Walkers
from walkwire.server.metering import open_meters
from walkwire.store import Asking, Store
from walkwire.stores import open_store
from walkwire.walk.run.answer import WalkAnswer
from walkwire.wire.hub import Hub
from walkwire.wire.wire import Wire

NOTHING = WalkAnswer(200, b'{"status":200,"reports":[]}')
EMAIL, PASSWORD = "ada@example.com", "secret"


class PlainHasher:
    """A hash that costs nothing."""

    async def hash(self, password: str) -> str:
        return f"hash of {password}"

    async def verify(self, password: str, hash: str) -> bool:
        return hash == f"hash of {password}"

    async def close(self) -> None:
        pass


@dataclass
class Asked:
    """A walk that notes what it is asked and gives the answer that the test has laid out, or raises it."""

    answer: WalkAnswer | Exception = NOTHING
    walkers: list[type] = field(default_factory=list)
    values: list[dict[str, Any]] = field(default_factory=list)
    roots: list[str] = field(default_factory=list)
    nodes: list[str | None] = field(default_factory=list)

    async def __call__(
        self,
        walker: type,
        values: dict[str, Any],
        root_id: str,
        node: str | None,
        kinds: frozenset[str] | None = None,
        key: str | None = None,
    ) -> WalkAnswer:
        self.walkers.append(walker)
        self.values.append(values)
        self.roots.append(root_id)
        self.nodes.append(node)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(f"sqlite:///{tmp_path / 'test.db'}")
    yield opened
    opened.close()


@pytest.fixture
async def asking() -> AsyncIterator[Asking]:
    async with Asking() as made:
        yield made


@pytest.fixture
async def revocation(store: Store, asking: Asking, hub: Hub) -> AsyncIterator[Revocation]:
    made = Revocation(store, asking, hub)
    yield made
    await made.stop()


@pytest.fixture
def auth(revocation: Revocation) -> Auth:
    return Auth(Tokens(b"s" * 32), revocation)


@pytest.fixture
def sessions(store: Store, asking: Asking, revocation: Revocation) -> Sessions:
    return Sessions(store, asking, Tokens(b"s" * 32), revocation)


@pytest.fixture
async def users(
    store: Store, asking: Asking, revocation: Revocation, sessions: Sessions
) -> AsyncIterator[Users]:
    passwords = Passwords(PlainHasher())
    made = Users(store, asking, passwords, sessions, revocation)
    yield made
    await passwords.close()


@pytest.fixture
def asked() -> Asked:
    return Asked()


@pytest.fixture
def wire() -> Wire:
    return Wire(MemoryBroker())


@pytest.fixture
def hub(wire: Wire) -> Hub:
    return wire.hub


@pytest.fixture
def services(store: Store, asking: Asking) -> Services:
    return Services(store, asking)


@pytest.fixture
def accounts(
    store: Store,
    asking: Asking,
    users: Users,
    sessions: Sessions,
    auth: Auth,
    services: Services,
    revocation: Revocation,
) -> Accounts:
    tickets, webhooks = Tickets(store, asking, auth, b"s" * 32), Webhooks(store, asking, b"s" * 32)
    return Accounts(auth, users, sessions, services, tickets, webhooks, revocation)


Serve = Callable[..., httpx.AsyncClient]


@pytest.fixture
async def serve(accounts: Accounts, wire: Wire, asked: Asked) -> AsyncIterator[Serve]:
    """`serve(walker, …, config=…, site=…)` gives a client of a server that has these walkers."""
    clients: list[httpx.AsyncClient] = []
    opened = ExitStack()

    def start(*walkers: type, config: Config | None = None, site: Site | None = None) -> httpx.AsyncClient:
        named = {walker.__name__: walker for walker in walkers}
        config, health = config or Config(), Health(wire.peers)
        meters = open_meters(config)
        meters.add_server(wire, health, list)
        walkers = Walkers(asked, accounts, named, with_returns=config.show_endpoint_returns)
        operations = Operations(
            health,
            wire.hub,
            Cookies(b"s" * 32, is_secure=False),
            files=None if site is None else opened.enter_context(closing(Files(site))),
            metrics=meters.render,
            on_refusal=meters.on_refusal,
            address_of=Addresses(config.trusted_proxies).of,
        )
        api = make_api(config, walkers, accounts, operations)
        transport = httpx.ASGITransport(api, raise_app_exceptions=True)
        clients.append(httpx.AsyncClient(transport=transport, base_url="http://test"))
        return clients[-1]

    yield start
    for client in clients:
        await client.aclose()
    opened.close()


@pytest.fixture
def bearer(users: Users) -> Callable[[], Awaitable[dict[str, str]]]:
    """Gives the header of a new user who is signed in."""

    async def sign_in() -> dict[str, str]:
        await users.register(EMAIL, PASSWORD)
        session = await users.login(EMAIL, PASSWORD)
        assert session is not None
        return {"Authorization": f"Bearer {session.token}"}

    return sign_in
