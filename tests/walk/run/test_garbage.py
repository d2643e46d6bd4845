"""What a walk leaves behind is freed at once: the garbage collector, which stops everything while it works, has nothing to do."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest

from tests.garbage import garbage_of
from walkwire import Node, Root, Walker, commit, on_entry
from walkwire.errors import NoAccess

KEPT: dict[str, Any] = {}  # what a walker of this program keeps beyond its walk


class Room(Node):
    name: str = ""
    seen: int = 0
    next: Node | None = None  # looked up at its first use


class build(Walker):
    @on_entry
    def rooms(self, here: Root) -> None:
        hall = here.connect(Room("hall"))
        for number in range(5):
            hall.connect(Room(f"room {number}", next=hall))
        self.report(hall)


class nothing(Walker):
    @on_entry
    def enter(self, here: Root) -> None: ...


class nothing_async(Walker):
    @on_entry
    async def enter(self, here: Root) -> None: ...


class make(Walker):
    @on_entry
    def room(self, here: Root) -> None:
        self.report(here.connect(Room("new")))


class read(Walker):
    @on_entry
    def rooms(self, here: Room) -> None:
        self.report([room.next.name for room in here.out(Room) if isinstance(room.next, Room)])


class change(Walker):
    @on_entry
    def room(self, here: Room) -> None:
        here.seen += 1


class change_twice(Walker):
    @on_entry
    def room(self, here: Room) -> None:
        here.seen += 1
        commit()
        here.seen += 1


class fail(Walker):
    @on_entry
    def room(self, here: Room) -> None:
        raise LookupError(here.out(Room)[0].name)


class keep(Walker):
    @on_entry
    def rooms(self, here: Room) -> None:
        KEPT["hall"], KEPT["room"] = here, here.out(Room)[0]


class keep_over_commit(Walker):
    @on_entry
    def room(self, here: Room) -> None:
        KEPT["hall"] = here
        here.seen += 1
        commit()


@pytest.mark.parametrize(
    ("walker", "is_at_hall"),
    [
        (nothing, False),
        (nothing_async, False),
        (make, False),
        (read, True),
        (change, True),
        (change_twice, True),
        (fail, True),
    ],
)
async def test_a_walk_leaves_no_garbage(walker: type[Walker], is_at_hall: bool, world: Any) -> None:
    hall = (await world.reports(build))[0]["id"] if is_at_hall else None

    async def walk() -> None:
        with contextlib.suppress(LookupError):
            await world.answer(walker, hall)

    assert await garbage_of(walk) < 1


async def test_a_walk_at_what_is_absent_leaves_no_garbage(world: Any) -> None:
    async def walk() -> None:
        with pytest.raises(NoAccess):
            await world.answer(read, "n:Room:0123456789abcdef01234567")

    assert await garbage_of(walk) < 1


async def test_what_a_program_keeps_of_a_walk_that_is_over_can_be_read(world: Any) -> None:
    """Also what was never looked up in the walk."""
    hall = (await world.reports(build))[0]["id"]
    await world.answer(keep, hall)
    assert not KEPT["hall"].__jac__.graph.working_set.nodes  # all was let go
    assert KEPT["hall"].name == "hall"
    far = await asyncio.to_thread(lambda: KEPT["room"].next)
    assert (far.name, far.__jac__.id) == ("hall", KEPT["hall"].__jac__.id)


async def test_what_was_kept_over_a_commit_can_be_read_after_the_walk(world: Any) -> None:
    hall = (await world.reports(build))[0]["id"]
    await world.answer(keep_over_commit, hall)
    assert await asyncio.to_thread(lambda: KEPT["hall"].seen) == 1
