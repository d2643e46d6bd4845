"""What leaves at once was so: all that the walk had read by then was of one moment."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any

import pytest

from walkwire import Node, Root, Walker, commit, jid, jobj, on_entry, socket
from walkwire.dialect.anchors import NodeAnchor
from walkwire.errors import Conflict
from walkwire.ids import PUBLIC_ROOT
from walkwire.walk.run.request import RunOptions, WalkRequest


class Counter(Node):
    n: int = 0


class make(Walker):
    @on_entry
    def two(self, here: Root) -> None:
        self.report([jid(here.connect(Counter())) for _ in range(2)])


class add_to_both(Walker):
    pair: list[str]

    @on_entry
    def add(self, here: Root) -> None:
        for one in self.pair:
            jobj(one).n += 1


@pytest.fixture
async def pair(world: Any) -> list[str]:
    (made,) = await world.reports(make)
    found: list[str] = made
    return found


def interfering(world: Any, pair: list[str]) -> Callable[[], None]:
    """A function that adds to both, called in a walk."""
    loop = asyncio.get_running_loop()
    return lambda: asyncio.run_coroutine_threadsafe(world.reports(add_to_both, pair=pair), loop).result(5)


def told(world: Any) -> list[Any]:
    return [data for _, data in world.told]


class Checks:
    """Counts the checks of a store."""

    def __init__(self, store: Any) -> None:
        self.count = 0
        self._check, store.check = store.check, self.check

    def check(self, reads: Any) -> None:
        self.count += 1
        self._check(reads)


async def test_a_torn_pair_is_not_told_and_the_walk_is_run_again(world: Any, pair: list[str]) -> None:
    interfere, runs = interfering(world, pair), []

    class tell(Walker):
        @on_entry
        def both(self, here: Root) -> None:
            first = jobj(pair[0]).n
            runs.append(first)
            if len(runs) == 1:
                interfere()
            socket.notify_channels(["x"], [first, jobj(pair[1]).n])

    await world.answer(tell)

    assert told(world) == [[1, 1]]
    assert runs == [0, 1]


async def test_a_program_that_swallows_it_tells_nothing_either(world: Any, pair: list[str]) -> None:
    interfere, runs = interfering(world, pair), []

    class tell(Walker):
        @on_entry
        def both(self, here: Root) -> None:
            first = jobj(pair[0]).n
            runs.append(first)
            if len(runs) == 1:
                interfere()
            for _ in range(2):
                try:
                    socket.notify_channels(["x"], [first, jobj(pair[1]).n])
                except Exception:
                    self.report("swallowed")
            here.connect(Counter(9))
            socket.notify_channels(["x"], "held")
            self.report(first)

    assert await world.reports(tell) == [1]
    assert told(world) == [[1, 1], [1, 1], "held"]


async def test_with_rerun_off_it_is_a_conflict(world: Any, pair: list[str]) -> None:
    interfere = interfering(world, pair)

    class tell(Walker):
        @on_entry
        def both(self, here: Root) -> None:
            first = jobj(pair[0]).n
            interfere()
            socket.notify_channels(["x"], [first, jobj(pair[1]).n])

    request = WalkRequest(tell, dict, PUBLIC_ROOT, options=RunOptions(may_retry=False))
    with pytest.raises(Conflict):
        await world.runtime.run(request)
    assert world.told == []


async def test_after_a_commit_it_is_a_conflict_where_it_was_tried(world: Any, pair: list[str]) -> None:
    interfere, raised = interfering(world, pair), []

    class tell(Walker):
        @on_entry
        def both(self, here: Root) -> None:
            here.connect(Counter(9))
            commit()
            first = jobj(pair[0]).n
            interfere()
            try:
                socket.notify_channels(["x"], [first, jobj(pair[1]).n])
            except Conflict:
                raised.append(True)
                raise

    with pytest.raises(Conflict):
        await world.answer(tell)
    assert raised == [True]
    assert told(world) == []


async def test_what_is_to_leave_in_any_case_is_not_checked(world: Any, pair: list[str]) -> None:
    interfere, checks = interfering(world, pair), Checks(world.store)

    class tell(Walker):
        @on_entry
        def both(self, here: Root) -> None:
            first = jobj(pair[0]).n
            if not told(world):
                interfere()
            seen = [first, jobj(pair[1]).n]
            socket.notify_self(seen)
            socket.notify_channels(["x"], seen, now=True)
            assert checks.count <= 1  # that of an earlier run's end

    await world.answer(tell, client="me")

    assert told(world)[:2] == [[0, 1], [0, 1]]


async def test_nothing_is_asked_where_one_look_was_enough_or_nothing_was_read_since(
    world: Any, pair: list[str]
) -> None:
    checks, counts = Checks(world.store), []

    def tell_and_count(what: Any) -> None:
        socket.notify_channels(["x"], what)
        counts.append(checks.count)

    class tell(Walker):
        @on_entry
        def often(self, here: Root) -> None:
            tell_and_count("nothing read")
            tell_and_count([one.n for one in here.out(Counter)])
            tell_and_count("again")
            tell_and_count(NodeAnchor.Collection.count({"name": "Counter"}))
            tell_and_count("again")
            tell_and_count(jobj(pair[0]).n)  # is here already
            tell_and_count(len(here.out()))

    await world.answer(tell)

    assert counts == [0, 0, 0, 1, 1, 1, 2]
    assert checks.count == 2  # at its end the walk has read nothing since


async def test_in_a_snapshot_nothing_is_asked(world: Any, pair: list[str]) -> None:
    interfere, checks, runs = interfering(world, pair), Checks(world.store), []

    class read(Walker):
        @on_entry
        def both(self, here: Root) -> None:
            first = jobj(pair[0]).n
            runs.append(first)
            interfere()
            socket.notify_channels(["x"], [first, jobj(pair[1]).n])

    await world.answer(read)

    assert runs == [0, 1]
    assert told(world) == [[1, 1]]
    assert checks.count == 1


async def test_the_walk_of_an_async_ability_is_checked_as_well(world: Any, pair: list[str]) -> None:
    runs = []

    class tell(Walker):
        @on_entry
        async def both(self, here: Root) -> None:
            first = jobj(pair[0]).n
            runs.append(first)
            if len(runs) == 1:
                await asyncio.wrap_future(
                    asyncio.run_coroutine_threadsafe(world.reports(add_to_both, pair=pair), loop)
                )
            socket.notify_channels(["x"], [first, jobj(pair[1]).n])

    loop = asyncio.get_running_loop()
    await world.answer(tell)

    assert told(world) == [[1, 1]]


async def test_of_200_readers_beside_writers_none_tells_what_never_was(world: Any, pair: list[str]) -> None:
    class tell(Walker):
        @on_entry
        def both(self, here: Root) -> None:
            numbers = [jobj(one).n for one in pair]
            socket.notify_channels(["x"], numbers)
            socket.notify_channels(["x"], [*reversed(numbers)])
            socket.notify_channels(["x"], [one.n for one in here.out(Counter)])

    chance = random.Random(5)
    walks = [(tell, {})] * 200 + [(add_to_both, {"pair": pair})] * 200
    chance.shuffle(walks)
    await asyncio.gather(*(world.answer(walker, **fields) for walker, fields in walks))

    assert len(told(world)) >= 600
    assert [pair for pair in told(world) if pair[0] != pair[1]] == []
