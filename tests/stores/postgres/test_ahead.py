"""A neighbourhood that is expected is read with its node, in one statement, and only if the node belongs to the caller."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.databases import postgres
from walkwire.ids import PUBLIC_ROOT, SYSTEM_ROOT, new_id
from walkwire.store import Changes, EdgeRecord, NodeRecord, Reads, Selection, Store
from walkwire.stores import open_store


@pytest.fixture
def store() -> Iterator[Store]:
    with postgres() as url, closing(open_store(url, connections=4, seconds=1)) as opened:
        yield opened


def node(kind: str = "Item") -> NodeRecord:
    return NodeRecord(new_id(), kind, PUBLIC_ROOT, 1, "{}")


def edge(source: NodeRecord, target: NodeRecord) -> EdgeRecord:
    return EdgeRecord(new_id(), "Has", source.id, source.kind, target.id, target.kind, 1, '{"a":1}')


def shelf(store: Store, items: int) -> NodeRecord:
    here, others = node("Shelf"), [node() for _ in range(items)]
    changes = Changes(new_nodes=[here, *others], new_edges=[edge(here, other) for other in others])
    store.commit(Reads(), changes, lambda: None)
    return here


def add(store: Store, here: NodeRecord) -> None:
    item = node()
    store.commit(Reads(), Changes(new_nodes=[item], new_edges=[edge(here, item)]), lambda: None)


SHAPES = [
    Selection("", "out"),
    Selection("", "into"),
    Selection("", "both", node_kinds=frozenset({"Item"})),
    Selection("", "out", edge_kinds=frozenset({"Has"}), limit=2),
    Selection("", "out", node_kinds=frozenset({"Item"}), limit=-2),
    Selection("", "both", edge_kinds=frozenset({"Other"})),
]


@pytest.mark.parametrize("items", [0, 1, 5])
@pytest.mark.parametrize("shape", SHAPES)
def test_the_results_are_those_of_two_statements(store: Store, shape: Selection, items: int) -> None:
    here = shelf(store, items)
    selection = shape._replace(node=here.id)
    view = store.latest()
    view.expect(PUBLIC_ROOT, selection)
    assert view.load_nodes([here.id]) == [here]
    assert view.load_neighbourhood(selection) == store.load_neighbourhood(selection)
    assert view.is_one_moment


def test_it_is_of_the_moment_of_its_node(store: Store) -> None:
    here = shelf(store, 1)
    selection = Selection(here.id, "out")
    view = store.latest()
    view.expect(PUBLIC_ROOT, selection)
    view.load_nodes([here.id])
    add(store, here)
    assert len(view.load_neighbourhood(selection).pairs) == 1
    assert view.is_one_moment
    assert len(view.load_neighbourhood(selection).pairs) == 2  # it was kept for one question
    assert not view.is_one_moment


def test_nothing_is_read_ahead_of_another_owners_node(store: Store) -> None:
    here = shelf(store, 1)
    selection = Selection(here.id, "out")
    view = store.latest()
    view.expect(SYSTEM_ROOT, selection)
    assert view.load_nodes([here.id]) == [here]
    add(store, here)
    assert len(view.load_neighbourhood(selection).pairs) == 2


def test_an_absent_node_has_none(store: Store) -> None:
    selection = Selection(new_id(), "out")
    view = store.latest()
    view.expect(PUBLIC_ROOT, selection)
    assert view.load_nodes([selection.node]) == []
    assert view.load_neighbourhood(selection).pairs == []


def test_another_question_is_answered_as_it_is(store: Store) -> None:
    here = shelf(store, 1)
    view = store.latest()
    view.expect(PUBLIC_ROOT, Selection(here.id, "into"))
    view.load_nodes([here.id])
    assert len(view.load_neighbourhood(Selection(here.id, "out")).pairs) == 1


def test_what_is_no_longer_expected_is_read_anew(store: Store) -> None:
    here = shelf(store, 1)
    selection = Selection(here.id, "out")
    view = store.latest()
    view.expect(PUBLIC_ROOT, selection)
    view.load_nodes([here.id])
    view.expect("", None)
    add(store, here)
    assert len(view.load_neighbourhood(selection).pairs) == 2
