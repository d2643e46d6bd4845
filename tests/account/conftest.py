"""An account room over a real store, with passwords that cost nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from walkwire.store import Store
from walkwire.stores import open_store


class PlainHasher:
    """A hash that shows what it is of; counts what it was asked."""

    def __init__(self) -> None:
        self.compared: list[str] = []

    def hash(self, password: str) -> str:
        return f"hash of {password}"

    def verify(self, password: str, hash: str) -> bool:
        self.compared.append(hash)
        return hash == f"hash of {password}"


class Clock:
    """Time that stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(f"sqlite:///{tmp_path / 'accounts.db'}")
    yield opened
    opened.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def hasher() -> PlainHasher:
    return PlainHasher()
