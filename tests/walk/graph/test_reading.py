"""Walks are serialisable in all that they look at: searches, tasks and users as well as records and neighbourhoods."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from walkwire import (
    BaseUser,
    Edge,
    Node,
    Root,
    Walker,
    create_task,
    delete,
    jobj,
    on_entry,
    save,
)
from walkwire.dialect.anchors import EdgeAnchor, NodeAnchor
from walkwire.dialect.names import allroots
from walkwire.ids import new_id
from walkwire.store import UserRecord


class Seat(Node):
    n: int = 0


class Other(Node):
    pass


class Road(Edge):
    pass


class tour(Walker):
    pass


class take_a_seat(Walker):
    """One of `seats`, if there is one."""

    seats: int

    @on_entry
    def take(self, here: Root) -> None:
        taken = NodeAnchor.Collection.count({"name": "Seat"})
        if taken < self.seats:
            save(Seat(taken))
        self.report(taken < self.seats)


class find_a_road(Walker):
    @on_entry
    def make(self, here: Root) -> None:
        if not EdgeAnchor.Collection.count({"name": "Road"}):
            here.connect(Seat(), Road)


class count(Walker):
    @on_entry
    def all(self, here: Root) -> None:
        self.report(sorted(anchor.archetype.n for anchor in NodeAnchor.Collection.find({"name": "Seat"})))
        self.report(EdgeAnchor.Collection.count({"name": "Road"}))


async def test_of_64_that_count_first_as_many_take_a_seat_as_there_are(world: Any) -> None:
    answers = await asyncio.gather(*(world.reports(take_a_seat, seats=16) for _ in range(64)))

    assert sorted(answers) == [[False]] * 48 + [[True]] * 16
    assert await world.reports(count) == [list(range(16)), 0]


async def test_64_that_all_find_a_seat_wait_and_none_fails(world: Any) -> None:
    answers = await asyncio.gather(*(world.reports(take_a_seat, seats=100) for _ in range(64)))

    assert answers == [[True]] * 64
    assert await world.reports(count) == [list(range(64)), 0]


async def test_of_many_that_found_no_edge_one_makes_it(world: Any) -> None:
    await asyncio.gather(*(world.reports(find_a_road) for _ in range(24)))

    assert await world.reports(count) == [[0], 1]


async def test_walks_that_make_without_a_search_wait_for_those_that_search_and_none_fails(world: Any) -> None:
    runs = []

    class make(Walker):
        @on_entry
        def one(self, here: Root) -> None:
            runs.append(1)
            here.connect(Seat(-1))

    makers = [world.reports(make) for _ in range(100)]
    takers = [world.reports(take_a_seat, seats=1000) for _ in range(20)]
    await asyncio.gather(*makers[:50], *takers, *makers[50:])

    ((*numbers,), _) = await world.reports(count)
    assert numbers[:100] == [-1] * 100
    assert len(set(numbers[100:])) == 20
    assert len(runs) == 100  # what they wait for does not concern them: they wait, and are not run again


def meanwhile(world: Any, walker: type[Walker]) -> Callable[[], None]:
    """A function that has another walk done, called in a walk."""
    loop = asyncio.get_running_loop()
    return lambda: asyncio.run_coroutine_threadsafe(world.reports(walker), loop).result(5)


class make_other(Walker):
    @on_entry
    def make(self, here: Root) -> None:
        save(Other())


class make_seat(Walker):
    @on_entry
    def make(self, here: Root) -> None:
        save(Seat())


class delete_seats(Walker):
    @on_entry
    def delete(self, here: Root) -> None:
        for anchor in NodeAnchor.Collection.find({"name": "Seat"}):
            delete(anchor.archetype)


@pytest.mark.parametrize(("other", "runs"), [(make_other, 1), (make_seat, 2), (delete_seats, 2)])
async def test_a_walk_is_run_again_only_for_records_of_the_class_it_searched(
    other: type[Walker], runs: int, world: Any
) -> None:
    await world.reports(make_seat)
    interfere, seen = meanwhile(world, other), []

    class look(Walker):
        @on_entry
        def then_write(self, here: Root) -> None:
            seen.append(NodeAnchor.Collection.count({"name": "Seat"}))
            if len(seen) == 1:
                interfere()
            here.connect(Other())

    await world.reports(look)

    assert len(seen) == runs


async def test_a_search_finds_what_is_stored_without_what_the_walk_deleted(world: Any) -> None:
    await world.reports(make_seat)
    counts = []

    class look(Walker):
        @on_entry
        def around(self, here: Root) -> None:
            find = NodeAnchor.Collection.find
            save(Seat(1))
            counts.append(NodeAnchor.Collection.count({"name": "Seat"}))  # a new one is not among them yet
            delete(next(find({"name": "Seat"})).archetype)
            counts.append(NodeAnchor.Collection.count({"name": "Seat"}))

    await world.reports(look)

    assert counts == [1, 0]
    assert await world.reports(count) == [[1], 0]


async def test_the_list_of_all_roots_is_checked(world: Any) -> None:
    seen = []

    class greet(Walker):
        @on_entry
        def everybody(self, here: Root) -> None:
            seen.append(len(allroots()))
            if len(seen) == 1:
                world.user()
            here.connect(Other())

    await world.reports(greet)

    assert seen == [1, 2]


async def test_the_state_of_a_task_is_checked(world: Any) -> None:
    class order(Walker):
        @on_entry
        def tour(self, here: Root) -> None:
            self.report(create_task(tour()))

    (reference,) = await world.reports(order)
    seen = []

    class look(Walker):
        @on_entry
        def then_write(self, here: Root) -> None:
            seen.append(jobj(reference).__jac__.schedule.status)
            if len(seen) == 1:
                world.store.begin_tasks("server", 5e9, 5e9, 1)
            here.connect(Other())

    await world.reports(look)

    assert seen == ["PENDING", "STARTED"]


async def test_the_users_that_a_walk_looked_for_are_checked(world: Any) -> None:
    seen = []

    class invite(Walker):
        @on_entry
        def unless_known(self, here: Root) -> None:
            found = BaseUser.Collection.find_by_email("Ada@example.com")
            seen.append(found and found.root_id)
            if found is None:
                world.store.add_user(UserRecord("a" * 24, "ada@Example.com", "hash", "b" * 24))
            here.connect(Other())

    await world.reports(invite)

    assert seen == [None, "b" * 24]


async def test_a_walk_that_looks_twice_and_sees_two_states_is_run_again(world: Any) -> None:
    """It may look until something comes: it is not shown the first answer for ever."""
    interfere, counts = meanwhile(world, make_seat), []

    class wait(Walker):
        @on_entry
        def for_a_seat(self, here: Root) -> None:
            while not NodeAnchor.Collection.count({"name": "Seat"}):
                counts.append(0)
                interfere()
            self.report(NodeAnchor.Collection.count({"name": "Seat"}))

    assert await world.reports(wait) == [1]
    assert len(counts) == 1


async def test_what_a_walk_that_goes_on_regardless_saw_is_void(world: Any) -> None:
    interfere, runs = meanwhile(world, make_seat), []

    class stubborn(Walker):
        @on_entry
        def look_twice(self, here: Root) -> None:
            runs.append(NodeAnchor.Collection.count({"name": "Seat"}))
            if len(runs) == 1:
                interfere()
            try:
                NodeAnchor.Collection.count({"name": "Seat"})
            except Exception:
                self.report("swallowed")
            self.report(runs[-1])

    assert await world.reports(stubborn) == [1]
    assert runs == [0, 1]


async def test_a_record_that_was_looked_for_in_vain_is_checked(world: Any) -> None:
    id = new_id()
    seen = []

    class look(Walker):
        @on_entry
        def for_it(self, here: Root) -> None:
            seen.append(jobj(f"n:Seat:{id}") is not None)
            if len(seen) == 1:
                loop_make()
            here.connect(Other())

    class make(Walker):
        @on_entry
        def it(self, here: Root) -> None:
            seat = Seat()
            seat.__jac__.id = id
            save(seat)

    loop_make = meanwhile(world, make)
    await world.reports(look)

    assert seen == [False, True]
