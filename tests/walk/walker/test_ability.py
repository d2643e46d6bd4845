"""Which method runs where, and in which order (`jac.md`, "Same everywhere")."""

from __future__ import annotations

from typing import Any

from walkwire import Edge, Node, Root, Walker, on_entry, on_exit

log: list[str] = []


class Place(Node):
    name: str

    @on_entry
    def welcome(self, visitor: Tour) -> None:
        log.append(f"{self.name} welcomes")

    @on_exit
    def farewell(self, visitor: Tour) -> None:
        log.append(f"{self.name} says farewell")

    @on_entry
    def anybody(self) -> None:
        log.append(f"{self.name} greets anybody")


class Inn(Place):
    pass


class Bridge(Edge):
    @on_entry
    def cross(self, visitor: Tour) -> None:
        log.append("crossing")


class build(Walker):
    @on_entry
    def places(self, here: Root) -> None:
        first, second = here.connect(Place("a")), here.connect(Inn("b"))
        first.connect(Place("c"), Bridge)
        second.connect(Place("d"))


class Tour(Walker):
    @on_entry
    def begin(self) -> None:
        log.append("begin")

    @on_entry
    def start(self, here: Root) -> None:
        self.visit(here.out())

    @on_entry
    def arrive(self, here: Place) -> None:
        log.append(f"arrive {here.name}")
        self.visit(here.out())

    @on_entry
    def rest(self, here: Inn | Bridge) -> None:
        log.append("rest")

    @on_exit
    def depart(self, here: Place) -> None:
        log.append(f"depart {here.name}")

    @on_exit
    def end(self) -> None:
        log.append("end")


async def walked(world: Any, walker: type) -> list[str]:
    await world.reports(build)
    log.clear()
    await world.reports(walker)
    return list(log)


def stay(name: str, *inside: str) -> list[str]:
    around = [f"arrive {name}", *inside, f"{name} welcomes", f"{name} greets anybody"]
    return [*around, f"{name} says farewell", f"depart {name}"]


async def test_abilities_run_in_their_order_and_places_breadth_first(world: Any) -> None:
    assert await walked(world, Tour) == [
        "begin", *stay("a"), *stay("b", "rest"), *stay("c"), *stay("d"), "end"
    ]  # fmt: skip


async def test_disengage_ends_all_exits_included_and_skip_only_the_ability(world: Any) -> None:
    class Short(Tour):
        @on_entry
        def arrive(self, here: Place) -> None:
            if here.name == "b":
                self.disengage()
            log.append(f"arrive {here.name}")
            self.skip()

    assert await walked(world, Short) == ["begin", *stay("a")]


async def test_a_program_that_catches_exceptions_does_not_catch_disengage(world: Any) -> None:
    class Careful(Tour):
        @on_entry
        def arrive(self, here: Place) -> None:
            try:
                self.disengage()
            except Exception:
                log.append("caught")

    assert await walked(world, Careful) == ["begin"]


async def test_a_derived_walker_runs_the_base_s_abilities_first_and_overrides_by_name(world: Any) -> None:
    class Base(Walker):
        @on_entry
        def one(self, here: Root) -> None:
            log.append("base one")

        @on_entry
        def two(self, here: Root) -> None:
            log.append("base two")

    class Derived(Base):
        @on_entry
        def three(self, here: Root) -> None:
            log.append("derived three")

        @on_entry
        def one(self, here: Root) -> None:
            log.append("derived one")

    assert await walked(world, Derived) == ["derived one", "base two", "derived three"]


async def test_visiting_an_edge_runs_its_abilities_and_then_its_target(world: Any) -> None:
    class Edges(Tour):
        @on_entry
        def arrive(self, here: Place) -> None:
            log.append(f"arrive {here.name}")
            self.visit(here.edges())

    seen = await walked(world, Edges)

    crossing = seen.index("crossing")
    assert (seen[crossing - 1], seen[crossing + 1]) == ("rest", "arrive c")
    assert seen.count("arrive d") == 1


async def test_visit_takes_a_place_in_the_queue_and_says_whether_there_was_anything(world: Any) -> None:
    class Chosen(Walker):
        @on_entry
        def start(self, here: Root) -> None:
            a, b = here.out()
            log.append(str([self.visit(a), self.visit([]), self.visit(b, 0), self.visit(None)]))

        @on_entry
        def arrive(self, here: Place) -> None:
            log.append(here.name)

    assert (await walked(world, Chosen))[0] == "[True, False, True, False]"
    assert [line for line in log if len(line) == 1] == ["b", "a"]


async def test_a_trigger_may_name_a_class_that_comes_later(world: Any) -> None:
    class Early(Walker):
        @on_entry(lambda: (Root, Later))
        def at(self, here: Any) -> None:
            log.append(type(here).__name__)
            self.visit(here.out())

        @on_entry(lambda: None)
        def once(self, here: Any) -> None:
            log.append("once")
            here.connect(Later())

    class Later(Node):
        pass

    seen = await walked(world, Early)
    assert [line for line in seen if line in ("once", "Root", "Later")] == ["once", "Root", "Later"]
