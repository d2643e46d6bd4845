"""The graph as one walk sees it."""

from __future__ import annotations

from typing import Any

from walkwire import Edge, Node, Root, Walker, delete, jid, jobj, on_entry, root, save


class Stop(Node):
    name: str
    seen: int = 0


class Depot(Stop):
    gates: int = 2


class Road(Edge):
    km: int = 1


class build(Walker):
    @on_entry
    def roads(self, here: Root) -> None:
        a, b = here.connect(Stop("a")), here.connect(Depot("b"))
        a.connect(b, Road(km=5))
        b.connect(a, Road)
        self.report([jid(a), jid(b)])


async def test_neighbours_come_in_the_order_in_which_they_were_connected(world: Any) -> None:
    class look(Walker):
        @on_entry
        def neighbours(self, here: Root) -> None:
            self.report([stop.name for stop in here.out()])

    await world.reports(build)

    assert await world.reports(look) == [["a", "b"]]


async def test_neighbours_are_chosen_by_class_edge_direction_and_field(world: Any) -> None:
    class look(Walker):
        @on_entry
        def neighbours(self, here: Stop) -> None:
            self.report([stop.name for stop in here.out(Depot)])
            self.report([stop.name for stop in here.out(Stop, edge=Road)])
            self.report([stop.name for stop in here.into(Stop)])
            self.report([type(place).__name__ for place in here.into()])
            self.report([stop.name for stop in here.both(Stop)])
            self.report([stop.name for stop in here.out(Stop, name="zzz")])
            self.report([road.km for road in here.edges(Road)])
            self.report([road.km for road in here.edges(Road, direction="both", km=1)])

    ((a, _),) = await world.reports(build)

    assert await world.reports(look, a) == [["b"], ["b"], ["b"], ["Root", "Depot"], ["b", "b"], [], [5], [1]]


async def test_what_a_walk_connects_it_sees_at_once(world: Any) -> None:
    class connect(Walker):
        @on_entry
        def now(self, here: Root) -> None:
            stop = here.connect(Stop("new"))
            self.report([found is stop for found in here.out(Stop)])
            self.report([found.name for found in stop.into()] if stop.into(Stop) else "only the root")
            self.report(here.disconnect(stop))
            self.report(here.out())

    assert await world.reports(connect) == [[True], "only the root", True, []]


async def test_a_node_is_one_object_in_all_of_a_walk(world: Any) -> None:
    class same(Walker):
        @on_entry
        def object(self, here: Root) -> None:
            (stop,) = here.out(Depot)
            self.report([stop is jobj(jid(stop)), stop is here.out(Stop)[1], here is root()])

    await world.reports(build)

    assert await world.reports(same) == [[True, True, True]]


async def test_a_node_joined_to_nothing_is_stored_only_by_save(world: Any) -> None:
    class make(Walker):
        @on_entry
        def two(self, here: Root) -> None:
            lost, kept = Stop("lost"), Stop("kept")
            lost.connect(Stop("lost too"))
            save(kept)
            self.report([jid(lost), jid(kept)])

    class find(Walker):
        ids: list[str]

        @on_entry
        def by_id(self, here: Root) -> None:
            self.report([found and found.name for found in map(jobj, self.ids)])

    (ids,) = await world.reports(make)

    assert await world.reports(find, ids=ids) == [[None, "kept"]]


async def test_a_chain_of_new_nodes_is_stored_when_one_of_them_is_joined_to_the_graph(world: Any) -> None:
    class chain(Walker):
        @on_entry
        def three(self, here: Root) -> None:
            last = Stop("1").connect(Stop("2")).connect(Stop("3"))
            last.connect(here)

    class back(Walker):
        @on_entry
        def walk(self, here: Root) -> None:
            self.report([stop.name for stop in here.into()])
            self.visit(here.into())

        @on_entry
        def on(self, here: Stop) -> None:
            self.report(here.name)
            self.visit(here.into())

    await world.reports(chain)

    assert await world.reports(back) == [["3"], "3", "2", "1"]


async def test_losing_its_last_edge_does_not_delete_a_node(world: Any) -> None:
    class cut(Walker):
        @on_entry
        def all(self, here: Root) -> None:
            for stop in here.out():
                here.disconnect(stop)

    class name(Walker):
        @on_entry
        def it(self, here: Stop) -> None:
            self.report(here.name)

    ((a, _),) = await world.reports(build)
    await world.reports(cut)

    assert await world.reports(name, a) == ["a"]


async def test_a_deleted_node_takes_its_edges_with_it(world: Any) -> None:
    class remove(Walker):
        @on_entry
        def it(self, here: Stop) -> None:
            delete(here)
            self.report(here.name)

    class look(Walker):
        @on_entry
        def around(self, here: Root) -> None:
            self.report([stop.name for stop in here.out()])
            self.report([len(stop.edges(direction="both")) for stop in here.out()])

    ((a, _),) = await world.reports(build)
    await world.reports(remove, a)

    assert await world.reports(look) == [["b"], [1]]


async def test_a_change_inside_a_list_is_a_change(world: Any) -> None:
    class Note(Node):
        tags: list = []  # type: ignore[type-arg]

    class tag(Walker):
        word: str

        @on_entry
        def first(self, here: Root) -> None:
            if not here.out(Note):
                here.connect(Note())
            (note,) = here.out(Note)
            note.tags.append(self.word)
            self.report(note.tags)

    await world.reports(tag, word="a")
    assert await world.reports(tag, word="b") == [["a", "b"]]
    assert await world.reports(tag, word="c") == [["a", "b", "c"]]


async def test_reading_writes_nothing(world: Any) -> None:
    class read(Walker):
        @on_entry
        def all(self, here: Root) -> None:
            self.visit(here.out())

        @on_entry
        def touch(self, here: Stop) -> None:
            here.seen = here.seen + 0
            self.report(here)

    ((a, _),) = await world.reports(build)
    await world.reports(read)

    (record,) = world.store.load_nodes([a.split(":")[2]])
    assert record.version == 1


async def test_edges_keep_their_fields_and_can_be_changed(world: Any) -> None:
    class lengthen(Walker):
        @on_entry
        def roads(self, here: Stop) -> None:
            for road in here.edges(Road):
                road.km += 10
                self.report([road.km, road.source.name, road.target.name])

    ((a, _),) = await world.reports(build)

    assert await world.reports(lengthen, a) == [[15, "a", "b"]]
    assert await world.reports(lengthen, a) == [[25, "a", "b"]]
