"""The time that all sockets together have in one turn of the event loop, by a clock of the test."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

from walkwire.wire.budget import CROWD, IN_CROWD, OLDER, SLICE, TURN, YOUNG, Budget, request_seconds


class Clock:
    """Stands until it is moved."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Socket:
    """Has some slices left, each of which takes a time."""

    def __init__(
        self, name: str, budget: Budget, clock: Clock, log: list[str], slices: int, seconds: float
    ) -> None:
        self.taken = 0.0
        self.is_narrow = False
        self._name, self._budget, self._clock, self._log = name, budget, clock, log
        self._slices, self._seconds = slices, seconds

    def narrow(self, is_narrow: bool) -> None:
        self.is_narrow = is_narrow

    def read_rest(self) -> None:
        started = self._clock.now
        self._clock.now += self._seconds
        self._log.append(self._name)
        self._slices -= 1
        self._budget.spend(self, started)
        if self._slices:
            self._budget.wait(self)


async def turns(is_so: Callable[[], bool]) -> None:
    """Let the event loop turn until it is so."""
    while not is_so():  # noqa: ASYNC110 each turn is what is tested
        await asyncio.sleep(0)


async def test_what_many_sockets_left_is_handled_a_few_milliseconds_at_a_time() -> None:
    clock, log = Clock(), list[str]()
    budget = Budget(clock)
    for number in range(50):
        budget.wait(Socket(str(number), budget, clock, log, 2, 0.001))
    while len(log) < 100:
        before = clock.now
        await asyncio.sleep(0)
        assert clock.now - before < TURN
    assert sorted(log) == sorted([str(number) for number in range(50)] * 2)


async def test_a_socket_that_took_little_comes_before_those_that_flood() -> None:
    clock, log = Clock(), list[str]()
    budget = Budget(clock)
    for number in range(50):
        budget.wait(Socket(f"flood {number}", budget, clock, log, 1000, 0.001))
    for _ in range(100):
        await asyncio.sleep(0)
    log.clear()
    budget.wait(Socket("honest", budget, clock, log, 1, 0.0001))
    await asyncio.sleep(0)
    assert log[0] == "honest"


async def test_one_who_asks_for_little_comes_before_hundreds_who_each_took_little() -> None:
    clock, log = Clock(), list[str]()
    budget = Budget(clock)
    for number in range(900):
        budget.wait(Socket(f"flood {number}", budget, clock, log, 1000, 0.0004))
    await turns(lambda: len(log) >= 1000)
    log.clear()
    budget.wait(Socket("honest", budget, clock, log, 1, 0.0001))
    await asyncio.sleep(0)
    assert log[0] == "honest"


async def test_new_input_of_a_socket_that_took_more_has_to_stand_in_line() -> None:
    clock, log = Clock(), list[str]()
    budget = Budget(clock)
    sockets = [Socket(str(number), budget, clock, log, 2, 0.001) for number in range(50)]
    assert sockets[0].taken <= budget.place
    for socket in sockets:
        budget.wait(socket)
    await asyncio.sleep(0)
    assert sockets[0].taken > budget.place  # had its slice, and others had none
    assert sockets[-1].taken <= budget.place
    await turns(lambda: len(log) == 100)
    assert sockets[0].taken <= budget.place  # nobody waits any more


async def test_what_was_taken_while_nobody_waited_does_not_count_later() -> None:
    clock, log = Clock(), list[str]()
    budget = Budget(clock)
    busy, other = (Socket(name, budget, clock, log, 1, TURN) for name in ("busy", "other"))
    budget.count(busy, 100.0)
    await asyncio.sleep(0)
    budget.count(other, 0.0001)
    budget.wait(other)
    budget.wait(busy)
    await asyncio.sleep(0)
    assert log == ["busy"]


async def test_in_a_crowd_peers_may_send_little_ahead_and_later_as_much_as_before() -> None:
    clock, log = Clock(), list[str]()
    budget = Budget(clock)
    for number in range(CROWD + 10):
        budget.wait(Socket(str(number), budget, clock, log, 1, 0.001))
    await asyncio.sleep(0)
    late = Socket("late", budget, clock, log, 1, 0.001)
    budget.wait(late)
    assert late.is_narrow
    await turns(lambda: "late" in log and budget.place == math.inf)
    budget.wait(late)
    assert not late.is_narrow


async def test_new_input_has_to_wait_when_the_time_of_the_turn_is_spent_and_not_longer() -> None:
    clock, log = Clock(), list[str]()
    budget = Budget(clock)
    socket = Socket("one", budget, clock, log, 1, 2 * TURN)
    assert not budget.is_spent
    socket.read_rest()
    assert budget.is_spent
    await asyncio.sleep(0)
    assert not budget.is_spent


async def test_a_slice_is_short_while_others_wait() -> None:
    clock, log = Clock(), list[str]()
    budget = Budget(clock)
    assert budget.slice_ends(1.0) == 1.0 + TURN
    budget.wait(Socket("one", budget, clock, log, 1, 0.001))
    assert budget.slice_ends(1.0) == 1.0 + TURN * SLICE
    await asyncio.sleep(0)
    assert log == ["one"]


async def test_in_a_crowd_turns_are_short_and_garbage_is_collected_in_them() -> None:
    clock, log, collected = Clock(), list[str](), list[int]()
    budget = Budget(clock, collected.append)
    for number in range(2 * CROWD):
        budget.wait(Socket(str(number), budget, clock, log, OLDER, 0.0001))
    await asyncio.sleep(0)
    assert budget.turn == TURN * IN_CROWD
    before, count = clock.now, 1
    while count < OLDER:
        count += 1
        await asyncio.sleep(0)
    assert clock.now - before < OLDER * TURN * IN_CROWD
    assert collected == [0] * (OLDER // YOUNG - 1) + [1]
    await turns(lambda: budget.place == math.inf)
    budget.wait(Socket("alone", budget, clock, log, 1, 0.0001))
    await turns(lambda: "alone" in log)
    assert budget.turn == TURN


def test_a_request_to_a_walker_is_counted_as_less_than_another() -> None:
    assert 0 < request_seconds("/walker/post") < request_seconds("/user/login")
