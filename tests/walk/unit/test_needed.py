"""Which locks a commit waits for, and which of them it holds."""

from __future__ import annotations

from typing import Any

from walkwire import Node, root
from walkwire.ids import PUBLIC_ROOT
from walkwire.store import Search, lock_keys
from walkwire.walk.registry import Registry
from walkwire.walk.run.alone import unit_of_work
from walkwire.walk.unit.needed import locks_of, locks_of_reads, split


class Seat(Node): ...


KIND = lock_keys([], [], ["Seat"])
RECORD = lock_keys(["a"], [])


def test_without_changes_no_lock_is_needed(store: Any) -> None:
    with unit_of_work(store, Registry(), PUBLIC_ROOT) as run:
        assert locks_of(run.graph, run.graph.changes()) == frozenset()
        root().connect(Seat())
        assert locks_of(run.graph, run.graph.changes()) > KIND


def test_a_kind_that_was_not_searched_is_waited_for_and_not_held(store: Any) -> None:
    with unit_of_work(store, Registry(), PUBLIC_ROOT) as run:
        assert split(run.graph, KIND | RECORD, KIND) == (frozenset(), KIND)
        assert split(run.graph, KIND | RECORD, KIND | RECORD) == (RECORD, KIND)


def test_a_kind_that_was_searched_is_held(store: Any) -> None:
    with unit_of_work(store, Registry(), PUBLIC_ROOT) as run:
        run.graph.search_nodes(Search(kinds=frozenset({"Seat"})))
        assert locks_of_reads(run.graph) == KIND
        assert split(run.graph, KIND | RECORD, KIND) == (KIND | RECORD, frozenset())
