"""Searches, tasks and users that a walk looked at are checked as its records are, over every store."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.databases import ENGINES, database
from walkwire.ids import PUBLIC_ROOT, new_id
from walkwire.store import (
    Changes,
    EdgeRecord,
    Lost,
    NodeRecord,
    Reads,
    Search,
    Store,
    TaskRecord,
    UserRecord,
    known_user,
)
from walkwire.stores import open_store

ROOT = NodeRecord(PUBLIC_ROOT, "", PUBLIC_ROOT, 1, "{}")


@pytest.fixture(params=ENGINES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    with database(request.param, tmp_path) as url:
        opened = open_store(url)
        yield opened
        opened.close()


def node(kind: str = "Thing", owner: str = PUBLIC_ROOT) -> NodeRecord:
    return NodeRecord(new_id(), kind, owner, 1, "{}")


def road(source: NodeRecord, target: NodeRecord) -> EdgeRecord:
    return EdgeRecord(new_id(), "Road", source.id, source.kind, target.id, target.kind, 1, "{}")


def write(store: Store, reads: Reads | None = None, **changes: Any) -> None:
    store.commit(reads or Reads(), Changes(**changes), lambda: None)


def user(email: str = "ada@example.com") -> UserRecord:
    return UserRecord(new_id(), email, "hash", new_id())


def nodes_found(store: Store, search: Search) -> Reads:
    return Reads(node_searches={search: frozenset(one.id for one in store.search_nodes(search))})


def edges_found(store: Store, search: Search) -> Reads:
    return Reads(edge_searches={search: frozenset(one.id for one in store.search_edges(search))})


def assert_lost(store: Store, reads: Reads) -> Lost:
    """Neither a check nor a commit lets these pass, and nothing is written."""
    made = node("Other")
    with pytest.raises(Lost):
        store.check(reads)
    with pytest.raises(Lost) as told:
        write(store, reads, new_nodes=[made])
    assert store.load_nodes([made.id]) == []
    return told.value


def assert_holds(store: Store, reads: Reads) -> None:
    store.check(reads)
    write(store, reads, new_nodes=[node("Other")])


THINGS = frozenset({"Thing"})


@pytest.mark.parametrize(
    ("search", "kinds"),
    [
        (Search(kinds=THINGS), {"Thing"}),
        (Search(kinds=THINGS, owners=frozenset({PUBLIC_ROOT})), {"Thing"}),
        (Search(), {"*"}),
        (Search(owners=frozenset({PUBLIC_ROOT})), {"*"}),
    ],
)
def test_a_search_is_lost_when_a_node_that_fits_comes_or_goes(
    store: Store, search: Search, kinds: set[str]
) -> None:
    before = nodes_found(store, search)
    made = node()
    write(store, new_nodes=[made])
    assert assert_lost(store, before).kinds == kinds

    between = nodes_found(store, search)
    store.check(between)
    write(store, deleted_nodes=[made.id])
    assert assert_lost(store, between).kinds == kinds


def test_a_search_is_not_lost_by_other_nodes_nor_by_a_change_of_one_that_it_found(store: Store) -> None:
    mine, other = user("a@example.com"), user("b@example.com")
    store.add_user(mine)
    store.add_user(other)
    thing = node(owner=mine.root_id)
    write(store, new_nodes=[thing])
    reads = nodes_found(store, Search(kinds=THINGS, owners=frozenset({mine.root_id})))

    write(store, new_nodes=[node("Place", mine.root_id), node(owner=other.root_id)])
    write(store, changed_nodes=[thing._replace(data='{"n":1}')])

    assert_holds(store, reads)


def test_a_search_by_ids_is_lost_when_one_of_these_comes(store: Store) -> None:
    made = node()
    reads = nodes_found(store, Search(ids=frozenset({made.id, new_id()})))
    write(store, new_nodes=[node()])
    assert_holds(store, reads)
    write(store, new_nodes=[made])
    assert_lost(store, reads)


def test_a_search_for_roots_is_lost_to_a_new_user(store: Store) -> None:
    reads = nodes_found(store, Search(kinds=frozenset({""})))
    assert_holds(store, reads)
    store.add_user(user())
    assert assert_lost(store, reads).kinds == {""}


def test_a_search_for_edges_is_lost_when_one_is_put_or_cut_or_goes_with_its_node(store: Store) -> None:
    search = Search(kinds=frozenset({"Road"}), owners=frozenset({PUBLIC_ROOT}))
    a, b = node(), node()
    first, second = road(a, b), road(b, a)
    write(store, new_nodes=[a, b])

    reads = edges_found(store, search)
    assert_holds(store, reads)
    write(store, new_edges=[first, second])
    assert assert_lost(store, reads).kinds == {"e:Road"}

    reads = edges_found(store, search)
    write(store, deleted_edges=[first.id])
    assert assert_lost(store, reads).kinds == {"e:Road"}

    reads = edges_found(store, search)
    anything = edges_found(store, Search())
    write(store, deleted_nodes=[b.id])
    assert assert_lost(store, reads).kinds == {"e:Road"}
    assert assert_lost(store, anything).kinds == {"e:*"}


def test_a_search_sees_no_commit_of_its_own_in_its_way(store: Store) -> None:
    search = Search(kinds=THINGS)
    write(store, nodes_found(store, search), new_nodes=[node()])
    assert len(store.search_nodes(search)) == 1


def test_a_task_is_lost_when_its_state_changes(store: Store) -> None:
    walker = node("w:tour")
    absent = Reads(tasks={walker.id: None})
    store.check(absent)
    write(
        store,
        absent,  # it is there only from this commit on
        new_nodes=[walker],
        new_tasks=[TaskRecord(walker.id, "tour", PUBLIC_ROOT, None, "PENDING", None, 1.0)],
    )
    assert assert_lost(store, absent).records == {walker.id}

    pending = Reads(tasks={walker.id: "PENDING"})
    assert_holds(store, pending)
    store.begin_tasks("server", 2.0, 17.0, 9)
    assert assert_lost(store, pending).records == {walker.id}
    assert_holds(store, Reads(tasks={walker.id: "STARTED"}))


def test_a_user_is_found_by_a_view_too_and_lost_when_registered(store: Store) -> None:
    ada = user("Ada@Example.com")
    keys: Any = [("id", ada.id), ("email_key", "ada@example.com"), ("root_id", ada.root_id)]
    for key in keys:
        assert store.load_user(key) is None
    store.check(Reads(users=dict.fromkeys(keys)))
    store.add_user(ada)
    for key in keys:
        assert_lost(store, Reads(users={key: None}))
        assert store.load_user(key) == ada
        assert_holds(store, Reads(users={key: known_user(ada)}))
    with store.snapshot() as view:
        assert view.load_user(keys[0]) == ada


def test_a_user_is_not_lost_by_a_new_password(store: Store) -> None:
    ada = user()
    store.add_user(ada)
    assert store.change_password(ada.id, "hash", "another")
    assert_holds(store, Reads(users={("id", ada.id): known_user(ada)}))


def test_of_many_that_found_none_one_makes_the_first(store: Store) -> None:
    search, lost = Search(kinds=THINGS), []
    together = threading.Barrier(8)

    def make() -> None:
        reads = nodes_found(store, search)
        together.wait()
        try:
            write(store, reads, new_nodes=[node()])
        except Lost as error:
            lost.append(error)

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(store.search_nodes(search)) == 1
    assert [error.kinds for error in lost] == [{"Thing"}] * 7


def test_more_records_than_a_statement_takes_are_of_one_moment(store: Store) -> None:
    """Two at the far ends of a long list are changed together, again and again, while the list is loaded."""
    things = [node() for _ in range(1200)]
    write(store, new_nodes=things)
    ids = [thing.id for thing in things]
    is_over = threading.Event()

    def change() -> None:
        for version in range(1, 60):
            pair = [things[0]._replace(version=version), things[-1]._replace(version=version)]
            write(store, changed_nodes=pair)
        is_over.set()

    writer = threading.Thread(target=change)
    writer.start()
    seen = []
    while not is_over.is_set():
        found = {record.id: record.version for record in store.load_nodes(ids)}
        seen.append((found[ids[0]], found[ids[-1]]))
    writer.join()
    assert [pair for pair in seen if pair[0] != pair[1]] == []
