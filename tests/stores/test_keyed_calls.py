"""Calls with a key: what `store/keyed_call.py` promises of them, for every store."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.databases import ENGINES, database
from walkwire.ids import PUBLIC_ROOT, SYSTEM_ROOT, new_id
from walkwire.store import (
    Changes,
    EdgeRecord,
    KeyedCall,
    KeyHeld,
    KeyTaken,
    Lost,
    NodeRecord,
    Reads,
    Search,
    Store,
)
from walkwire.stores import open_store

NOW = 1_000.0


@pytest.fixture(params=ENGINES)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with database(request.param, tmp_path) as url:
        yield url


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    opened = open_store(url)
    yield opened
    opened.close()


def call_of(key: str = "k" * 64, **rest: Any) -> KeyedCall:
    usual = KeyedCall(PUBLIC_ROOT, key, new_id(), "d" * 64, 200, '{"é":"\\u0000"}', False, NOW, NOW + 100)
    return usual._replace(**rest)


def commit(store: Store, call: KeyedCall, reads: Reads | None = None, **changes: Any) -> None:
    store.commit(reads or Reads(), Changes(call=call, **changes), lambda: None)


def node() -> NodeRecord:
    return NodeRecord(new_id(), "Thing", PUBLIC_ROOT, 1, "{}")


def count(store: Store) -> int:
    return len(store.search_nodes(Search(kinds=frozenset({"Thing"}))))


def found(store: Store, call: KeyedCall, now: float = NOW) -> KeyedCall | None:
    """What is stored, without taking the key for longer."""
    kept = store.take_key(call.root_id, call.key, now)
    if kept is None:
        store.free_keys([(call.root_id, call.key)])
    return kept


def test_a_call_is_stored_with_the_changes_of_its_walk_and_found_by_root_and_key(store: Store) -> None:
    call = call_of(is_response=True)
    assert found(store, call) is None
    commit(store, call, new_nodes=[node()])
    assert found(store, call) == call
    assert found(store, call._replace(root_id=SYSTEM_ROOT)) is None
    assert found(store, call._replace(key="other")) is None
    assert count(store) == 1


def test_a_call_that_changed_nothing_is_stored_too(store: Store) -> None:
    call = call_of(body=None)
    commit(store, call)
    assert found(store, call) == call


@pytest.mark.parametrize("has_lookups", [False, True])
def test_a_second_commit_with_the_key_is_refused_and_writes_nothing(store: Store, has_lookups: bool) -> None:
    first = call_of()
    commit(store, first, new_nodes=[node()])
    reads = Reads(node_searches={Search(ids=frozenset({new_id()})): frozenset()} if has_lookups else {})
    with pytest.raises(KeyTaken):
        commit(store, call_of(), reads, new_nodes=[node()])
    assert found(store, first) == first
    assert count(store) == 1


def test_a_commit_that_is_refused_leaves_no_record(store: Store) -> None:
    gone, call = node(), call_of()
    with pytest.raises(Lost):
        commit(store, call, Reads(nodes={PUBLIC_ROOT: 7}), new_nodes=[node()])
    with pytest.raises(Lost):
        commit(store, call, new_edges=[EdgeRecord(new_id(), "", PUBLIC_ROOT, "", gone.id, "Thing", 1, "{}")])
    assert found(store, call) is None
    commit(store, call)
    assert found(store, call) == call


def test_a_later_commit_of_the_same_call_replaces_its_record(store: Store) -> None:
    part = call_of(status=0, body=None)
    commit(store, part, new_nodes=[node()])
    assert found(store, part) == part
    commit(store, part._replace(status=201, body="[]"), new_nodes=[node()])
    assert found(store, part) == part._replace(status=201, body="[]")
    assert count(store) == 2


def test_a_record_that_expired_is_not_found_and_is_replaced(store: Store) -> None:
    old = call_of()
    commit(store, old)
    assert found(store, old, NOW + 99.5) == old
    assert found(store, old, NOW + 100) is None
    new = call_of(made=NOW + 100, expires=NOW + 200)
    commit(store, new)
    assert found(store, old, NOW + 100) == new


def test_records_that_expired_are_deleted_so_many_at_a_time(store: Store) -> None:
    calls = [call_of(f"{n}", expires=NOW + n) for n in range(5)]
    for call in calls:
        commit(store, call)
    assert store.forget_calls(NOW + 3, 2) == 2
    assert store.forget_calls(NOW + 3, 2) == 1
    assert store.forget_calls(NOW + 3, 2) == 0
    assert [found(store, call, 0) for call in calls] == [None, None, None, *calls[3:]]


def test_of_commits_at_once_with_one_key_from_several_servers_one_succeeds(url: str) -> None:
    stores = [open_store(url) for _ in range(3)]
    gate = threading.Barrier(12)

    def attempt(place: int) -> bool:
        gate.wait()
        try:
            commit(stores[place % 3], call_of(), new_nodes=[node()])
        except KeyTaken:
            return False
        return True

    with ThreadPoolExecutor(12) as threads:
        for n in range(1, 6):
            assert sum(threads.map(attempt, range(12))) == (n == 1)
    assert count(stores[0]) == 1
    for one in stores:
        one.close()


@pytest.mark.parametrize("url", ["postgres"], indirect=True)
def test_a_key_that_one_server_has_taken_is_held_for_others_until_it_is_free(url: str) -> None:
    ours, theirs = open_store(url), open_store(url)
    call = call_of()
    place = call.root_id, call.key
    assert ours.take_key(*place, NOW) is None
    with pytest.raises(KeyHeld):
        theirs.take_key(*place, NOW)
    assert theirs.take_key(call.root_id, "other", NOW) is None
    commit(ours, call._replace(status=0, body=None))
    with pytest.raises(KeyHeld):  # a part is committed, and the walk goes on
        theirs.take_key(*place, NOW)
    commit(ours, call)
    assert theirs.take_key(*place, NOW) == call, "an answer is found before the key is free"
    ours.free_keys([place])
    ours.close()
    theirs.free_keys([(call.root_id, "other")])
    theirs.close()


@pytest.mark.parametrize("url", ["postgres"], indirect=True)
def test_the_keys_of_a_server_that_died_are_free_and_a_part_that_it_committed_is_found(url: str) -> None:
    ours, theirs = open_store(url), open_store(url)
    part = call_of("part", status=0, body=None)
    for key in ("part", "none"):
        assert ours.take_key(PUBLIC_ROOT, key, NOW) is None
    commit(ours, part)
    ours.close()
    assert theirs.take_key(PUBLIC_ROOT, "part", NOW) == part
    assert theirs.take_key(PUBLIC_ROOT, "part", NOW) == part, "the look left nothing taken"
    assert theirs.take_key(PUBLIC_ROOT, "none", NOW) is None
    theirs.close()


@pytest.mark.parametrize("url", ["postgres"], indirect=True)
def test_keys_that_are_taken_at_once_share_statements_and_each_gets_its_own(url: str) -> None:
    store = open_store(url)
    done = [call_of(f"done {n}") for n in range(20)]
    for call in done:
        commit(store, call)
    with ThreadPoolExecutor(16) as threads:
        keys = [f"{word} {n}" for n in range(20) for word in ("done", "new")]
        answers = list(threads.map(lambda key: store.take_key(PUBLIC_ROOT, key, NOW), keys))
    assert answers[::2] == done
    assert answers[1::2] == [None] * 20
    store.close()


def test_the_oldest_calls_of_a_root_are_removed_beyond_a_number_and_a_size(store: Store) -> None:
    for number in range(10):
        commit(store, call_of(f"{number}", made=NOW + number, body="x" * 100))
    commit(store, call_of("other", root_id=SYSTEM_ROOT, made=NOW))

    def kept() -> list[int]:
        found = [store.take_key(PUBLIC_ROOT, f"{number}", NOW) is not None for number in range(10)]
        store.free_keys([(PUBLIC_ROOT, f"{number}") for number in range(10) if not found[number]])
        return [number for number in range(10) if found[number]]

    assert store.trim_calls(PUBLIC_ROOT, 10, 1000) == 0
    assert store.trim_calls(PUBLIC_ROOT, 7, 1000) == 3
    assert kept() == [3, 4, 5, 6, 7, 8, 9]
    assert store.trim_calls(PUBLIC_ROOT, 7, 250) == 5
    assert kept() == [8, 9]
    assert store.take_key(SYSTEM_ROOT, "other", NOW) is not None


def test_a_look_at_what_is_kept_that_finds_nothing_to_remove_waits_for_no_other_commit(
    tmp_path: Path,
) -> None:
    store = open_store(f"sqlite:///{tmp_path}/test.db")
    commit(store, call_of("1"))
    with closing(sqlite3.connect(tmp_path / "test.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert store.trim_calls(PUBLIC_ROOT, 10, 1000) == 0
        other.execute("ROLLBACK")
    assert store.trim_calls(PUBLIC_ROOT, 0, 1000) == 1
    store.close()
