"""Locks: what a commit locks while it runs, so that its reads still hold when others see it.

- A record has one lock: shared to read it, exclusive to write it.
- In a neighbourhood, any number of commits may add and remove edges at once, and several may have read it, but not both.
  PostgreSQL has no such lock, so each neighbourhood has PLACES of them. A commit that adds or removes edges shares them all; a
  commit that has read the neighbourhood takes any one of them exclusively.
- A class has one lock for searches: a commit that creates or deletes records of the class shares it, a commit that searched for
  them takes it exclusively.
- All commits share one lock. A commit that would need too many others takes it exclusively instead. So does a commit that read
  what has no lock: an absent record, a search for any class, for roots or for walkers, a task, a user.

All are advisory locks of the transaction. All commits acquire them in the same order, so that they do not deadlock
on them.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from hashlib import blake2b
from typing import NamedTuple

from walkwire.store import ANY_KIND, Changes, Reads, kinds_searched, kinds_written

PLACES = 8  # locks of a neighbourhood: how many commits that have read it may run at once


class Cut(NamedTuple):
    """An edge that a commit deletes: its id, its class, and the ids of its ends."""

    id: str
    kind: str
    source: str
    target: str


class Gone(NamedTuple):
    """What a commit deletes, as it was looked up: the edges, and the classes of the nodes."""

    edges: list[Cut]
    node_kinds: set[str]

    @property
    def kinds(self) -> set[str]:
        """Return the kinds (`store.kinds_written`) of everything that is deleted."""
        return kinds_written(self.node_kinds, (edge.kind for edge in self.edges))


NOTHING = Gone([], set())


def number(name: str, of: bytes) -> int:
    """Return the number of a lock: 64 bits with a sign, as PostgreSQL needs it. The last three bits are 0."""
    digest = blake2b(name.encode(), digest_size=8, person=of).digest()
    return int.from_bytes(digest, "big", signed=True) & ~(PLACES - 1)


GATE = number("gate", b"gate")
SCHEMA = number("schema", b"schema")  # held while migrating


def shared_lock_numbers(keys: Iterable[str]) -> dict[int, str]:
    """Return the numbers of shared locks, each with the lock's name."""
    return {number(key, b"shared_locks"): key for key in keys}


class CommitLocks:
    """The locks of one commit, in the order in which to acquire them: their numbers, and whether each is exclusive (`alone`)."""

    def __init__(self, reads: Reads, changes: Changes, gone: Gone, bound: int) -> None:
        self._held: dict[int, bool] = {}
        searched = kinds_searched(reads.node_searches, reads.edge_searches)
        self._lock_reads(reads)
        self._lock_writes(changes, gone)
        for kind in written_kinds(changes, gone):
            self._held[number(kind, b"kind")] = False
        for kind in searched:
            self._held[number(kind, b"kind")] = True
        is_unlocked = (
            any(map(_is_unlocked, searched)) or reads.tasks or reads.users or _is_absence_read(reads)
        )
        self.is_alone = bool(is_unlocked) or len(self._held) > bound
        if self.is_alone:
            self._held = {}
        self.numbers = [GATE, *sorted(self._held)]
        self.alone = [self.is_alone, *(self._held[number] for number in self.numbers[1:])]

    def _lock_reads(self, reads: Reads) -> None:
        for records in (reads.nodes, reads.edges):
            for id, version in records.items():
                if version:
                    self._held[_record(id)] = False
        for selection in reads.neighbourhoods:
            self._held[_neighbourhood(selection.node) + random.randrange(PLACES)] = True

    def _lock_writes(self, changes: Changes, gone: Gone) -> None:
        new = {node.id for node in changes.new_nodes}
        ends = {end for edge in changes.new_edges for end in (edge.source, edge.target)}
        for node in changes.changed_nodes:
            self._held[_record(node.id)] = True
        for edge in changes.changed_edges:
            self._held[_record(edge.id)] = True
        for cut in gone.edges:
            self._held[_record(cut.id)] = True
            ends |= {cut.source, cut.target}
        for id in ends - new:
            for place in range(PLACES):
                self._held.setdefault(_neighbourhood(id) + place, False)
        for id in changes.deleted_nodes:
            self._held[_record(id)] = True
            self._held.update((_neighbourhood(id) + place, True) for place in range(PLACES))


def merged(locks: Iterable[CommitLocks]) -> tuple[list[int], list[bool]]:
    """Return the locks of several commits that are made in one transaction, in the order in which to acquire them."""
    held: dict[int, bool] = {}
    for each in locks:
        for number, is_alone in zip(each.numbers, each.alone, strict=True):
            held[number] = held.get(number, False) or is_alone
    numbers = [GATE, *sorted(held.keys() - {GATE})]
    return numbers, [held[number] for number in numbers]


def written_kinds(changes: Changes, gone: Gone) -> set[str]:
    """Return the kinds (`store.kinds_written`) of all that a commit creates or deletes."""
    new_nodes = {node.kind for node in changes.new_nodes}
    new_edges = {edge.kind for edge in changes.new_edges}
    return kinds_written(new_nodes, new_edges) | gone.kinds


def _record(id: str) -> int:
    return number(id, b"record")


def _neighbourhood(id: str) -> int:
    return number(id, b"neighbourhood")


def _is_unlocked(kind: str) -> bool:
    """Return whether records of a kind are created and deleted without its lock: any kind, roots (with users), walkers (with
    tasks).
    """
    return kind.endswith(ANY_KIND) or kind == "" or kind.startswith("w:")


def _is_absence_read(reads: Reads) -> bool:
    """Return whether a walk looked for a record that does not exist: there is nothing to lock.

    An edge that was found by its id had been looked for among the nodes first. That does not count.
    """
    found = {id for id, version in reads.edges.items() if version}
    return len(found) < len(reads.edges) or any(
        not version and id not in found for id, version in reads.nodes.items()
    )
