"""A program's own temporary database."""

from __future__ import annotations

from walkwire import Node, commit, jid, jobj, root
from walkwire.ids import PUBLIC_ROOT
from walkwire.stores.scratch import ScratchStore
from walkwire.walk.registry import Registry
from walkwire.walk.run.alone import unit_of_work


class Thing(Node):
    n: int = 0


def test_what_was_committed_is_found_again_and_changed_again() -> None:
    store, registry = ScratchStore(), Registry()
    registry.add(Thing)
    with unit_of_work(store, registry, PUBLIC_ROOT):
        assert root().out() == []
        first = root().connect(Thing(1))
        commit()
        first.connect(Thing(2))
        commit()
        first.n = 10
        commit()
        assert [thing.n for thing in root().out(Thing)] == [10]
        assert [thing.n for thing in first.out(Thing)] == [2]
        assert jobj(jid(first)) is first
    with unit_of_work(store, registry, PUBLIC_ROOT):
        assert [thing.n for thing in root().out(Thing)] == [10]
    store.close()


def test_a_program_that_reads_nothing_it_committed_needs_no_file() -> None:
    store = ScratchStore()
    with unit_of_work(store, Registry(), PUBLIC_ROOT):
        thing = root().connect(Thing(1))
        assert root().out() == [thing]
    assert store._file is None
    store.close()
