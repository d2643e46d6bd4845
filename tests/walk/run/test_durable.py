"""Durable streams, as walks write them: with the commit, once, however often the walk is retried; at once, by themselves."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from tests.walk.conftest import World
from walkwire import Node, Root, Walker, commit, on_entry, socket
from walkwire.errors import CommitInDoubt, Limited, PublicError
from walkwire.store import Changes, Reads, Store, StreamBound, StreamEntry
from walkwire.walk.audience import Addressees

BOUND = StreamBound(1000, 3600.0)


class Thing(Node):
    number: int


class tell(Walker):
    number: int
    fails: bool = False
    now: bool = False

    @on_entry
    def do(self, here: Root) -> None:
        here.connect(Thing(number=self.number))
        socket.notify_channels(["room", "lobby"], self.number, now=self.now)
        if self.fails:
            raise PublicError("no", "No")


class tell_of_nothing(Walker):
    @on_entry
    def do(self, here: Root) -> None:
        thing = Thing(number=1)
        edge = here.connect(thing)
        socket.notify_channels(["room"], "of what came to nothing")
        socket.notify_channels(["lobby"], "and")
        del edge


class tell_at_once(Walker):
    @on_entry
    def do(self, here: Root) -> None:
        socket.notify_channels(["room"], "clean")
        here.connect(Thing(number=1))
        raise PublicError("no", "No")


class tell_in_two_commits(Walker):
    @on_entry
    def do(self, here: Root) -> None:
        here.connect(Thing(number=1))
        socket.notify_channels(["room"], "first")
        commit()
        here.connect(Thing(number=2))
        socket.notify_channels(["room"], "second")


class count(Walker):
    """Reads all and writes one: those who do it at once are retried."""

    is_async: bool = False

    @on_entry
    def do(self, here: Root) -> None:
        socket.notify_channels(["room"], "begun", now=True)
        number = len(here.out(Thing))
        here.connect(Thing(number=number))
        socket.notify_channels(["room"], number)


class tell_from_the_loop(Walker):
    @on_entry
    async def do(self, here: Root) -> None:
        await asyncio.sleep(0)
        socket.notify_channels(["room"], "clean")
        here.connect(Thing(number=1))
        socket.notify_channels(["room"], "held")


def entries_of(addressees: Addressees, data: bytes) -> Sequence[StreamEntry]:
    if addressees.kind != "channels" or "room" not in addressees.targets:
        return ()
    if len(data) > 1000:
        raise Limited("Too large")
    return [StreamEntry("c.room", data, BOUND)]


@pytest.fixture
async def world(store: Store, request: pytest.FixtureRequest) -> Any:
    made = World(store, request.module, entries_of)
    yield made
    assert await made.runtime.stop(5)


def stream(store: Store) -> list[bytes]:
    page = store.read_stream("c.room", 1000, 1 << 20, None, None)
    return [] if page is None else [message for _, message in page.entries]


def told(world: World) -> list[tuple[Any, list[int]]]:
    return [
        (data, [entry.place.offset for entry in addressees.entries if entry.place])
        for addressees, data in world.told
    ]


async def test_a_notification_is_written_by_the_commit_and_told_with_its_place(
    world: World, store: Store
) -> None:
    await world.answer(tell, number=1)
    await world.answer(tell, number=2)
    with pytest.raises(PublicError):
        await world.answer(tell, number=3, fails=True)

    assert stream(store) == [b"1", b"2"]
    assert told(world) == [(1, [1]), (2, [2])]
    assert world.told[0][0].targets == ("room", "lobby")


async def test_what_is_told_at_once_is_written_by_itself(world: World, store: Store) -> None:
    with pytest.raises(PublicError):
        await world.answer(tell_at_once)
    with pytest.raises(PublicError):
        await world.answer(tell, number=1, fails=True, now=True)
    assert stream(store) == [b'"clean"', b"1"]
    assert told(world) == [("clean", [1]), (1, [2])]


async def test_each_commit_of_a_walk_writes_what_was_told_since_the_one_before(
    world: World, store: Store
) -> None:
    await world.answer(tell_in_two_commits)
    assert stream(store) == [b'"first"', b'"second"']
    assert told(world) == [("first", [1]), ("second", [2])]


async def test_a_walk_that_loses_writes_nothing_and_its_retry_writes_once(world: World, store: Store) -> None:
    await asyncio.gather(*(world.answer(count) for _ in range(8)))
    written = stream(store)
    assert [each for each in written if each != b'"begun"'] == [b"%d" % number for number in range(8)]
    assert written.count(b'"begun"') == 8
    assert sorted(place for _, places in told(world) for place in places) == list(range(1, 17))


async def test_async_abilities_write_off_their_loop(world: World, store: Store) -> None:
    await world.answer(tell_from_the_loop)
    assert stream(store) == [b'"clean"', b'"held"']


async def test_what_is_too_large_fails_the_walk(world: World, store: Store) -> None:
    class tell_much(Walker):
        @on_entry
        def do(self, here: Root) -> None:
            here.connect(Thing(number=1))
            socket.notify_channels(["room"], "x" * 2000)

    with pytest.raises(Limited):
        await world.answer(tell_much)
    assert stream(store) == []


async def test_nothing_is_told_of_a_commit_in_doubt(
    world: World, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = store.commit

    def commit_and_lose_the_answer(reads: Reads, changes: Changes, then: Any, mine: Any = ()) -> None:
        make(reads, changes, lambda: None, mine)
        raise CommitInDoubt

    monkeypatch.setattr(store, "commit", commit_and_lose_the_answer)
    monkeypatch.setattr(store, "commit_all", None)
    with pytest.raises(CommitInDoubt):
        await world.answer(tell, number=1)
    assert world.told == []
    assert stream(store) == [b"1"]  # whoever listens finds it there
