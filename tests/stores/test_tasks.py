"""Tasks, webhook keys and searches: what `store.py` promises of them, for every store."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.databases import ENGINES, database
from walkwire.ids import PUBLIC_ROOT, SYSTEM_ROOT, new_id
from walkwire.store import (
    LATEST,
    Changes,
    EdgeRecord,
    NodeRecord,
    Reads,
    Search,
    Store,
    TaskEnd,
    TaskRecord,
    TaskTaken,
    TooManyWebhookKeys,
    UserRecord,
    WebhookKey,
    WebhookKeyExists,
)
from walkwire.stores import open_store


@pytest.fixture(params=ENGINES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    with database(request.param, tmp_path) as url:
        opened = open_store(url)
        yield opened
        opened.close()


def write(store: Store, changes: Changes) -> None:
    store.commit(Reads(), changes, lambda: None)


def ordered(store: Store, due: float = 10.0) -> TaskRecord:
    """A task that is pending, with its walker."""
    walker = NodeRecord(new_id(), "w:tour", PUBLIC_ROOT, 1, "{}")
    task = TaskRecord(walker.id, "tour", PUBLIC_ROOT, "n:A:x", "PENDING", due, due)
    write(store, Changes(new_nodes=[walker], new_tasks=[task]))
    return task


def begin(store: Store, server: str = "a", now: float = 20.0, limit: int = 9) -> list[str]:
    return [task.id for task in store.begin_tasks(server, now, now + 15, limit)]


def test_the_pending_tasks_of_a_user_are_counted_up_to_a_number(store: Store) -> None:
    for _ in range(3):
        ordered(store)
    assert [store.pending_tasks(PUBLIC_ROOT, most) for most in (2, 9)] == [2, 3]
    assert store.pending_tasks(SYSTEM_ROOT, 9) == 0
    begin(store, limit=1)
    assert store.pending_tasks(PUBLIC_ROOT, 9) == 2


def test_the_database_tells_its_time(store: Store) -> None:
    first = store.now()
    assert abs(first - time.time()) < 60  # all on one machine here
    assert first <= store.now() + 0.001


def test_a_task_is_kept_with_the_changes_that_order_it(store: Store) -> None:
    task = ordered(store)
    assert store.load_task(task.id) == task
    assert store.load_task(new_id()) is None
    assert store.next_task() == 10.0


def test_a_task_is_begun_when_it_is_due_the_longest_due_first_and_once(store: Store) -> None:
    late, early, future = ordered(store, 12), ordered(store, 11), ordered(store, 30)

    assert begin(store, limit=1) == [early.id]
    assert begin(store) == [late.id]
    assert begin(store) == []
    assert store.next_task() == 30
    found = store.load_task(early.id)
    assert found is not None
    assert (found.state, found.begun) == ("STARTED", 20.0)
    assert begin(store, now=30) == [future.id]
    assert store.next_task() is None


def test_tasks_are_listed_by_state_the_latest_due_first(store: Store) -> None:
    first, second, third = (ordered(store, due=due) for due in (10.0, 30.0, 20.0))
    begin(store, limit=1)

    assert [task.id for task in store.find_tasks(None, 9)] == [second.id, third.id, first.id]
    assert [task.id for task in store.find_tasks("PENDING", 1)] == [second.id]
    assert [task.id for task in store.find_tasks("STARTED", 9)] == [first.id]


def test_of_many_servers_one_begins_a_task(store: Store) -> None:
    tasks = {ordered(store).id for _ in range(20)}
    begun: list[str] = []
    servers = [
        threading.Thread(target=lambda name=name: begun.extend(begin(store, name, limit=20)))
        for name in ("a", "b", "c")
    ]
    for server in servers:
        server.start()
    for server in servers:
        server.join()
    begun += begin(store, limit=20)  # those passed over as another was taking them
    assert len(begun) == 20
    assert set(begun) == tasks


def test_the_end_of_a_task_is_written_with_what_its_walk_changed(store: Store) -> None:
    task, made = ordered(store), NodeRecord(new_id(), "A", PUBLIC_ROOT, 1, "{}")
    begin(store)
    ended = TaskEnd(task.id, "a", "COMPLETED", 202, "[1]", "null")
    write(store, Changes(new_nodes=[made], ended_task=ended))

    found = store.load_task(task.id)
    assert found is not None
    assert (found.state, found.status, found.reports, found.custom) == ("COMPLETED", 202, "[1]", "null")
    assert store.load_nodes([made.id])


@pytest.mark.parametrize("server", ["b", "a"])
def test_what_a_server_does_that_was_taken_for_dead_is_not_kept(server: str, store: Store) -> None:
    task, made = ordered(store), NodeRecord(new_id(), "A", PUBLIC_ROOT, 1, "{}")
    begin(store)
    if server == "a":
        assert store.abandon_tasks(36.0, '["gone"]') == 1
    with pytest.raises(TaskTaken):
        write(store, Changes(new_nodes=[made], ended_task=TaskEnd(task.id, server, "COMPLETED")))
    assert store.load_nodes([made.id]) == []
    assert store.end_task(TaskEnd(task.id, server, "ERROR")) is False


def test_a_server_that_is_heard_of_keeps_its_tasks(store: Store) -> None:
    kept, lost = ordered(store), ordered(store)
    begin(store, "a", 20.0)
    store.keep_tasks("a", [kept.id], 60.0)
    store.keep_tasks("b", [lost.id], 60.0)  # not its own
    assert store.abandon_tasks(36.0, '["gone"]') == 1
    assert store.abandon_tasks(36.0, '["gone"]') == 0

    states = {id: store.load_task(id) for id in (kept.id, lost.id)}
    assert states[kept.id].state == "STARTED"  # type: ignore[union-attr]
    assert (states[lost.id].state, states[lost.id].error) == ("ERROR", '["gone"]')  # type: ignore[union-attr]


def test_a_task_goes_with_its_walker(store: Store) -> None:
    first, second = ordered(store), ordered(store)
    write(store, Changes(deleted_nodes=[first.id]))
    store.forget_task(second.id)
    for task in (first, second):
        assert store.load_task(task.id) is None
        assert store.load_nodes([task.id]) == []


def test_a_walk_may_delete_the_walker_of_its_own_task(store: Store) -> None:
    task = ordered(store)
    begin(store)
    write(store, Changes(deleted_nodes=[task.id], ended_task=TaskEnd(task.id, "a", "COMPLETED")))
    assert store.load_task(task.id) is None


def test_records_are_searched_by_id_class_and_owner(store: Store) -> None:
    user = UserRecord(new_id(), "a@example.com", "hash", new_id())
    store.add_user(user)
    mine = NodeRecord(new_id(), "A", user.root_id, 1, "{}")
    other = NodeRecord(new_id(), "A", PUBLIC_ROOT, 1, "{}")
    kept = NodeRecord(new_id(), "o:A", user.root_id, 1, "{}")
    edge = EdgeRecord(new_id(), "E", mine.id, "A", other.id, "A", 1, "{}")
    back = EdgeRecord(new_id(), "", other.id, "A", mine.id, "A", 1, "{}")
    write(store, Changes(new_nodes=[mine, other, kept], new_edges=[edge, back]))

    def nodes(**search: frozenset[str]) -> set[str]:
        return {record.id for record in store.search_nodes(Search(**search))}

    everything = {mine.id, other.id, kept.id, user.root_id, PUBLIC_ROOT, SYSTEM_ROOT}
    assert nodes() == everything
    assert nodes(kinds=frozenset({"A"})) == {mine.id, other.id}
    assert nodes(owners=frozenset({user.root_id})) == {mine.id, kept.id, user.root_id}
    assert nodes(ids=frozenset({mine.id}), owners=frozenset({PUBLIC_ROOT})) == set()
    assert nodes(kinds=frozenset()) == set()
    of_user = store.search_edges(Search(owners=frozenset({user.root_id})))
    assert [(record.id, record.kind) for record in of_user] == [(edge.id, "E")]
    assert [record.id for record in store.search_edges(Search())] == [edge.id, back.id]


def test_webhook_keys_are_their_root_s(store: Store) -> None:
    user = UserRecord(new_id(), "a@example.com", "hash", new_id())
    other = UserRecord(new_id(), "b@example.com", "hash", new_id())
    store.add_user(user)
    store.add_user(other)
    key = WebhookKey(new_id(), "shop", user.root_id, ["w"], ["A", "root"], 100, 160.5)
    assert store.add_webhook_key(key, 0, 3)
    with pytest.raises(WebhookKeyExists):
        store.add_webhook_key(key._replace(id=new_id()), 0, 3)
    assert store.add_webhook_key(key._replace(id=new_id(), root_id=other.root_id), 0, 1)
    with pytest.raises(TooManyWebhookKeys):
        store.add_webhook_key(key._replace(id=new_id(), name="more"), 0, 1)
    assert store.add_webhook_key(key._replace(id=new_id(), root_id=PUBLIC_ROOT), 0, 3) is False
    assert store.add_webhook_key(key._replace(id=new_id(), name="more"), 1, 3) is False

    assert store.webhook_keys_of(user.root_id) == store.webhook_keys_made(user.root_id, 100) == [key]
    assert store.webhook_keys_made(user.root_id, 101) == []
    assert store.extend_webhook_key(other.root_id, key.id, 5) is False
    assert store.extend_webhook_key(user.root_id, key.id, 5) is True
    assert [found.expires for found in store.webhook_keys_of(user.root_id)] == [165.5]
    assert store.extend_webhook_key(user.root_id, key.id, 1e12) is True
    assert [found.expires for found in store.webhook_keys_of(user.root_id)] == [LATEST]
    assert store.delete_webhook_keys(other.root_id, [key.id]) == 0
    assert store.delete_webhook_keys(user.root_id, [key.id, new_id()]) == 1
    assert store.webhook_keys_of(user.root_id) == []


def test_a_new_password_deletes_the_user_s_webhook_keys_and_no_others(store: Store) -> None:
    users = [UserRecord(new_id(), f"{name}@example.com", "hash", new_id()) for name in "ab"]
    for user in users:
        store.add_user(user)
        assert store.add_webhook_key(WebhookKey(new_id(), "shop", user.root_id, [], [], 100, 160.5), 0, 3)
    assert not store.change_password(users[0].id, "wrong", "new")
    assert [len(store.webhook_keys_of(user.root_id)) for user in users] == [1, 1]
    assert store.change_password(users[0].id, "hash", "new")
    assert [len(store.webhook_keys_of(user.root_id)) for user in users] == [0, 1]


def test_a_key_made_while_the_password_changes_is_deleted_or_refused(store: Store) -> None:
    for _ in range(20):
        user = UserRecord(new_id(), f"{new_id()}@example.com", "hash", new_id())
        store.add_user(user)
        key = WebhookKey(new_id(), "shop", user.root_id, [], [], 100, 160.5)
        with ThreadPoolExecutor(2) as threads:
            made = threads.submit(store.add_webhook_key, key, 0, 3)
            changed = threads.submit(store.change_password, user.id, "hash", "new")
            made.result()
            assert changed.result()
        assert store.webhook_keys_of(user.root_id) == []
