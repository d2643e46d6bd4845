"""Habit: what is foreseen of a walker's next run, and when not."""

from __future__ import annotations

from typing import Any

from walkwire import Node, Root, Walker, on_entry
from walkwire.ids import PUBLIC_ROOT, new_id, parse_reference
from walkwire.store import Selection
from walkwire.walk.graph.habit import SURE, Habit
from walkwire.walk.run.request import Entry, RunOptions, WalkRequest

HERE, THERE = new_id(), new_id()
ITEMS = Selection(HERE, "out", node_kinds=frozenset({"Item"}))


def after(*runs: Selection | None) -> Habit:
    habit = Habit()
    for first in runs:
        habit.learn(HERE, first)
    return habit


def test_equal_runs_are_foreseen_at_any_entry() -> None:
    assert after(*[ITEMS] * (SURE - 1)).ahead_of(THERE) is None
    assert after(*[ITEMS] * SURE).ahead_of(THERE) == ITEMS._replace(node=THERE)


def test_one_other_run_ends_it_until_there_are_enough_again() -> None:
    for other in (
        None,
        ITEMS._replace(direction="into"),
        ITEMS._replace(node=THERE),
        ITEMS._replace(far=frozenset()),
    ):
        habit = after(*[ITEMS] * 9, other)
        for _ in range(SURE - 1):
            assert habit.ahead_of(HERE) is None
            habit.learn(HERE, ITEMS)
        habit.learn(HERE, ITEMS)
        assert habit.ahead_of(HERE) == ITEMS


def test_what_is_asked_for_by_the_ids_of_nodes_is_not_foreseen() -> None:
    assert after(*[ITEMS._replace(far=frozenset({THERE}))] * 9).ahead_of(HERE) is None


class Item(Node):
    pass


class Shelf(Node):
    pass


class plant(Walker):
    @on_entry
    def make(self, here: Root) -> None:
        shelf = here.connect(Shelf())
        shelf.connect(Item())
        self.report(shelf)


class read(Walker):
    is_quick: bool = False

    @on_entry
    def look(self, here: Shelf) -> None:
        self.report(0 if self.is_quick else len(here.out(Item)))


async def test_a_run_tells_what_it_read_first_and_is_told_what_to_expect(world: Any) -> None:
    (shelf,) = await world.reports(plant)
    habit = Habit()

    async def run(is_quick: bool = False) -> bytes:
        fields = {"is_quick": is_quick}
        options = RunOptions(habit=habit)
        answer = await world.runtime.run(
            WalkRequest(read, lambda: fields, PUBLIC_ROOT, Entry(shelf["id"]), options)
        )
        return bytes(answer.body)

    id = parse_reference(shelf["id"]).id
    for _ in range(SURE):
        assert habit.ahead_of(id) is None
        assert b"[1]" in await run()
    assert habit.ahead_of(id) == Selection(id, "out", node_kinds=frozenset({"Item"}))
    assert b"[1]" in await run()
    assert b"[0]" in await run(is_quick=True)
    assert habit.ahead_of(id) is None
