"""What is cached about the rights on nodes: for how long, what messages change, and what a read may have missed."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import pytest

from walkwire.errors import Busy
from walkwire.server.channels import facts as module
from walkwire.server.channels.facts import AWAY_SECONDS, WATCHED_SECONDS, NodeFacts
from walkwire.store import Asking, NodeRecord
from walkwire.walk.access import RightsChange, granted

OWNER, BOARD, OTHER = "1" * 24, "b" * 24, "c" * 24
READ_BY_ALL = '{"all":0,"roots":{}}'


class Store:
    """Some nodes. `is_failing` raises, and `gate` holds the first of the two queries of a read up."""

    def __init__(self) -> None:
        self.nodes = {
            OWNER: NodeRecord(OWNER, "", OWNER, 1, "{}"),
            BOARD: NodeRecord(BOARD, "Board", OWNER, 1, "{}"),
        }
        self.reads: list[list[str]] = []
        self.is_failing = False
        self.gate = threading.Event()
        self.gate.set()
        self.is_reading = threading.Event()

    def load_nodes(self, ids: Sequence[str]) -> list[NodeRecord]:
        self.reads.append(list(ids))
        found = [self.nodes[id] for id in ids if id in self.nodes]
        self.is_reading.set()
        assert self.gate.wait(30)
        if self.is_failing:
            raise Busy
        return found

    def change(self, id: str, access: str | None) -> RightsChange:
        old = self.nodes[id]
        self.nodes[id] = old._replace(version=old.version + 1, access=access)
        return RightsChange(id, old.version + 1, old.kind, old.owner, access)


class Cache:
    def __init__(self, asking: Asking) -> None:
        self.store = Store()
        self.now = 0.0
        self.away: str | None = None
        self.changed: list[str] = []
        self.forgotten: list[str] = []
        self.facts = NodeFacts(
            self.store,
            asking,
            on_change=self.changed.append,
            on_forget=self.forgotten.append,
            decides=lambda kind: kind == "Sealed",
            away=lambda: self.away,
            clock=lambda: self.now,
        )

    def version(self, id: str = BOARD) -> int | None:
        fact = self.facts.peek(id)
        return None if fact is None else fact.version


@pytest.fixture
async def cache(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Cache]:
    monkeypatch.setattr("walkwire.store.asking.TICK", 0.001)
    async with Asking() as asking:
        made = Cache(asking)
        yield made
        await made.facts.stop()


async def until(is_so: Callable[[], Any]) -> None:
    async with asyncio.timeout(30):
        while not is_so():  # noqa: ASYNC110 - nobody is told
            await asyncio.sleep(0.001)


async def test_many_questions_at_once_are_one_read_of_nodes_and_one_of_their_owners(cache: Cache) -> None:
    await asyncio.gather(*(cache.facts.ask([BOARD, OTHER]) for _ in range(5)))
    assert cache.store.reads == [[BOARD, OTHER], [OWNER]]
    assert (cache.version(), cache.version(OWNER), cache.version(OTHER)) == (1, 1, None)
    await cache.facts.ask([BOARD])
    assert len(cache.store.reads) == 2


async def test_what_nobody_watches_is_forgotten(cache: Cache) -> None:
    await cache.facts.ask([BOARD])
    cache.now = WATCHED_SECONDS
    assert cache.facts.find(BOARD) is None
    await until(lambda: cache.facts.peek(BOARD) is None and cache.facts.peek(OWNER) is None)
    assert BOARD in cache.forgotten
    await until(lambda: cache.facts.is_empty)


async def test_what_is_watched_is_read_again_in_time(cache: Cache) -> None:
    cache.facts.watch(BOARD)
    await until(lambda: cache.version() == 1)
    cache.store.change(BOARD, READ_BY_ALL)  # by another process, which tells nobody
    cache.now = WATCHED_SECONDS
    await until(lambda: cache.version() == 2)
    assert cache.changed == [BOARD, BOARD]
    # While the broker is away, sooner
    cache.away = "the broker is unreachable"
    await asyncio.sleep(0.01)
    cache.store.change(BOARD, None)
    cache.now += AWAY_SECONDS
    await until(lambda: cache.version() == 3)
    del cache.store.nodes[BOARD]
    cache.now += AWAY_SECONDS
    await until(lambda: cache.version() == 0)


async def test_a_return_of_the_broker_has_everything_read_again(cache: Cache) -> None:
    cache.facts.watch(BOARD)
    await until(lambda: cache.version() == 1)
    cache.store.change(BOARD, READ_BY_ALL)
    cache.facts.recheck()
    await until(lambda: cache.version() == 2)


async def test_a_message_changes_what_is_known_at_once_and_an_old_one_changes_nothing(cache: Cache) -> None:
    cache.facts.watch(BOARD)
    await until(lambda: cache.version() == 1)
    cache.changed.clear()
    first, second = cache.store.change(BOARD, READ_BY_ALL), cache.store.change(BOARD, None)
    cache.facts.hear([second])
    cache.facts.hear([first, RightsChange(OTHER, 5, "Board", OWNER, READ_BY_ALL)])
    assert (cache.version(), cache.version(OTHER)) == (3, None)
    fact = cache.facts.find(BOARD)
    assert fact is not None
    assert fact.grants is None
    # The root of the owner: all of the owner's nodes
    cache.changed.clear()
    cache.facts.hear([cache.store.change(OWNER, READ_BY_ALL)])
    assert cache.changed == [BOARD]
    # The end of the node is final
    cache.facts.hear([RightsChange(BOARD)])
    cache.facts.hear([RightsChange(BOARD, 9, "Board", OWNER, READ_BY_ALL)])
    assert cache.version() == 0


async def test_a_read_does_not_undo_a_message_that_came_meanwhile(cache: Cache) -> None:
    cache.store.gate.clear()
    asking = asyncio.create_task(cache.facts.ask([BOARD]))
    await until(cache.store.is_reading.is_set)  # the read has taken the old record
    cache.facts.hear([cache.store.change(BOARD, READ_BY_ALL)])
    cache.store.gate.set()
    await asking
    fact = cache.facts.find(BOARD)
    assert fact is not None
    assert (fact.version, fact.grants) == (2, granted(None, None, 0))  # type: ignore[arg-type]


async def test_a_message_does_not_make_old_facts_younger(cache: Cache) -> None:
    cache.facts.watch(BOARD)
    await until(lambda: cache.version() == 1)
    cache.facts.recheck()
    cache.facts.hear([cache.store.change(BOARD, READ_BY_ALL)])
    cache.store.change(OWNER, READ_BY_ALL)  # told while the broker was away
    await until(lambda: cache.version(OWNER) == 2)
    # A root that becomes a channel of its own is known to the nodes of its owner meanwhile
    cache.now = WATCHED_SECONDS
    cache.facts.watch(OWNER)
    assert cache.facts.peek(OWNER) is not None


async def test_while_the_store_fails_what_was_read_counts_and_nothing_new_is_known(cache: Cache) -> None:
    cache.facts.watch(BOARD)
    await until(lambda: cache.version() == 1)
    cache.store.is_failing = True
    cache.facts.watch(OTHER)
    with pytest.raises(Busy):
        await cache.facts.ask([OTHER])
    cache.now = WATCHED_SECONDS * 3
    assert cache.facts.find(BOARD) is not None
    cache.store.nodes[OTHER] = NodeRecord(OTHER, "Board", OWNER, 1, "{}")
    cache.store.is_failing = False
    await until(lambda: cache.version(OTHER) == 1)


async def test_a_node_that_decides_by_itself_counts_as_changed_by_each_read(cache: Cache) -> None:
    cache.store.nodes[BOARD] = NodeRecord(BOARD, "Sealed", OWNER, 1, "{}")
    cache.facts.watch(BOARD)
    await until(lambda: cache.version() == 1)
    cache.now = WATCHED_SECONDS
    await until(lambda: len(cache.changed) == 2)


async def test_so_many_questions_wait_at_most(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WAITING", 2)
    with pytest.raises(Busy):
        await cache.facts.ask([BOARD, OTHER, OWNER])
