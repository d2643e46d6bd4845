"""A snapshot of PostgreSQL holds a connection while it reads, and none while its walk waits for something else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest

from tests.databases import postgres
from walkwire.ids import PUBLIC_ROOT, new_id
from walkwire.store import Changes, EdgeRecord, Lost, NodeRecord, Reads, Selection, Store
from walkwire.stores import open_store

OUT = Selection(PUBLIC_ROOT, "out")
ROOT = NodeRecord(PUBLIC_ROOT, "", PUBLIC_ROOT, 1, "{}")


@pytest.fixture
def url() -> Iterator[str]:
    with postgres() as url:
        yield url


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    with closing(open_store(url, connections=4, seconds=1)) as opened:
        yield opened


def node() -> NodeRecord:
    return NodeRecord(new_id(), "Thing", PUBLIC_ROOT, 1, "{}")


def edge(source: NodeRecord, target: NodeRecord) -> EdgeRecord:
    return EdgeRecord(new_id(), "", source.id, source.kind, target.id, target.kind, 1, "{}")


def write(store: Store, **changes: list) -> None:  # type: ignore[type-arg]
    store.commit(Reads(), Changes(**changes), lambda: None)


def held(url: str) -> int:
    """How many connections are in a transaction, and do nothing."""
    with psycopg.connect(url) as other:
        row = other.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle in transaction'"
        ).fetchone()
        return int(row[0]) if row else 0


def rest(url: str) -> None:
    for _ in range(1000):
        if not held(url):
            return
    raise AssertionError("the connection is still held")


def test_it_holds_none_until_it_reads_and_while_its_walk_waits(url: str, store: Store) -> None:
    with store.snapshot() as view:
        assert held(url) == 0
        for _ in range(2):
            assert view.load_nodes([PUBLIC_ROOT]) == [ROOT]
            rest(url)


def test_what_it_reads_later_is_of_a_moment_at_which_all_it_read_before_is_so(url: str, store: Store) -> None:
    a, b = node(), node()
    write(store, new_nodes=[a, b], new_edges=[edge(ROOT, a)])
    with store.snapshot() as view:
        assert [far for _, far in view.load_neighbourhood(OUT).pairs] == [a]
        assert view.load_edges([a.id]) == []
        rest(url)
        write(store, changed_nodes=[b])
        (found,) = view.load_nodes([b.id])
        assert found.version == 2


@pytest.mark.parametrize("change", ["a far node", "the neighbourhood", "an absent node"])
def test_where_that_is_not_so_any_more_the_walk_has_to_run_again(url: str, store: Store, change: str) -> None:
    a, absent = node(), node()
    write(store, new_nodes=[a], new_edges=[edge(ROOT, a)])
    with store.snapshot() as view:
        view.load_neighbourhood(OUT)
        view.load_nodes([absent.id])
        rest(url)
        match change:
            case "a far node":
                write(store, changed_nodes=[a])
            case "the neighbourhood":
                write(store, new_edges=[edge(ROOT, ROOT)])
            case _:
                write(store, new_nodes=[absent])
        with pytest.raises(Lost):
            view.load_nodes([PUBLIC_ROOT])


def test_more_snapshots_than_connections_may_wait_at_once(url: str, store: Store) -> None:
    views = [store.snapshot() for _ in range(8)]
    opened = [view.__enter__() for view in views]
    for view in opened:
        view.load_nodes([PUBLIC_ROOT])
    for view in opened:
        assert view.load_nodes([PUBLIC_ROOT])
    for view in views:
        view.__exit__(None, None, None)
