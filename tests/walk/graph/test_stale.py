"""What a walk has in hand when it commits in its middle is looked up anew when it is touched, and checked with the rest."""

from __future__ import annotations

import asyncio
import copy
import dataclasses
import pickle
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from walkwire import (
    Edge,
    Node,
    Root,
    Walker,
    commit,
    delete,
    jid,
    jobj,
    on_entry,
    perm_grant,
    perm_revoke,
    root,
    save,
)
from walkwire.errors import Conflict, NoAccess
from walkwire.ids import PUBLIC_ROOT, new_id
from walkwire.store import UserRecord
from walkwire.stores.sqlite.store import SqliteStore
from walkwire.walk.archetypes.obj import Obj
from walkwire.walk.registry import Registry
from walkwire.walk.run.alone import unit_of_work
from walkwire.walk.run.run import Run


class Cell(Node):
    name: str
    v: int = 1
    items: list[int] = dataclasses.field(default_factory=list)


class Wire(Edge):
    v: int = 1


class Bag(Obj):
    v: int = 1


@pytest.fixture
def cells(store: SqliteStore) -> list[str]:
    """The references of two cells at the public root."""
    with unit(store):
        return [jid(root().connect(Cell(name), Wire())) for name in "ab"]


@contextmanager
def unit(store: SqliteStore, caller: str = PUBLIC_ROOT) -> Iterator[Run]:
    registry = Registry()
    registry.add_all([Cell, Wire, Bag])
    with unit_of_work(store, registry, caller) as walk:
        yield walk


def user(store: SqliteStore) -> str:
    """A new user's root id."""
    record = UserRecord(new_id(), f"{new_id()}@example.com", "hash", new_id())
    store.add_user(record)
    return record.root_id


def elsewhere(function: Callable[[], None], store: SqliteStore, caller: str = PUBLIC_ROOT) -> None:
    """Do it in another unit of work, as another server would."""

    def run() -> None:
        with unit(store, caller):
            function()

    failed: list[BaseException] = []

    def target() -> None:
        try:
            run()
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=target)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]


def assign(reference: str, v: int) -> Callable[[], None]:
    def run() -> None:
        jobj(reference).v = v

    return run


def values(store: SqliteStore, cells: list[str]) -> list[int]:
    with unit(store):
        return [jobj(cell).v for cell in cells]


async def test_two_walks_that_commit_and_then_look_at_each_other_do_not_both_win(world: Any) -> None:
    class make(Walker):
        @on_entry
        def cells(self, here: Root) -> None:
            self.report([jid(here.connect(Cell(name))) for name in "ab"])

    together = threading.Barrier(2)

    class withdraw(Walker):
        """Write 0 to one, but only while the other is 1."""

        mine: str
        other: str

        @on_entry
        def unless_it_is_the_last(self, here: Root) -> None:
            mine, other = jobj(self.mine), jobj(self.other)
            assert (mine.v, other.v) == (1, 1)
            here.connect(Cell("note"))
            commit()
            is_there = other.v == 1
            together.wait(5)
            if is_there:
                mine.v = 0

    ((a, b),) = await world.reports(make)
    walks = [world.reports(withdraw, mine=one, other=two) for one, two in ((a, b), (b, a))]
    outcomes = await asyncio.gather(*walks, return_exceptions=True)

    class look(Walker):
        @on_entry
        def at(self, here: Root) -> None:
            self.report([jobj(a).v, jobj(b).v])

    assert await world.reports(look) in ([[0, 1]], [[1, 0]])
    assert [type(outcome) for outcome in outcomes if isinstance(outcome, Exception)] == [Conflict]


def test_a_field_read_after_a_commit_is_what_is_stored_then_and_is_checked(
    store: SqliteStore, cells: list[str]
) -> None:
    def run() -> None:
        with unit(store):
            a, b = map(jobj, cells)
            b.v = 5
            commit()
            elsewhere(assign(cells[0], 7), store)
            assert a.v == 7
            b.v = a.v + 1
            commit()
            assert (a.v, b.v) == (7, 8)
            elsewhere(assign(cells[0], 9), store)
            b.v = 10
            for _ in range(2):  # for good
                with pytest.raises(Conflict):
                    commit()

    with pytest.raises(Conflict):
        run()
    assert values(store, cells) == [9, 8]


def test_a_field_that_is_not_touched_after_a_commit_is_not_checked(
    store: SqliteStore, cells: list[str]
) -> None:
    with unit(store):
        a, b = map(jobj, cells)
        a.v += 1
        commit()
        elsewhere(assign(cells[0], 7), store)
        b.v = 3
    assert values(store, cells) == [7, 3]


READS: dict[str, Callable[[Any], Any]] = {
    "a field with a default": lambda cell: cell.v,
    "a field without": lambda cell: cell.name,
    "getattr": lambda cell: getattr(cell, "v", None),
    "vars": lambda cell: vars(cell)["v"],
    "the dictionary": lambda cell: dict(vars(cell)),
    "all of it": lambda cell: {**vars(cell)},
    "items": lambda cell: list(vars(cell).items()),
    "repr": repr,
    "asdict": dataclasses.asdict,
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda cell: pickle.dumps(vars(cell)),
    "a neighbour": lambda cell: cell.into(),
    "its edges": lambda cell: cell.edges(direction="into"),
    "a visit": lambda cell: visits().spawn(cell),
}


class visits(Walker):
    @on_entry
    def here(self, here: Cell) -> None:
        pass


@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_each_way_to_look_at_a_node_is_a_look(
    read: Callable[[Any], Any], store: SqliteStore, cells: list[str]
) -> None:
    def look() -> None:
        with unit(store):
            a, b = map(jobj, cells)
            b.v = 2
            commit()
            read(a)
            elsewhere(assign(cells[0], 7), store)
            b.v = 3

    with pytest.raises(Conflict):
        look()
    assert values(store, cells) == [7, 2]


WRITES: dict[str, Callable[[Any], Any]] = {
    "assignment": lambda cell: setattr(cell, "v", 4),
    "deletion": lambda cell: delattr(cell, "v"),
    "vars": lambda cell: vars(cell).update(v=4),
    "one of vars": lambda cell: vars(cell).__setitem__("v", 4),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_each_way_to_write_a_field_is_a_look_too(
    write: Callable[[Any], Any], store: SqliteStore, cells: list[str]
) -> None:
    with unit(store):
        a = jobj(cells[0])
        a.v = 2
        commit()
        write(a)
    assert values(store, cells)[0] == (1 if write is WRITES["deletion"] else 4)

    def lose() -> None:
        with unit(store):
            a = jobj(cells[0])
            a.v = 2
            commit()
            write(a)
            elsewhere(assign(cells[0], 7), store)

    with pytest.raises(Conflict):
        lose()
    assert values(store, cells)[0] == 7


def test_the_class_of_a_node_is_what_it_was_and_so_are_its_defaults(
    store: SqliteStore, cells: list[str]
) -> None:
    with unit(store):
        a = jobj(cells[0])
        a.v = 3
        commit()
        assert type(a) is a.__class__ is Cell
        assert isinstance(a, Cell)
        assert Cell.__subclasses__() == []
        assert (Cell.v, hasattr(Cell, "name"), hasattr(Cell, "nothing")) == (1, False, False)
        with pytest.raises(AttributeError, match="'Cell' object has no attribute 'nothing'"):
            a.nothing  # noqa: B018
        with pytest.raises(AttributeError, match="type object 'Cell' has no attribute 'name'"):
            Cell.name  # noqa: B018
        assert (a.name, a.v) == ("a", 3)
        a._note = "mine"
        commit()
        assert (a._note, vars(a)) == ("mine", {"name": "a", "v": 3, "items": [], "_note": "mine"})

    class Derived(Cell):
        extra: int = 2

    assert (Derived("d").name, Derived("d").v, Derived.v) == ("d", 1, 1)


def test_a_program_that_never_commits_in_its_middle_has_its_classes_as_it_wrote_them(
    store: SqliteStore,
) -> None:
    class Plain(Node):
        v: int = 1

    with unit(store):
        root().connect(Plain())
    assert vars(Plain)["v"] == 1
    with unit(store):
        root().connect(Plain())
        commit()
    assert vars(Plain)["v"] != 1


def test_a_list_keeps_its_identity_and_a_change_inside_it_is_written(
    store: SqliteStore, cells: list[str]
) -> None:
    with unit(store):
        a = jobj(cells[0])
        items = a.items = [1]
        commit()
        items.append(2)
        commit()
        assert a.items is items
    with unit(store):
        assert jobj(cells[0]).items == [1, 2]

    def lose() -> None:
        with unit(store):
            a = jobj(cells[0])
            items = a.items
            a.v = 2
            commit()
            elsewhere(assign(cells[0], 7), store)
            items.append(3)

    with pytest.raises(Conflict):
        lose()
    with unit(store):
        assert jobj(cells[0]).items == [1, 2]


def test_an_edge_is_looked_up_anew_as_well(store: SqliteStore, cells: list[str]) -> None:
    def change() -> None:
        jobj(cells[0]).edges(direction="into")[0].v = 8

    with unit(store):
        b = jobj(cells[1])
        (edge,) = jobj(cells[0]).edges(direction="into")
        assert edge.v == 1
        b.v = 2
        commit()
        elsewhere(change, store)
        assert edge.v == 8
        b.v = edge.v
        commit()
        assert (edge.source, edge.target.name) == (root(), "a")
        edge.v = 9
        commit()
    with unit(store):
        assert [jobj(cells[0]).edges(direction="into")[0].v, jobj(cells[1]).v] == [9, 8]


def test_a_kept_object_is_looked_up_anew_as_well(store: SqliteStore) -> None:
    with unit(store):
        bag = Bag()
        save(bag)
        reference = jid(bag)

    with unit(store):
        bag = jobj(reference)
        root().connect(Cell("x"))
        commit()
        elsewhere(assign(reference, 6), store)
        assert bag.v == 6
        commit()
        bag.v = 7  # without a look: it is written if nobody else has
        commit()
        assert bag.v == 7

    def lose() -> None:
        with unit(store):
            bag = jobj(reference)
            root().connect(Cell("x"))
            commit()
            bag.v = 9
            elsewhere(assign(reference, 8), store)

    with pytest.raises(Conflict):
        lose()
    with unit(store):
        assert jobj(reference).v == 8


def test_what_another_walk_deleted_meanwhile_is_refused(store: SqliteStore, cells: list[str]) -> None:
    def remove() -> None:
        delete(jobj(cells[0]))

    with unit(store):
        a, b = map(jobj, cells)
        b.v = 2
        commit()
        elsewhere(remove, store)
        for touch in (lambda: a.v, lambda: setattr(a, "v", 1), a.out, lambda: b.connect(a)):
            with pytest.raises(NoAccess):
                touch()
        assert a.__jac__.persistent is False
        walker = visits_names()
        assert walker.spawn([b]).names == ["b"]
    with unit(store):
        assert [cell.name for cell in root().out(Cell)] == ["b"]


class visits_names(Walker):
    names: list[str] = dataclasses.field(default_factory=list)

    @on_entry
    def here(self, here: Cell) -> None:
        self.names.append(here.name)


def test_what_this_walk_deleted_keeps_its_fields(store: SqliteStore, cells: list[str]) -> None:
    with unit(store):
        a = jobj(cells[0])
        delete(a)
        commit()
        assert a.name == "a"


async def test_a_place_that_is_gone_when_it_is_its_turn_is_passed_over(
    world: Any, store: SqliteStore
) -> None:
    names = []

    class make(Walker):
        @on_entry
        def cells(self, here: Root) -> None:
            self.report([jid(here.connect(Cell(name))) for name in "abc"])

    class walk(Walker):
        @on_entry
        def begin(self, here: Root) -> None:
            self.visit(here.out(Cell))

        @on_entry
        def at(self, here: Cell) -> None:
            names.append(here.name)
            here.v += 1
            commit()
            if here.name == "a":
                await_in_loop(cells[1])

    class remove(Walker):
        @on_entry
        def it(self, here: Cell) -> None:
            delete(here)

    def await_in_loop(cell: str) -> None:
        asyncio.run_coroutine_threadsafe(world.reports(remove, cell), loop).result(5)

    loop = asyncio.get_running_loop()
    (cells,) = await world.reports(make)
    await world.reports(walk)
    assert names == ["a", "c"]


def test_a_right_that_was_taken_back_meanwhile_is_gone(store: SqliteStore) -> None:
    ada, bob = user(store), user(store)

    def make() -> None:
        cell = root().connect(Cell("ada's"))
        perm_grant(cell)
        made.append(jid(cell))

    def take_back() -> None:
        perm_revoke(jobj(made[0]))

    made: list[str] = []
    elsewhere(make, store, ada)
    with unit(store, bob):
        cell = jobj(made[0])
        root().connect(Cell("mine"))
        commit()
        assert cell.name == "ada's"
        commit()
        elsewhere(take_back, store, ada)
        for _ in range(2):
            with pytest.raises(NoAccess):
                cell.name  # noqa: B018


def test_grants_of_roots_are_read_again(store: SqliteStore) -> None:
    ada, bob = user(store), user(store)
    made: list[str] = []

    def make() -> None:
        perm_grant(root(), "WRITE")
        made.append(jid(root().connect(Cell("ada's"))))

    elsewhere(make, store, ada)

    def write_on() -> None:
        with unit(store, bob):
            cell = jobj(made[0])
            cell.v = 2
            commit()
            elsewhere(lambda: perm_revoke(root()), store, ada)
            cell.v = 3

    with pytest.raises(NoAccess):
        write_on()


async def test_a_report_shows_what_is_stored_at_the_end_and_asks_for_it_once(world: Any, store: Any) -> None:
    class make(Walker):
        @on_entry
        def cells(self, here: Root) -> None:
            nodes = [here.connect(Cell(str(n))) for n in range(20)]
            self.report(nodes)
            commit()
            elsewhere(assign(jid(nodes[3]), 7), store)
            self.report({"cells": nodes})

    asked = []
    load, store.load_nodes = store.load_nodes, lambda ids: asked.append(len(ids)) or load(ids)
    before, after = await world.reports(make)
    assert [cell["context"]["v"] for cell in before] == [1] * 3 + [7] + [1] * 16
    assert after["cells"] == before
    assert asked == [1, 20]


def test_what_outlives_its_walk_is_as_the_walk_left_it(store: SqliteStore, cells: list[str]) -> None:
    with unit(store):
        a = jobj(cells[0])
        a.v = 2
        commit()
    elsewhere(assign(cells[0], 7), store)
    assert (a.v, vars(a)["v"], a.name) == (2, 2, "a")
    with unit(store):
        assert a.v == 2
        assert root().out(Cell)[0].v == 7
        assert a.into() == [root()]


def test_a_loop_that_commits_costs_a_look_for_each_node_that_it_touches(
    store: SqliteStore, cells: list[str]
) -> None:
    with unit(store) as walk:
        nodes = [root().connect(Cell(str(n))) for n in range(50)]
        commit()
        for node in nodes:
            node.v += 1
            node.v += 1
            assert walk.graph.statements == 1  # type: ignore[attr-defined]
            commit()
    with unit(store):
        assert [cell.v for cell in root().out(Cell)] == [1, 1, *[3] * 50]
