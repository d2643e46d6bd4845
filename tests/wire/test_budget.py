"""The time that all sockets together have in one turn of the event loop, by a clock of the test."""

from __future__ import annotations

import asyncio

from walkwire.wire.budget import LEFT_OVER, SLICE, TURN, Budget


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
        self._name, self._budget, self._clock, self._log = name, budget, clock, log
        self._slices, self._seconds = slices, seconds

    def read_rest(self) -> None:
        started = self._clock.now
        self._clock.now += self._seconds
        self._log.append(self._name)
        self._slices -= 1
        self._budget.spend(self, started)
        if self._slices:
            self._budget.wait(self)


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
    assert budget.slice_ends(1.0) == 1.0 + SLICE
    await asyncio.sleep(0)
    assert log == ["one"]
    assert LEFT_OVER < TURN
