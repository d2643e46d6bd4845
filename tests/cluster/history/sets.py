"""Sets: dependencies that follow from elements which come once and go once.

A look is a read of a predicate: it tells which elements were there and which were not. A set has no version order, so an element
that was not found may not have come yet, or may be gone already. Real time often decides. If not, nothing is concluded.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.cluster.history.cycles import RW, WR, Graph
from tests.cluster.history.finding import Finding, Seen
from tests.cluster.history.model import Add, Look, Remove, Transaction

_LONGEST = 40.0  # seconds: no transaction takes longer


@dataclass(slots=True)
class _Element:
    added: int | None = None
    was_found: bool = False  # by a look
    removed: list[int] = field(default_factory=list)  # by transactions that say so
    perhaps: list[int] = field(default_factory=list)  # by transactions of which nobody knows


@dataclass(slots=True)
class _Key:
    elements: dict[int, _Element] = field(default_factory=lambda: defaultdict(_Element))
    perhaps: list[int] = field(default_factory=list)  # transactions that may have taken out anything
    looks: list[tuple[int, Look]] = field(default_factory=list)


class Sets:
    """The sets of a history, as `versions.Versions`."""

    def __init__(self, transactions: list[Transaction], seen: Seen, unique: set[str]) -> None:
        self._all = transactions
        self._seen = seen
        self._unique = unique
        self._keys: dict[str, _Key] = defaultdict(_Key)
        for place, transaction in enumerate(transactions):
            for step in transaction.steps:
                if isinstance(step, Add | Remove | Look):
                    self._take(place, transaction, step)

    def edges(self, graph: Graph) -> Iterator[Finding]:
        """Put in what follows, and yield what is wrong by itself."""
        for name, key in self._keys.items():
            for place, look in key.looks:
                yield from self._found(name, key, place, look, graph)
        for name, key in self._keys.items():  # by now it is known which adds without an answer were done
            yield from self._missed(name, key, graph)
            yield from self._taken_twice(name, key)
            for place, look in key.looks:
                for number in look.seen:
                    for remover in key.elements[number].removed:
                        graph.add(place, remover, RW, (name, number, "gone"))

    def _take(self, place: int, transaction: Transaction, step: Add | Remove | Look) -> None:
        key = self._keys[step.key]
        if isinstance(step, Look):
            if transaction.outcome == "ok":
                key.looks.append((place, step))
        elif isinstance(step, Add):
            element = key.elements[step.element]
            assert element.added is None, f"{step} twice: the workload must not do that"
            element.added = place
        elif transaction.outcome == "ok":
            assert step.element is not None
            key.elements[step.element].removed.append(place)
        elif transaction.outcome == "fail":
            pass
        elif step.element is None:
            key.perhaps.append(place)
        else:
            key.elements[step.element].perhaps.append(place)

    def _found(self, name: str, key: _Key, place: int, look: Look, graph: Graph) -> Iterator[Finding]:
        if name in self._unique and len(look.seen) > 1:
            what = f"{name} held {look.seen} at once, where each is made only if there is none"
            yield Finding("predicate-duplicate", what, (self._all[place].id,), self._all[place].completed)
        for number in look.seen:
            element = key.elements[number]
            element.was_found = True
            if element.added is None:
                yield Finding("garbage", f"{name} held {number}, which nobody added", (self._all[place].id,))
                continue
            if not self._seen.done[element.added]:
                self._seen.happened(element.added)
                if self._all[element.added].outcome == "fail":
                    yield self._seen.refused(element.added, f"{number} in {name}")
            graph.add(element.added, place, WR, (name, number))

    def _missed(self, name: str, key: _Key, graph: Graph) -> Iterator[Finding]:
        """Conclude from elements that were not found. Real time orders those that were gone before a look began, and those
        that came after it ended: they cost nothing here."""
        lost: set[int] = set()
        coming = sorted(
            (
                (self._all[one.added].invoked, number)
                for number, one in key.elements.items()
                if one.added is not None
            ),
            reverse=True,
        )
        active: dict[int, _Element] = {}
        for place, look in sorted(key.looks, key=lambda one: self._all[one[0]].completed):
            looking = self._all[place]
            while coming and coming[-1][0] < looking.completed:
                number = coming.pop()[1]
                active[number] = key.elements[number]
            for number, element in list(active.items()):
                if number in look.seen or (look.asked is not None and number not in look.asked):
                    continue
                if self._is_gone(element, looking.invoked):
                    # Looks that end later may have begun earlier, but not by more than this.
                    if self._is_gone(element, looking.invoked - _LONGEST):
                        del active[number]
                    continue
                yield from self._absent(name, key, place, number, element, graph, lost)

    def _is_gone(self, element: _Element, when: float) -> bool:
        """Whether real time says that an element was gone by then."""
        removers = (self._all[one] for one in element.removed)
        return any(one.outcome == "ok" and one.completed < when for one in removers)

    def _absent(
        self,
        name: str,
        key: _Key,
        place: int,
        number: int,
        element: _Element,
        graph: Graph,
        lost: set[int],
    ) -> Iterator[Finding]:
        looking = self._all[place]
        assert element.added is not None
        adding = self._all[element.added]
        if element.added == place or not self._seen.done[element.added]:
            return
        if adding.outcome != "ok" and not element.was_found:
            return  # it was done, but whether it added depended on what it found, which nobody was told
        begun = [one for one in element.removed if self._all[one].invoked < looking.completed]
        candidates = {*element.perhaps, *key.perhaps}.difference(element.removed)
        perhaps = [one for one in candidates if self._all[one].invoked < looking.completed]
        if not begun and not perhaps:
            graph.add(place, element.added, RW, (name, number, "not yet there"))
            was_there = adding.outcome == "ok" and adding.completed < looking.invoked
            if was_there and number not in lost:
                lost.add(number)
                what = f"{number} was acknowledged in {name}, nobody took it out, and a later look has it not"
                yield Finding("lost-write", what, (adding.id, looking.id), adding.completed)
        elif len(begun) + len(perhaps) == 1 and adding.outcome == "ok" and adding.completed < looking.invoked:
            remover = (begun or perhaps)[0]
            self._seen.happened(remover)
            graph.add(remover, place, WR, (name, number, "gone"))
            if remover not in element.removed:
                element.removed.append(remover)
                element.perhaps.clear()

    def _taken_twice(self, name: str, key: _Key) -> Iterator[Finding]:
        for number, element in key.elements.items():
            ids = tuple(self._all[one].id for one in element.removed if self._all[one].outcome == "ok")
            if len(ids) > 1:
                yield Finding(
                    "removed-twice", f"{len(ids)} transactions found and removed {number} in {name}", ids
                )
