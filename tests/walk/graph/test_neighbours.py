"""What a walk sees around a node, and the ends of it, over each database."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.databases import ENGINES, database
from walkwire import Edge, Node, Walker, delete, jobj, on_entry, perm_grant, root
from walkwire.dialect import operators as jac
from walkwire.errors import Conflict
from walkwire.ids import PUBLIC_ROOT, new_id
from walkwire.store import Store, UserRecord
from walkwire.stores import open_store
from walkwire.walk.registry import Registry
from walkwire.walk.run.alone import unit_of_work
from walkwire.walk.run.run import Run


class Place(Node):
    number: int = -1


class Shop(Place):
    pass


class Road(Edge):
    km: int = 1


class Lane(Edge):
    pass


@pytest.fixture(scope="module", params=ENGINES)
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with database(request.param, tmp_path_factory.mktemp("graph")) as url:
        opened = open_store(url)
        yield opened
        opened.close()


class Undone(Exception):
    pass


@contextmanager
def walk(store: Store, who: str = PUBLIC_ROOT, is_kept: bool = True) -> Iterator[Run]:
    """A unit of work, whose changes are kept or not."""
    registry = Registry()
    for cls in (Place, Shop, Road, Lane):
        registry.add(cls)
    try:
        with unit_of_work(store, registry, who) as made:
            yield made
            if not is_kept:
                raise Undone
    except Undone:
        pass


def hub(store: Store, count: int) -> str:
    """The id of a new node from which so many roads lead to new places."""
    with walk(store):
        here = root().connect(Place())
        for number in range(count):
            here.connect(Place(number), Road(number))
        return here.__jac__.id


def place(id: str) -> Any:
    return jobj(f"n:Place:{id}")


def looked_at(made: Run) -> int:
    """How many records the walk has read."""
    return len(made.graph.reads.nodes)  # type: ignore[attr-defined]


@pytest.fixture
def tangle(store: Store) -> tuple[str, str]:
    """A node with all that is difficult around it, and one who may not read everything there."""
    ada, bob = new_id(), new_id()
    for one in (ada, bob):
        store.add_user(UserRecord(new_id(), f"{one}@example.com", "hash", one))
    chance = random.Random(1)
    with walk(store, ada):
        here = root().connect(Place())
        perm_grant(here, "CONNECT")
        id = here.__jac__.id
        places = [(Shop if number % 3 else Place)(number) for number in range(18)]
        for number, one in enumerate(places):
            here.connect(one, Road(number % 4) if number % 2 else Lane())
            if number % 5 != 1:  # the others stay hidden from Bob
                perm_grant(one, "CONNECT")
        for one in chance.sample(places, 9):  # joined twice, or the other way
            here.connect(one, Road(7))
            one.connect(here, Lane())
        here.connect(here)
    return id, bob


def disturb(here: Any) -> None:
    """What Bob does in his own walk before he looks."""
    seen = here.out(Place, limit=9)
    here.disconnect(seen[0])
    here.disconnect(seen[3], Road)
    for number in (100, 101, 102):
        here.connect(Shop(number), Road(number))
    here.connect(seen[2], Lane())
    delete(here.out(Shop, number=101)[0])


QUESTIONS: dict[str, Callable[..., list[Any]]] = {
    "all": lambda here, **limit: here.out(**limit),
    "of a class": lambda here, **limit: here.out(Shop, **limit),
    "along an edge": lambda here, **limit: here.both(Place, Road, **limit),
    "with a value": lambda here, **limit: here.into(number=4, **limit),
    "with a value, once": lambda here, **limit: here.out(Shop, number=102, **limit),
    "edges": lambda here, **limit: here.edges(direction="both", **limit),
    "edges with a value": lambda here, **limit: here.edges(Road, Place, "out", km=7, **limit),
}


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("is_disturbed", [False, True])
def test_a_limit_gives_what_a_slice_of_all_would(
    store: Store, tangle: tuple[str, str], question: str, is_disturbed: bool
) -> None:
    id, bob = tangle

    def answer(**limit: int) -> list[Any]:
        with walk(store, bob, is_kept=False):
            here = place(id)
            if is_disturbed:
                disturb(here)
            return [
                (type(one), {name: value for name, value in vars(one).items() if name[0] != "_"})
                for one in QUESTIONS[question](here, **limit)
            ]

    everything = answer()
    assert everything or (question == "with a value, once" and not is_disturbed)
    for limit in (0, 1, 2, 3, 5, 8, 13, 100, 100_000):
        assert answer(limit=limit) == everything[:limit]
        assert answer(limit=-limit) == (everything[-limit:] if limit else [])


@pytest.mark.parametrize("gives", ["nodes", "edges"])
@pytest.mark.parametrize("direction", ["out", "into", "both"])
def test_the_end_of_an_edge_reference_is_that_of_the_whole(
    store: Store, tangle: tuple[str, str], direction: Any, gives: Any
) -> None:
    id, bob = tangle

    def answer(hop: Callable[[Any], list[Any]]) -> list[str]:
        with walk(store, bob, is_kept=False):
            here = place(id)
            disturb(here)
            return [repr(one) for one in hop(here)]

    for words in ({}, {"edge": Road}, {"node": Shop}):
        everything = answer(lambda here, words=words: jac.hop(here, direction, gives, **words))
        for limit in (1, 2, 4, 7, 50):
            first = answer(
                lambda here, words=words, limit=limit: jac.hop_to_end(limit, here, direction, gives, **words)
            )
            last = answer(
                lambda here, words=words, limit=limit: jac.hop_to_end(-limit, here, direction, gives, **words)
            )
            assert (first[:limit], last[-limit:]) == (everything[:limit], everything[-limit:])


def test_a_limit_looks_at_no_more_than_it_gives(store: Store) -> None:
    id = hub(store, 60)
    for limit in (3, -3):
        with walk(store) as made:
            assert len(place(id).out(Place, Road, limit=limit)) == 3
            assert looked_at(made) <= 5
    with walk(store) as made:
        assert [one.number for one in jac.hop_to_end(-3, place(id), of=Place)][-3:] == [57, 58, 59]
        assert looked_at(made) <= 5


def test_what_is_left_out_at_the_end_is_replaced_by_what_comes_next(store: Store) -> None:
    id = hub(store, 60)
    with walk(store) as made:
        here = place(id)
        for one in here.out(limit=4):
            here.disconnect(one)
        assert [one.number for one in here.out(limit=2)] == [4, 5]
        assert [one.number for one in here.out(limit=3, number=9)] == [9]
        assert [one.km for one in here.edges(limit=-2)] == [58, 59]
    with walk(store) as made:
        assert [one.number for one in place(id).out(limit=2)] == [4, 5]
        assert looked_at(made) <= 4


def test_what_the_walk_has_put_there_itself_comes_last(store: Store) -> None:
    id = hub(store, 60)
    with walk(store, is_kept=False) as made:
        here = place(id)
        here.connect(Place(100))
        here.connect(Place(101))
        assert [one.number for one in here.out(limit=-2)] == [100, 101]
        assert looked_at(made) <= 2
        assert [one.number for one in here.out(limit=-3)] == [59, 100, 101]
        assert [one.number for one in here.out(limit=61)][-1] == 100
    with walk(store, is_kept=False):
        new = Place()
        assert new.out(limit=3) == new.out(limit=-3) == []
        assert new.connect(Place(7)).into(limit=1) == [new]


def test_an_edge_to_one_of_very_many_is_cut_without_a_look_at_the_others(store: Store) -> None:
    id = hub(store, 60)
    with walk(store) as made:
        here = place(id)
        (last,) = here.out(limit=-1)
        assert here.disconnect(last, Lane) is False
        assert here.disconnect(last) is True
        assert here.disconnect(last) is False
        assert jac.disconnect(here, [last, here]) is False
        assert looked_at(made) <= 4
    with walk(store) as made:
        assert [one.number for one in place(id).out(limit=-1)] == [58]


def test_many_edges_are_cut_at_once_and_by_what_is_known(store: Store) -> None:
    id = hub(store, 1100)
    with walk(store):
        places = place(id).out()
        ids = [one.__jac__.id for one in places]
    with walk(store) as made:
        here = place(id)
        made.graph._reading.load(ids[:1050])  # type: ignore[attr-defined]
        asked = made.graph.statements  # type: ignore[attr-defined]
        assert jac.disconnect(here, [place(id) for id in ids[:1050]]) is True
        assert made.graph.statements - asked == 3  # type: ignore[attr-defined]
    with walk(store) as made:
        here = place(id)
        assert here.out(edge=Lane) == here.out(Shop) == []
        left = here.out(Place)
        asked = made.graph.statements  # type: ignore[attr-defined]
        assert len(left) == 50
        for one in left[:49]:
            assert here.disconnect(one)
            assert not here.disconnect(one, Lane)
        assert made.graph.statements == asked  # type: ignore[attr-defined]
    with walk(store):
        assert [one.number for one in place(id).out()] == [1099]


CHANGES: dict[str, Callable[[Any], None]] = {
    "puts one behind the last": lambda here: here.connect(Place(99)),
    "cuts the first": lambda here: here.disconnect(here.out(limit=1)[0]),
    "cuts one in the middle": lambda here: here.disconnect(here.out()[4]),
    "changes the last": lambda here: setattr(here.out(limit=-1)[0], "number", 77),
}


@pytest.mark.parametrize(
    ("limit", "harmless"),
    [
        (2, {"puts one behind the last", "cuts one in the middle", "changes the last"}),
        (-2, {"cuts the first", "cuts one in the middle"}),
        (9, set()),
        (None, set()),
    ],
)
@pytest.mark.parametrize("change", CHANGES)
def test_a_limited_look_is_lost_with_what_it_could_see_and_with_nothing_else(
    store: Store, change: str, limit: int | None, harmless: set[str]
) -> None:
    id = hub(store, 8)

    def look_and_write() -> None:
        with walk(store):
            here = place(id)
            here.out(limit=limit)
            with walk(store):
                CHANGES[change](place(id))
            root().connect(Place(1))

    if change in harmless:
        look_and_write()
    else:
        with pytest.raises(Conflict):
            look_and_write()


@pytest.mark.parametrize("change", ["puts another edge to it", "puts an edge to another"])
def test_a_cut_is_lost_only_with_edges_between_the_same_nodes(store: Store, change: str) -> None:
    id = hub(store, 8)

    def cut() -> None:
        with walk(store):
            here = place(id)
            (last,) = here.out(limit=1)
            here.disconnect(last)
            with walk(store):
                other = place(id)
                (same,) = other.out(limit=1)
                other.connect(same if change == "puts another edge to it" else Place(9))

    if change == "puts an edge to another":
        cut()
    else:
        with pytest.raises(Conflict):
            cut()


async def test_walks_that_look_for_the_first_of_something_make_it_once(world: Any) -> None:
    class ensure(Walker):
        @on_entry
        def profile(self, here: Any) -> None:
            if not here.out(Shop, limit=1):
                here.connect(Shop(1))
            self.report(len(here.out(Shop)))

    ada = world.user()
    answers = await asyncio.gather(*(world.reports(ensure, root=ada) for _ in range(16)))
    assert answers == [[1]] * 16
