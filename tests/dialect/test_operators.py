"""What Jac's operators do to the graph."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from walkwire import Edge, Node, Walker, jid, on_entry, root
from walkwire.dialect import operators as jac
from walkwire.ids import PUBLIC_ROOT
from walkwire.store import Store
from walkwire.walk.archetypes.edge import GenericEdge
from walkwire.walk.archetypes.obj import Obj
from walkwire.walk.registry import Registry
from walkwire.walk.run.alone import unit_of_work


class Place(Node):
    name: str = ""


class Shop(Place):
    pass


class Way(Edge):
    km: int = 1


class Counted(Edge):
    uses: int = jac.later()

    def __post_init__(self) -> None:
        self.uses = 7


class Thing(Obj):
    size: int = 0
    tags: list[str] = jac.each(list)


class roams(Walker):
    seen: list[Any] = []

    @on_entry
    def note(self, here: Place | Way) -> None:
        self.seen.append(here)


@pytest.fixture(autouse=True)
def walking(store: Store) -> Iterator[None]:
    with unit_of_work(store, Registry(), PUBLIC_ROOT):
        yield


def test_connect_joins_each_with_each_and_gives_the_right_hand_nodes() -> None:
    a, b, c = Place("a"), Place("b"), Place("c")
    assert jac.connect([a, b], [c]) == [c]
    assert jac.connect(a, b) == [b]
    assert jac.hop(a) == [c, b]
    assert jac.hop([a, b]) == [c, b]


def test_connect_in_joins_the_other_way_and_gives_the_left_hand_nodes() -> None:
    a, b = Place("a"), Place("b")
    assert jac.connect_in(a, b) == [a]
    assert (jac.hop(b), jac.hop(a, "into"), jac.hop(a)) == ([a], [b], [])


def test_one_edge_given_for_many_pairs_is_copied_for_the_later_ones() -> None:
    a, b, c = Place("a"), Place("b"), Place("c")
    way = Way(km=9)
    jac.connect(a, [b, c], way)
    first, second = jac.hop(a, "out", "edges")
    assert first is way
    assert second is not way
    assert second.km == 9
    assert jid(first) != jid(second)


def test_an_edge_is_made_with_the_values_written_in_the_operator() -> None:
    a, b = Place("a"), Place("b")
    jac.connect(a, b, jac.edge_with(Way, km=4))
    jac.connect(a, b, jac.edge_with(Way(km=1), km=5))
    jac.connect(a, b, jac.edge_with(Counted, uses=2))
    assert [edge.km for edge in jac.hop(a, "out", "edges", edge=Way)] == [4, 5]
    assert [edge.uses for edge in jac.hop(a, "out", "edges", edge=Counted)] == [2]
    with pytest.raises(ValueError, match="Way has no field 'kilos'"):
        jac.connect(a, b, jac.edge_with(Way, kilos=4))


def test_a_hop_is_narrowed_by_classes_tests_and_the_nodes_allowed() -> None:
    a, b, c, d = Place("a"), Place("b"), Shop("c"), Shop("d")
    jac.connect(a, [b, c], Way(km=2))
    jac.connect(a, d)
    assert jac.hop(a) == [b, c, d]
    assert jac.hop(a, node=Shop) == [c, d]
    assert jac.hop(a, edge=Way) == [b, c]
    assert jac.hop(a, edge=Way, edge_if=lambda way: way.km > 2) == []
    assert jac.hop(a, node_if=lambda node: node.name > "b") == [c, d]
    assert jac.hop(a, among=b) == [b]
    assert jac.hop(a, among=[b, d]) == [b, d]
    assert jac.hop(a, among=lambda node: node is c) == [c]
    assert [type(edge) for edge in jac.hop(a, "out", "edges", node=Shop)] == [Way, GenericEdge]
    assert jac.hop(c, "both") == jac.hop(c, "into") == [a]
    assert jac.hop(d, "both", "edges") == jac.hop(d, "into", "edges") == [jac.hop(a, "out", "edges")[-1]]


def test_a_node_reached_twice_is_there_once() -> None:
    a, b = Place("a"), Place("b")
    jac.connect(a, b)
    jac.connect(a, b)
    assert jac.hop(a) == [b]
    assert len(jac.hop(a, "out", "edges")) == 2


def test_disconnect_cuts_what_fits_and_says_whether_it_did() -> None:
    a, b = Place("a"), Place("b")
    jac.connect(a, b)
    jac.connect(a, b, Way(km=3))
    assert jac.disconnect(a, b, edge=Way, edge_if=lambda way: way.km > 3) is False
    assert jac.disconnect(b, a) is False
    assert jac.disconnect(b, a, "into", edge=Way) is True
    assert [type(edge) for edge in jac.hop(a, "out", "edges")] == [GenericEdge]
    assert jac.disconnect([a], [b], "both") is True
    assert jac.hop(a) == []


def test_destroy_takes_nodes_and_edges_and_leaves_the_rest_to_python() -> None:
    a, b, c = Place("a"), Place("b"), Place("c")
    jac.connect(a, [b, c])
    jac.destroy([b, 5, "text", Thing()])
    assert jac.hop(a) == [c]
    jac.destroy(jac.hop(a, "out", "edges")[0])
    assert jac.hop(a) == []


def test_spawn_takes_the_walker_on_either_side() -> None:
    a, b = Place("a"), Place("b")
    assert jac.spawn(a, roams()).seen == [a]
    assert jac.spawn(roams(), [a, b]).seen == [a, b]
    with pytest.raises(TypeError, match="`spawn` needs a walker"):
        jac.spawn(a, b)
    with pytest.raises(TypeError, match="`spawn` needs a walker"):
        jac.spawn(a, roams)


@pytest.mark.parametrize(
    ("index", "order"), [(0, "xab"), (1, "axb"), (-1, "abx"), (-2, "axb"), (-9, "xab"), (9, "abx")]
)
def test_a_visit_with_an_index_takes_its_place_in_the_queue(index: int, order: str) -> None:
    walker = roams()
    walker.visit([Place("a"), Place("b")])
    assert jac.visit(walker, Place("x"), index) is True
    assert "".join(place.name for place in walker.__jac__.queue) == order


def test_steps_are_each_edge_with_the_node_behind_it() -> None:
    a, b, c = Place("a"), Place("b"), Place("c")
    jac.connect(b, a, Way(km=2))
    jac.connect(c, a, Way(km=3))
    first, second = jac.hop(a, "into", "edges")
    assert jac.hop(a, "into", "steps") == [first, b, second, c]
    assert jac.hop(a, "both", "steps") == [first, b, second, c]
    assert jac.hop(a, "out", "steps") == []
    walker = roams()
    walker.ignore(c)
    assert jac.visit_steps(walker, jac.hop(a, "into", "steps")) is True
    assert list(walker.__jac__.queue) == [first, b, second]
    assert jac.visit_steps(walker, []) is False


def test_defaults_are_made_for_each_instance() -> None:
    one, other = Thing(), Thing()
    one.tags.append("x")
    assert other.tags == []
    assert jac.assign([one, other], size=3) == [one, other]
    assert (one.size, other.size) == (3, 3)


def test_a_flow_gives_what_its_work_gives_or_raises() -> None:
    assert jac.wait(jac.flow(lambda: jac.hop(root()))) == []
    with pytest.raises(ZeroDivisionError):
        jac.wait(jac.flow(lambda: 1 // 0))


def test_a_reference_leads_back() -> None:
    a = Place("a")
    jac.connect(root(), a)
    assert jac.reference(jid(a)) is a


def test_a_report_is_printed_only_when_programs_are_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    walker = roams()
    jac.report_aloud(walker, 1)
    monkeypatch.setattr(jac.Printed, "on", True)
    jac.report_aloud(walker, 2)
    jac.report(walker, 3)
    jac.report(None, 4)
    assert walker.reports == [1, 2, 3]
    assert capsys.readouterr().out == "2\n"
