"""Workload: random transactions, as the program is asked for them and as the checker reads their answers. Knows no server.

A part is one step of the program: what it asks for, what it would write, and what its result says.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.cluster.history.model import Add, Append, Get, Look, Read, Remove, Step, Write

CHANNELS = ("even", "odd")
SLOTS = 3
PINS = 2
_FULL = 40  # values in a list, or writes of a register, after which another takes its place
_STOCK = {"track": 10, "cell": 6, "hub": 4}  # how many there are at a time


@dataclass(frozen=True, slots=True)
class Part:
    """`ask` is for the program; None: the walk commits here. `decode` makes steps of the result; `writes` are those it would do.

    `told`: the channel, key and value of a notification. `is_conditional`: whether `writes` depend on what it finds.
    """

    ask: list[Any]
    writes: tuple[Step, ...] = ()
    decode: Callable[[Any], list[Step]] = lambda result: []
    told: tuple[str, str, int] | None = None
    is_conditional: bool = False


COMMIT = Part(["commit"])


@dataclass(frozen=True, slots=True)
class Plan:
    """One walk. `units` are its parts between commits."""

    what: str
    parts: tuple[Part, ...]
    in_hand: bool = False

    def units(self) -> list[list[tuple[int, Part]]]:
        """The parts of each unit of work, with their places among all results."""
        units: list[list[tuple[int, Part]]] = [[]]
        for place, part in enumerate(self.parts):
            if part is COMMIT:
                units.append([])
            else:
                units[-1].append((place, part))
        return units


@dataclass(slots=True)
class Thing:
    """A node that clients know. `used` counts what was asked to be written to it."""

    kind: str
    tag: int
    reference: str
    used: int = 0

    @property
    def key(self) -> str:
        return f"{self.kind}:{self.tag}"

    @property
    def life(self) -> str:
        return f"alive:{self.tag}"

    @property
    def channel(self) -> str:
        return CHANNELS[self.tag % 2]


@dataclass(slots=True)
class Pair:
    """Two numbers that are always equal."""

    one: Thing
    other: Thing


@dataclass
class World:
    """All that clients know: the nodes in use, those that are full, and users by number."""

    chance: random.Random
    things: dict[str, list[Thing]] = field(default_factory=lambda: {kind: [] for kind in _STOCK})
    spare: dict[str, list[Thing]] = field(default_factory=lambda: {kind: [] for kind in _STOCK})
    everything: list[Thing] = field(default_factory=list)
    pairs: list[Pair] = field(default_factory=list)
    emails: list[str] = field(default_factory=list)
    roots: dict[str, int] = field(default_factory=dict)  # root id → element
    registered: dict[int, int] = field(default_factory=dict)  # users that were found → element of their roots
    unique: set[str] = field(default_factory=set)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def wanted(self) -> list[tuple[str, int]]:
        """The nodes to make now, so that there are always some to go on with."""
        kinds = [kind for kind, stock in _STOCK.items() if len(self.spare[kind]) < stock]
        return [(kind, next(self.numbers)) for kind in kinds for _ in range(2 * _STOCK[kind])]

    def take(self, kind: str, tag: int, reference: str) -> None:
        """A node was made."""
        thing = Thing(kind, tag, reference)
        self.everything.append(thing)
        self.spare[kind].append(thing)

    def root(self, root_id: str) -> int:
        """The number that stands for a root."""
        return self.roots.setdefault(root_id.rpartition(":")[2], len(self.roots) + 1)

    def some(self, kind: str) -> Thing:
        """A node to work on; one that is full is replaced first."""
        things = self.things[kind]
        while len(things) < _STOCK[kind] and self.spare[kind]:
            things.append(self.spare[kind].pop(0))
        thing = self.chance.choice(things)
        if thing.used >= _FULL and self.spare[kind]:
            things.remove(thing)
            return self.some(kind)
        return thing

    def plan(self, user: int, without: Container[str] = ()) -> Plan:
        """The next walk of a user, of any kind that is not in `without`."""
        while (plan := self._plan(user)).what in without:
            pass
        return plan

    def _plan(self, user: int) -> Plan:
        dice = self.chance.random()
        if dice < 0.07:
            return Plan("count both", (self._both(),))
        if dice < 0.15:
            return Plan("peek", (self._peek(),))
        if dice < 0.16:
            return Plan("destroy", (self._destroy(),))
        if dice < 0.17:
            return Plan("roots", (self._roots(),))
        if dice < 0.25:
            part = self._claim(user) if self.chance.random() < 0.6 else self._release(user)
            return Plan("pins", (part, *self._some_parts(0, 1)))
        if dice < 0.27:
            return Plan("all pins", (self._pins(),))
        if dice < 0.4:
            makes = self.chance.choice([self._ensure, self._ensure, self._around, self._drop])
            return Plan("leaves", (makes(), *self._some_parts(0, 1)))
        if dice < 0.47:
            parts = (*self._some_parts(1, 2), COMMIT, *self._some_parts(1, 2))
            return Plan("commit inside", parts, self.chance.random() < 0.5)
        if dice < 0.52:
            return Plan("skew after commit", self._skew(), True)
        if dice < 0.54:
            return Plan("abort", (*self._some_parts(1, 3), Part(["abort"])))
        return Plan("transaction", self._some_parts(1, 4), self.chance.random() < 0.5)

    def sweep(self) -> Iterator[Plan]:
        """Reads of everything, at the end."""
        parts = [self._read(thing) for thing in self.everything if thing.kind == "track"]
        parts += [self._get(thing) for thing in self.everything if thing.kind == "cell"]
        parts += [self._around(thing) for thing in self.everything if thing.kind == "hub"]
        parts += [self._pins(kind) for kind in range(PINS)]
        parts += [self.user(number) for number in range(len(self.emails))]
        parts.append(self._roots())
        for start in range(0, len(parts), 40):
            yield Plan("sweep", tuple(parts[start : start + 40]))

    # Parts

    def _some_parts(self, least: int, most: int) -> tuple[Part, ...]:
        kinds = [self._append] * 4 + [self._read] * 4 + [self._write] * 2 + [self._get] * 2 + [self._write_if]
        if self.emails:
            kinds.append(self.user)
        return tuple(self.chance.choice(kinds)() for _ in range(self.chance.randint(least, most)))

    def _skew(self) -> tuple[Part, ...]:
        """Read two registers, commit, and write one of them if the other is as it was."""
        self.some("cell")  # replaces those that are full
        one, other = self.chance.sample(self.things["cell"][:2], 2)
        return self._get(one), self._get(other), COMMIT, self._write_if(one, other)

    def _append(self) -> Part:
        track, value = self.some("track"), next(self.numbers)
        track.used += 1
        told = (track.channel, track.key, value) if self.chance.random() < 0.5 else None
        asked = ["append", track.reference, value, *((track.channel, track.key) if told else ())]
        write = Append(track.key, value)
        return Part(asked, (write,), lambda result: _if_there(track, result, write), told)

    def _read(self, track: Thing | None = None) -> Part:
        track = track or self.some("track")
        return Part(
            ["read", track.reference],
            decode=lambda result: _if_there(track, result, Read(track.key, tuple(result or ()))),
        )

    def _write(self) -> Part:
        cell = self.some("cell")
        cell.used += 1
        write = Write(cell.key, next(self.numbers))
        return Part(
            ["write", cell.reference, write.value], (write,), lambda result: _written(cell, result, write)
        )

    def _get(self, cell: Thing | None = None) -> Part:
        cell = cell or self.some("cell")
        return Part(["get", cell.reference], decode=lambda result: _got(cell, result))

    def _write_if(self, other: Thing | None = None, cell: Thing | None = None) -> Part:
        other, cell = other or self.some("cell"), cell or self.some("cell")
        cell.used += 1
        write = Write(cell.key, next(self.numbers))

        def decode(result: Any) -> list[Step]:
            looked, before = result
            steps = _got(other, looked)
            is_asked = looked is not None and looked[0] % 2 == 0
            return steps + _written(cell, before, write) if is_asked else steps

        asked = ["write_if", other.reference, cell.reference, write.value]
        return Part(asked, (write,), decode, is_conditional=True)

    def _destroy(self) -> Part:
        thing = self.some(self.chance.choice(["track", "cell"]))
        thing.used = _FULL
        remove = Remove(thing.life, thing.tag)
        return Part(
            ["destroy", thing.reference],
            (remove,),
            lambda result: _if_there(thing, result or None, remove),
        )

    def _ensure(self) -> Part:
        hub, slot, tag = self.some("hub"), self.chance.randrange(SLOTS), next(self.numbers)
        hub.used += 1
        key = f"slot:{hub.tag}:{slot}"
        self.unique.add(key)
        add = Add(key, tag)

        def decode(result: Any) -> list[Step]:
            there, is_made = result
            return [Look(key, tuple(there)), *([add] if is_made else [])]

        return Part(["ensure", hub.reference, slot, tag], (add,), decode)

    def _around(self, hub: Thing | None = None) -> Part:
        hub = hub or self.some("hub")

        def decode(result: Any) -> list[Step]:
            return [
                Look(f"slot:{hub.tag}:{slot}", tuple(tag for tag, at in result if at == slot))
                for slot in range(SLOTS)
            ]

        return Part(["around", hub.reference], decode=decode)

    def _drop(self) -> Part:
        hub, slot = self.some("hub"), self.chance.randrange(SLOTS)
        hub.used += 1
        key = f"slot:{hub.tag}:{slot}"
        return Part(["drop", hub.reference, slot], (Remove(key, None),), lambda result: _gone(result, key))

    def _claim(self, user: int) -> Part:
        kind, tag, by_count = self.chance.randrange(PINS), next(self.numbers), self.chance.random() < 0.5
        mine, all_ = f"pins:{kind}:{user}", f"pins:{kind}"
        self.unique.add(mine)
        adds = Add(mine, tag), Add(all_, tag)

        def decode(result: Any) -> list[Step]:
            found, is_made = result
            looked = [] if found is None else [Look(mine, tuple(found))]
            return [*looked, *(adds if is_made else ())]

        return Part(["claim", kind, tag, by_count], adds, decode)

    def _release(self, user: int) -> Part:
        kind = self.chance.randrange(PINS)
        keys = f"pins:{kind}:{user}", f"pins:{kind}"
        return Part(
            ["release", kind],
            tuple(Remove(key, None) for key in keys),
            lambda result: [
                Look(keys[0], tuple(result)),
                *(step for key in keys for step in _removes(result, key)),
            ],
        )

    def _pins(self, kind: int | None = None) -> Part:
        kind = self.chance.randrange(PINS) if kind is None else kind
        return Part(["pins", kind], decode=lambda result: [Look(f"pins:{kind}", tuple(result))])

    def _roots(self) -> Part:
        return Part(["roots"], decode=lambda result: [Look("roots", tuple(map(self.root, result)))])

    def user(self, number: int | None = None) -> Part:
        """A look for a user by address."""
        number = self.chance.randrange(len(self.emails)) if number is None else number

        def decode(result: Any) -> list[Step]:
            if result is not None:
                self.registered[number] = self.root(result)
            return [Look("users", (number,) if result is not None else (), (number,))]

        return Part(["user", self.emails[number]], decode=decode)

    def _both(self) -> Part:
        pair = self.chance.choice(self.pairs)
        return Part(["count_both", pair.one.reference, pair.other.reference])

    def _peek(self) -> Part:
        pair = self.chance.choice(self.pairs)
        return Part(["peek", pair.one.reference, pair.other.reference, pair.one.channel, pair.one.key])


def _if_there(thing: Thing, result: Any, *steps: Step) -> list[Step]:
    """Steps on a node that a result shows to be there (not None), beside the look for it."""
    if result is None:
        return [Look(thing.life, (), (thing.tag,))]
    return [Look(thing.life, (thing.tag,), (thing.tag,)), *steps]


def _got(cell: Thing, result: Any) -> list[Step]:
    if result is None:
        return _if_there(cell, None)
    value, previous = result
    return _if_there(cell, result, Get(cell.key, value, previous))


def _written(cell: Thing, before: Any, write: Write) -> list[Step]:
    return [*_got(cell, before), *([write] if before is not None else [])]


def _gone(tags: list[int], key: str) -> list[Step]:
    return [Look(key, tuple(tags)), *_removes(tags, key)]


def _removes(tags: list[int], key: str) -> list[Step]:
    return [Remove(key, tag) for tag in tags]
