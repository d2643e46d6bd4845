"""What all connections hold: measured now and then, and the largest goes first."""

from __future__ import annotations

import asyncio
from typing import Any

from walkwire.wire.heartbeat import Heartbeat
from walkwire.wire.memory import MemoryBound


class Hoard:
    """A connection that holds so many bytes. `asked` counts how often it was measured."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.asked = 0

    def held(self) -> int:
        self.asked += 1
        return self.size

    def give_up(self) -> None:
        self.size = 0


def memory(*hoards: Any) -> MemoryBound:
    made = MemoryBound(1000, Heartbeat(25, 20))
    made.requests.update(hoards)
    return made


def test_nothing_is_measured_before_as_much_came_in_as_may_be_held() -> None:
    hoard = Hoard(10)
    held = memory(hoard)
    for _ in range(10):
        held.grow(100)
    assert hoard.asked == 0
    held.grow(1)
    assert (hoard.asked, held.size) == (1, 10)


def test_the_largest_go_until_three_quarters_of_the_bound_are_left() -> None:
    small, large, medium = Hoard(400), Hoard(500), Hoard(450)
    held = memory(small, large, medium)
    held.measure()
    assert (small.size, large.size, medium.size, held.size) == (400, 0, 0, 400)


def test_at_the_bound_it_is_not_measured_for_every_byte() -> None:
    hoard = Hoard(1000)
    held = memory(hoard)
    held.measure()
    for _ in range(62):
        held.grow(1)
    assert (hoard.size, hoard.asked) == (1000, 1)


def test_one_that_grows_while_it_gives_up_does_not_begin_again() -> None:
    class Stubborn(Hoard):
        def give_up(self) -> None:
            held.grow(5000)

    held = memory(Stubborn(2000))
    held.measure()
    assert held.size == 0


async def test_a_sweep_finds_what_nobody_counted_one_slot_at_a_time() -> None:
    heartbeat = Heartbeat(25, 20)
    sockets: list[Any] = [Hoard(300) for _ in range(4)]
    held = MemoryBound(1000, heartbeat)
    for socket in sockets:
        heartbeat.watch(socket)
        heartbeat.tick()
    held._sweep()
    held.stop()
    for _ in range(100):
        await asyncio.sleep(0)
    assert sorted(socket.size for socket in sockets) == [0, 0, 300, 300]
    assert held.size == 600


def test_it_is_told_once_when_much_was_freed() -> None:
    hoard = Hoard(600)
    held = memory(hoard)
    told: list[int] = []
    held.on_freed = lambda: told.append(hoard.size)
    for size in (600, 500, 400, 350, 100, 90):
        hoard.size = size
        held.measure()
    assert told == [400, 100]
