"""The durable history over real databases: pages as a history gives them, subscriptions, streams that ended, a database away."""

from __future__ import annotations

import asyncio
from asyncio import Future
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

import pytest

from tests.databases import ENGINES, database
from walkwire.errors import Busy, Unreached
from walkwire.histories import durable
from walkwire.histories.durable import DurableHistory
from walkwire.history import Entry, Mark, Page, Retention
from walkwire.store import QUIET_SECONDS, Asking, Changes, Reads, Store, StreamBound, StreamEntry
from walkwire.stores import open_store

LEVEL = Retention(100, 3600.0, is_durable=True)


class Subscribed:
    """Notes the topics that are subscribed. Subscriptions are in force a turn later."""

    def __init__(self) -> None:
        self.topics: set[str] = set()

    def subscribe(self, topics: Iterable[str]) -> None:
        self.topics.update(topics)

    def unsubscribe(self, topics: Iterable[str]) -> None:
        self.topics.difference_update(topics)

    def when_subscribed(self) -> Future[None] | None:
        loop = asyncio.get_running_loop()
        future: Future[None] = loop.create_future()
        loop.call_soon(future.set_result, None)
        return future


@pytest.fixture(params=ENGINES)
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    with database(request.param, tmp_path) as url:
        opened = open_store(url)
        yield opened
        opened.close()


@pytest.fixture
def subscribed() -> Subscribed:
    return Subscribed()


@pytest.fixture
async def history(store: Store, subscribed: Subscribed) -> AsyncIterator[DurableHistory]:
    async with Asking() as asking:
        made = DurableHistory(store, asking, subscribed, lambda topic: f"r.{topic}")
        await made.start(lambda *heard: None, lambda: None)
        yield made
        await made.stop()


def append(store: Store, *messages: bytes, topic: str = "c.den") -> None:
    entries = [StreamEntry(topic, message, StreamBound(LEVEL.most, LEVEL.seconds)) for message in messages]
    store.commit(Reads(), Changes(entries=entries), lambda: None)


async def test_what_commits_append_is_read_in_pages(history: DurableHistory, store: Store) -> None:
    marks = await history.open({"c.den": LEVEL, "c.hall": LEVEL})
    start = marks["c.den"]
    assert start.offset == 0
    assert start.epoch != marks["c.hall"].epoch
    append(store, b"one", b"two", b"three")

    tail = start._replace(offset=3)
    assert await history.tails(["c.den", "c.hall"]) == {"c.den": tail, "c.hall": marks["c.hall"]}
    page = await history.read("c.den", 2, after=start)
    assert page == Page(tail, (Entry(1, b"one"), Entry(2, b"two")), False, True)
    page = await history.read("c.den", 2, upto=start._replace(offset=2))
    assert page == Page(tail, (Entry(1, b"one"), Entry(2, b"two")))
    assert (await history.read("c.den", 1)).entries == (Entry(3, b"three"),)
    assert await history.read("c.den", 9, after=Mark("other", 1)) == Page(tail, (), has_gap=True)
    assert (await history.read("c.none", 9, after=start)).has_gap
    assert not (await history.read("c.none", 9)).has_gap


async def test_a_topic_is_subscribed_before_its_tail_is_read_and_until_it_is_closed(
    history: DurableHistory, subscribed: Subscribed
) -> None:
    opening = asyncio.create_task(history.open({"c.den": LEVEL}))
    await asyncio.sleep(0)
    assert subscribed.topics == {"r.c.den"}
    await opening
    history.close(["c.den"])
    assert subscribed.topics == set()


async def test_a_stream_that_is_removed_while_it_is_open_begins_again(
    history: DurableHistory, store: Store
) -> None:
    start = (await history.open({"c.den": LEVEL}))["c.den"]
    while store.trim_stream(store.now() + QUIET_SECONDS + 10):
        pass
    assert store.stream_tails(["c.den"]) == {}

    again = (await history.tails(["c.den"]))["c.den"]
    assert again.epoch != start.epoch
    assert (await history.read("c.den", 9, after=start)).has_gap


async def test_what_is_no_longer_kept_is_removed_in_the_background(
    history: DurableHistory, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(durable, "TRIM_SECONDS", 0.01)
    await history.stop()
    append(store, *(b"%d" % number for number in range(150)))
    append(store, *(b"%d" % number for number in range(150)))
    await history.start(lambda *heard: None, lambda: None)
    async with asyncio.timeout(30):
        while len((await history.read("c.den", 1000)).entries) > LEVEL.most:  # asks in a thread
            pass


class AwayStore:
    """A store whose database is away, or broken."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def __getattr__(self, name: str) -> Any:
        def fail(*_: object) -> None:
            raise self._error

        return fail


@pytest.mark.parametrize("error", [Busy(), ValueError("broken")])
async def test_a_database_that_cannot_be_asked_is_unreached(error: Exception, subscribed: Subscribed) -> None:
    async with Asking() as asking:
        history = DurableHistory(AwayStore(error), asking, subscribed, lambda topic: topic)  # type: ignore[arg-type]
        for asked in (
            history.open({"c.den": LEVEL}),
            history.tails(["c.den"]),
            history.read("c.den", 1),
        ):
            with pytest.raises(Unreached):
                await asked
