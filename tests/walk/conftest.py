"""A world to walk in: a real SQLite file, a runtime on the test's loop, and all that was told."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from walkwire.ids import PUBLIC_ROOT, new_id
from walkwire.store import Store, UserRecord
from walkwire.stores import open_store
from walkwire.walk.context import Audience
from walkwire.walk.registry import Registry
from walkwire.walk.run.runtime import Answer, Order, Runtime


class World:
    def __init__(self, store: Store, program: Any) -> None:
        self.store = store
        registry = Registry()
        registry.add_all(vars(program).values())
        self.runtime = Runtime(store, registry, threads=8, accounts=store)
        self.told: list[tuple[Audience, Any]] = []

    def user(self) -> str:
        """A new user's root id."""
        user = UserRecord(new_id(), f"{new_id()}@example.com", "hash", new_id())
        self.store.add_user(user)
        return user.root_id

    async def answer(
        self,
        walker: type,
        node: str | None = None,
        root: str = PUBLIC_ROOT,
        client: str | None = None,
        **fields: Any,
    ) -> Answer:
        def tell(audience: Audience, data: bytes) -> None:
            self.runtime.mailbox.post(self.told.append, (audience, json.loads(data)))

        return await self.runtime.run(Order(walker, lambda: dict(fields), root, tell, node, client))

    async def reports(
        self, walker: type, node: str | None = None, root: str = PUBLIC_ROOT, **fields: Any
    ) -> Any:
        return json.loads((await self.answer(walker, node, root, **fields)).body)["reports"]


@pytest.fixture
def store(tmp_path: Path) -> Any:
    opened = open_store(f"sqlite:///{tmp_path}/graph.db")
    yield opened
    opened.close()


@pytest.fixture
def make_world() -> type[World]:
    """For tests that need several."""
    return World


@pytest.fixture
async def world(store: Store, request: pytest.FixtureRequest) -> AsyncIterator[World]:
    """The classes of the test's own module are the program."""
    made = World(store, request.module)
    yield made
    assert await made.runtime.stop(5)
