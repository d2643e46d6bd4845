"""Whatever really happened one after another passes the checker, and does not with one flaw in it."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.cluster.history.checker import check
from tests.cluster.history.model import (
    NONE,
    Add,
    Append,
    Get,
    History,
    Look,
    Outcome,
    Read,
    Remove,
    Step,
    Transaction,
    Write,
)

KEYS = ("a", "b", "c")
LENGTH = 40

RUNS = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


class System:
    """A system that does one transaction at each whole second, and answers some of them late, or never."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.history = History(unique={f"only {key}" for key in KEYS})
        self.lists: dict[str, list[int]] = {key: [] for key in KEYS}
        self.registers: dict[str, tuple[int, int]] = dict.fromkeys(KEYS, (NONE, NONE))
        self.sets: dict[str, list[int]] = defaultdict(list)
        self.number = 0
        self.now = 0.0

    def one(self) -> int:
        self.number += 1
        return self.number

    def at_random(self) -> None:
        """Do something. What is refused is not done, what is not answered may be."""
        dice = self.chance.random()
        outcome: Outcome = "fail" if dice < 0.1 else "info" if dice < 0.2 else "ok"
        is_done = outcome == "ok" or (outcome == "info" and self.chance.random() < 0.5)
        before = {key: list(values) for key, values in self.lists.items()}, dict(self.registers)
        sets = {key: list(values) for key, values in self.sets.items()}
        steps = [step for _ in range(self.chance.randint(1, 4)) for step in self.steps()]
        if not is_done:
            (self.lists, self.registers), self.sets = before, defaultdict(list, sets)
        self.put(steps, outcome)

    def steps(self) -> list[Step]:
        key = self.chance.choice(KEYS)
        only = f"only {key}"
        match self.chance.randrange(7):
            case 0:
                return [self.append(key)]
            case 1:
                return [self.read(key)]
            case 2:
                get = Get(key.upper(), *self.registers[key])
                write = Write(key.upper(), self.one())
                self.registers[key] = write.value, get.value
                return [get, write]
            case 3:
                return [Get(key.upper(), *self.registers[key])]
            case 4:
                return self.claim(only)
            case 5:
                looked = Look(only, tuple(self.sets[only]))
                gone = [Remove(only, element) for element in self.sets[only]]
                self.sets[only] = []
                return [looked, *gone]
            case _:
                return [Look(only, tuple(self.sets[only]))]

    def append(self, key: str) -> Append:
        self.lists[key].append(self.one())
        return Append(key, self.number)

    def read(self, key: str) -> Read:
        return Read(key, tuple(self.lists[key]))

    def claim(self, only: str) -> list[Step]:
        looked = Look(only, tuple(self.sets[only]))
        if self.sets[only]:
            return [looked]
        self.sets[only].append(self.one())
        return [looked, Add(only, self.number)]

    def put(self, steps: list[Step], outcome: Outcome = "ok", slack: float = 3.0) -> None:
        """Write a transaction down. With `slack` it overlaps others; without it is over before the next one begins."""
        self.now += 1
        invoked = self.now - slack * self.chance.random()
        completed = self.now + slack * self.chance.random()
        if outcome != "ok":
            removes = [Remove(step.key, None) for step in steps if isinstance(step, Remove)]
            steps = [*(step for step in steps if isinstance(step, Append | Write | Add)), *removes]
        id = len(self.history.transactions)
        self.history.transactions.append(Transaction(id, id, invoked, completed, outcome, tuple(steps)))

    def end(self) -> History:
        """Read everything at last."""
        self.now += 10
        self.put([self.read(key) for key in KEYS], slack=0)
        self.put([Get(key.upper(), *self.registers[key]) for key in KEYS], slack=0)
        self.put([Look(f"only {key}", tuple(self.sets[f"only {key}"])) for key in KEYS], slack=0)
        return self.history


def lost(system: System) -> None:
    """An append that is acknowledged and not done."""
    system.put([Append("a", system.one())], slack=0)


def refused_but_done(system: System) -> None:
    system.put([system.append("a")], "fail")


def stale(system: System) -> None:
    before = system.read("a")
    system.put([system.append("a")], slack=0)
    system.put([before], slack=0)


def half(system: System) -> None:
    """A read of one of two lists before, and of the other after an append to both."""
    before = system.read("a")
    system.put([system.append("a"), system.append("b")])
    system.put([before, system.read("b")])


def overwritten(system: System) -> None:
    """Two that replace the same value of a register."""
    get = Get("A", *system.registers["a"])
    for _ in range(2):
        system.registers["a"] = system.one(), get.value
        system.put([get, Write("A", system.number)])


def skew(system: System) -> None:
    """Two that each read what the other is about to change."""
    reads = system.read("a"), system.read("b")
    system.put([reads[0], system.append("b")])
    system.put([reads[1], system.append("a")])


def made_twice(system: System) -> None:
    """Two that search at the same time, and both make what they do not find."""
    key = "only a"
    gone: list[Step] = [
        Look(key, tuple(system.sets[key])),
        *(Remove(key, element) for element in system.sets[key]),
    ]
    system.sets[key] = []
    system.put(gone, slack=0)
    for _ in range(2):
        system.put([Look(key, ()), Add(key, system.one())])
        system.sets[key].append(system.number)
    system.put([Look(key, tuple(system.sets[key]))], slack=0)  # else nobody may see both before they are gone


def missed(system: System) -> None:
    """A search that misses what has been there before, and is there afterwards."""
    system.put([Add("kept", system.one())], slack=0)
    system.put([Look("kept", ())], slack=0)
    system.put([Look("kept", (system.number,))], slack=0)


FLAWS = [lost, refused_but_done, stale, half, overwritten, skew, made_twice, missed]


@RUNS
@given(st.integers(0, 2**32))
def test_what_happened_one_after_another_passes(seed: int) -> None:
    system = System(random.Random(seed))
    for _ in range(LENGTH):
        system.at_random()
    assert check(system.end()).findings == []


@pytest.mark.parametrize("flaw", FLAWS, ids=lambda flaw: flaw.__name__)
@settings(RUNS, max_examples=50)
@given(seed=st.integers(0, 2**32))
def test_one_flaw_is_found(flaw: Callable[[System], None], seed: int) -> None:
    system = System(random.Random(seed))
    when = system.chance.randrange(LENGTH)
    for number in range(LENGTH):
        if number == when:
            flaw(system)
        system.at_random()
    assert check(system.end()).findings
