"""A world to walk in: a real SQLite file, a runtime on the test's loop, and all that was told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from walkwire.ids import PUBLIC_ROOT, new_id
from walkwire.store import Store, UserRecord
from walkwire.stores import open_store
from walkwire.walk.audience import Addressees
from walkwire.walk.registry import Registry
from walkwire.walk.run.answer import WalkAnswer
from walkwire.walk.run.request import Entry, WalkRequest
from walkwire.walk.run.runtime import Runtime, RuntimeLimits
from walkwire.walk.run.threads import Mailbox
from walkwire.walk.unit.outbox import EntriesOf


class World:
    def __init__(self, store: Store, program: Any, entries_of: EntriesOf | None = None) -> None:
        self.store = store
        registry = Registry()
        registry.add_all(vars(program).values())
        self.told: list[tuple[Addressees, Any]] = []
        self.news = asyncio.Event()
        self._mailbox = Mailbox(asyncio.get_running_loop())
        self.runtime = Runtime(
            store,
            registry,
            self._mailbox,
            notify=self._notify,
            limits=RuntimeLimits(threads=8),
            users=store,
            on_tasks=self.news.set,
            entries_of=entries_of,
        )

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
    ) -> WalkAnswer:
        request = WalkRequest(walker, lambda: dict(fields), root, Entry(node), client_id=client)
        return await self.runtime.run(request)

    async def reports(
        self, walker: type, node: str | None = None, root: str = PUBLIC_ROOT, **fields: Any
    ) -> Any:
        return json.loads((await self.answer(walker, node, root, **fields)).body)["reports"]

    def _notify(self, addressees: Addressees, data: bytes) -> None:
        self._mailbox.post(self.told.append, (addressees, json.loads(data)))


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
