"""What all connections hold: measured now and then, and the largest goes first."""

from __future__ import annotations

import asyncio
from typing import Any

from walkwire.wire.heartbeat import Heartbeat
from walkwire.wire.memory import SWEPT, MemoryBound


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


def test_nothing_is_measured_before_half_as_much_came_in_as_may_be_held() -> None:
    hoard = Hoard(10)
    held = memory(hoard)
    for _ in range(5):
        held.grow(100)
    assert hoard.asked == 0
    held.grow(1)
    assert (hoard.asked, held.size) == (1, 10)


async def test_a_sweep_asks_a_few_at_a_time_and_counts_what_is_added_meanwhile() -> None:
    hoards = [Hoard(1) for _ in range(2 * SWEPT + 1)]
    held = memory(*hoards)
    held.grow(501)
    asked = [sum(hoard.asked for hoard in hoards)]
    held.grow(300)
    for _ in range(3):
        await asyncio.sleep(0)
        asked.append(sum(hoard.asked for hoard in hoards))
    assert asked == [SWEPT, 2 * SWEPT, 2 * SWEPT + 1, 2 * SWEPT + 1]
    held.grow(249)  # half of the 1000 - 201 - 300 that may still come in
    assert all(hoard.asked == 1 for hoard in hoards)
    held.grow(2)
    await asyncio.sleep(0)
    assert sum(hoard.asked == 2 for hoard in hoards) == 2 * SWEPT


async def test_if_too_much_comes_in_during_a_sweep_all_are_asked_at_once() -> None:
    hoards = [Hoard(6) for _ in range(2 * SWEPT)]
    held = memory(*hoards)
    held.grow(501)
    held.grow(500)
    assert held.size == 1200 - 6 * 75
    await asyncio.sleep(0)


def test_the_largest_go_until_three_quarters_of_the_bound_are_left() -> None:
    small, large, medium = Hoard(400), Hoard(500), Hoard(450)
    held = memory(small, large, medium)
    held.measure()
    assert (small.size, large.size, medium.size, held.size) == (400, 0, 0, 400)


def test_at_the_bound_it_is_not_measured_for_every_byte() -> None:
    hoard = Hoard(1000)
    held = memory(hoard)
    held.measure()
    for _ in range(31):
        held.grow(1)
    assert (hoard.size, hoard.asked) == (1000, 1)


def test_one_that_grows_while_it_gives_up_does_not_begin_again() -> None:
    class Stubborn(Hoard):
        def give_up(self) -> None:
            held.grow(5000)

    held = memory(Stubborn(2000))
    held.measure()
    assert held.size == 0


async def test_a_sweep_finds_what_nobody_counted_wherever_it_is() -> None:
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
