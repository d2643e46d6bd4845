"""The record of a walk: its steps, what each of them read and wrote, and what was told."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from walkwire import Edge, Node, Root, Walker, commit, on_entry, on_exit, socket
from walkwire.errors import NoAccess
from walkwire.walk.unit.record import WalkRecord, Watcher


class Stop(Node):
    name: str = ""
    seen: int = 0


class Road(Edge):
    length: int = 1


class build(Walker):
    names: list[str] = []

    @on_entry
    def build(self, here: Root) -> None:
        at: Any = here
        for name in self.names:
            at = at.connect(Stop(name), Road())
        self.report(at)


class tour(Walker):
    @on_entry
    def go(self, here: Root) -> None:
        self.visit(here.out(Stop))

    @on_entry
    def see(self, here: Stop) -> None:
        here.seen += 1
        socket.notify_channels(["tour"], {"at": here.name})
        self.visit(here.out(Stop))

    @on_exit
    def leave(self, here: Stop) -> None:
        self.report(here.name)


class Onlooker(Watcher):
    def __init__(self) -> None:
        self.begun_names: list[str] = []
        self.records: list[WalkRecord] = []

    def begun(self, record: WalkRecord) -> None:
        self.begun_names.append(record.walker)

    def ended(self, record: WalkRecord) -> None:
        self.records.append(record)


@pytest.fixture
def onlooker(world: Any) -> Onlooker:
    made = Onlooker()
    world.runtime.watchers.append(made)
    return made


def abilities(record: WalkRecord) -> list[tuple[str, str]]:
    return [(step.function.__name__, step.place.split(":")[1]) for step in record.steps]


async def test_a_walk_is_recorded_step_by_step(world: Any, onlooker: Onlooker) -> None:
    await world.reports(build, names=["a", "b"])
    await world.reports(tour)

    made, toured = onlooker.records
    assert onlooker.begun_names == ["build", "tour"]
    assert made.fields == '{"names":["a","b"]}'
    assert sorted(one.reference.split(":")[1] for one in made.written) == ["Road", "Road", "Stop", "Stop"]
    assert {one.deed for one in made.written} == {"made"}
    assert [len(one.ends) for one in made.written] == [0, 0, 2, 2]
    assert abilities(toured) == [
        ("go", ""),
        ("see", "Stop"),
        ("leave", "Stop"),
        ("see", "Stop"),
        ("leave", "Stop"),
    ]
    first, second = toured.steps[1], toured.steps[3]
    assert [deed for deed, _ in first.writes] == ["changed"]
    assert first.writes[0][1] == first.place != second.place
    assert [name for name, _ in first.reads] == [second.place, f"around {first.place}"]
    assert toured.steps[0].statements == 1
    assert toured.statements == 3
    assert next((one.before, one.after) for one in toured.written) == (
        '{"name":"a","seen":0}',
        '{"name":"a","seen":1}',
    )
    assert [(told.targets, told.data, told.step) for told in toured.told] == [
        (("tour",), '{"at":"a"}', 1),
        (("tour",), '{"at":"b"}', 3),
    ]
    assert toured.error is None
    assert (toured.status, toured.attempts) == (200, 1)
    assert all(step.seconds is not None and step.seconds >= 0 for step in toured.steps)


async def test_without_a_watcher_nothing_is_recorded(world: Any, onlooker: Onlooker) -> None:
    world.runtime.watchers.remove(onlooker)

    await world.reports(build, names=["a"])

    assert onlooker.begun_names == []


async def test_a_walk_that_fails_says_in_which_step(world: Any, onlooker: Onlooker) -> None:
    class fail(Walker):
        @on_entry
        def stumble(self, here: Root) -> None:
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await world.reports(fail)

    (record,) = onlooker.records
    assert isinstance(record.error, ValueError)
    assert [(step.function.__name__, step.seconds) for step in record.steps] == [("stumble", None)]


async def test_a_walk_that_is_refused_before_it_begins_is_told_too(world: Any, onlooker: Onlooker) -> None:
    with pytest.raises(NoAccess):
        await world.reports(tour, "n:Stop:" + "0" * 24)

    (record,) = onlooker.records
    assert isinstance(record.error, NoAccess)
    assert record.steps == []


async def test_inner_walks_have_steps_of_their_own(world: Any, onlooker: Onlooker) -> None:
    class outer(Walker):
        @on_entry
        def send(self, here: Root) -> None:
            inner().spawn(here)
            here.connect(Stop("after"))

    class inner(Walker):
        @on_entry
        def make(self, here: Root) -> None:
            here.connect(Stop("within"))

    await world.reports(outer)

    first, second = onlooker.records[0].steps
    assert (first.walker, first.depth, second.walker, second.depth) == ("outer", 0, "inner", 1)
    assert len(first.writes) == len(second.writes) == 2  # a node and an edge
    assert {name for _, name in first.writes}.isdisjoint(name for _, name in second.writes)


async def test_async_abilities_are_recorded(world: Any, onlooker: Onlooker) -> None:
    class slowly(Walker):
        @on_entry
        async def make(self, here: Root) -> None:
            await asyncio.sleep(0)
            here.connect(Stop("x"))

    await world.reports(slowly)

    (record,) = onlooker.records
    assert [len(step.writes) for step in record.steps] == [2]
    assert record.steps[0].seconds is not None


async def test_a_commit_in_the_middle_is_one_of_several(world: Any, onlooker: Onlooker) -> None:
    class twice(Walker):
        @on_entry
        def make(self, here: Root) -> None:
            here.connect(Stop("one"))
            commit()
            here.connect(Stop("two"))

    await world.reports(twice)

    (record,) = onlooker.records
    made = [one.after for one in record.written if one.reference.startswith("n:")]
    assert made == ['{"name":"one","seen":0}', '{"name":"two","seen":0}']


async def test_a_retry_is_counted_and_only_the_last_attempt_is_kept(world: Any, onlooker: Onlooker) -> None:
    await world.reports(build, names=["a"])

    await asyncio.gather(*(world.reports(tour) for _ in range(8)))

    records = onlooker.records[1:]
    assert sum(record.attempts for record in records) > len(records)
    assert all(len(record.steps) == 3 and len(record.told) == 1 for record in records)
    seen = sorted(record.written[0].after for record in records if record.written[0].after)
    assert seen == [f'{{"name":"a","seen":{n}}}' for n in range(1, 9)]
