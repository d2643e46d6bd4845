"""An account room over a real store, with passwords that cost nothing and sockets that are only noted."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from walkwire.account.revocation import Revocation
from walkwire.account.session import Sessions
from walkwire.account.token import Tokens
from walkwire.store import Asking, Store
from walkwire.stores import open_store


class PlainHasher:
    """A hash that shows what it is of; counts what it was asked."""

    def __init__(self) -> None:
        self.compared: list[str] = []

    async def hash(self, password: str) -> str:
        return f"hash of {password}"

    async def verify(self, password: str, hash: str) -> bool:
        self.compared.append(hash)
        return hash == f"hash of {password}"

    async def close(self) -> None:
        pass


class Clock:
    """Time that stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Sockets:
    """The users with an open socket, and what a revocation asked for: who was signed out, what other servers were told."""

    here: set[str] = field(default_factory=set)
    signed_out: list[str] = field(default_factory=list)
    told: list[tuple[str, int]] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    told_ended: list[tuple[str, str]] = field(default_factory=list)
    away: str | None = None

    def is_here(self, root_id: str) -> bool:
        return root_id in self.here

    def sign_out(self, root_id: str, session: str | None = None) -> None:
        if session is not None:
            self.ended.append(session)
        elif root_id in self.here:
            self.here.remove(root_id)
            self.signed_out.append(root_id)

    def tell_revoked(self, root_id: str, token_generation: int) -> None:
        self.told.append((root_id, token_generation))

    def tell_ended(self, root_id: str, session: str) -> None:
        self.told_ended.append((root_id, session))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(f"sqlite:///{tmp_path / 'accounts.db'}")
    yield opened
    opened.close()


@pytest.fixture
async def asking() -> AsyncIterator[Asking]:
    async with Asking() as made:
        yield made


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tokens(clock: Clock) -> Tokens:
    return Tokens(b"s" * 32, clock)


@pytest.fixture
def sockets() -> Sockets:
    return Sockets()


@pytest.fixture
async def revocation(
    store: Store, asking: Asking, sockets: Sockets, clock: Clock
) -> AsyncIterator[Revocation]:
    made = Revocation(store, asking, sockets, clock)
    yield made
    await made.stop()


@pytest.fixture
def sessions(store: Store, asking: Asking, tokens: Tokens, revocation: Revocation, clock: Clock) -> Sessions:
    return Sessions(store, asking, tokens, revocation, clock=clock)


@pytest.fixture
def hasher() -> PlainHasher:
    return PlainHasher()
