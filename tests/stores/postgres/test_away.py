"""PostgreSQL goes away, comes back, hangs: no connection is used that is dead, and nothing is done half or taken for done."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress

import psycopg
import pytest

from tests.postgres import Line, PostgresServer, postgres_server
from walkwire.errors import Busy, CommitInDoubt, StartError
from walkwire.ids import PUBLIC_ROOT, new_id
from walkwire.store import (
    Changes,
    EdgeRecord,
    Lost,
    NodeRecord,
    Reads,
    SessionRecord,
    Store,
    UserExists,
    UserRecord,
)
from walkwire.stores import open_store
from walkwire.stores.postgres.driver.pool import Away


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with postgres_server() as server:
        yield server


@pytest.fixture
def line(server: PostgresServer) -> Iterator[Line]:
    with Line(server.port) as line:
        yield line


@pytest.fixture
def store(server: PostgresServer, line: Line) -> Iterator[Store]:
    """By way of the line."""
    opened = open_store(server.url_at(line.port), connections=4, seconds=1)
    yield opened
    opened.close()


ONE = b":1}"  # a part of what is written: it goes with the call that commits


def node(n: int = 0) -> NodeRecord:
    return NodeRecord(new_id(), "Thing", PUBLIC_ROOT, 1, f'{{"n":{n}}}')


def write(store: Store, *new: NodeRecord, changed: NodeRecord | None = None) -> None:
    changes = Changes(new_nodes=list(new), changed_nodes=[changed] if changed else [])
    store.commit(Reads(), changes, lambda: None)


def test_postgresql_that_is_too_old_is_refused_with_a_sentence(server: PostgresServer, line: Line) -> None:
    def age(data: bytes, is_answer: bool) -> bytes:
        name, found, rest = data.partition(b"server_version\x00")
        return name + found + b"13" + rest[2:] if found else data

    line.before = age
    with pytest.raises(StartError, match="PostgreSQL 13 is too old: walkwire needs version 14 or later"):
        open_store(server.url_at(line.port))


def test_connections_that_were_ended_are_replaced_before_they_are_used(
    server: PostgresServer, store: Store
) -> None:
    thing = node()
    write(store, thing)
    with psycopg.connect(server.url) as operator:
        others = "FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND application_name = 'walkwire'"
        assert operator.execute(f"SELECT count(pg_terminate_backend(pid, 5000)) {others}").fetchone() != (0,)

    assert store.load_nodes([thing.id]) == [thing]
    write(store, changed=thing)


def test_a_read_whose_connection_breaks_is_asked_again(line: Line, store: Store) -> None:
    thing = node()
    write(store, thing)
    asked = []

    def cut_once(data: bytes, is_answer: bool) -> bytes:
        if not asked and is_answer:
            asked.append(data)
            line.cut()
        return data

    line.before = cut_once
    assert store.load_nodes([thing.id]) == [thing]
    assert asked


@pytest.mark.parametrize("is_answer", [False, True], ids=["before it arrives", "before it is answered"])
def test_a_commit_whose_connection_breaks_is_made_once(line: Line, store: Store, is_answer: bool) -> None:
    counter = node()
    write(store, counter)
    broken = once(line, ONE, is_answer, line.cut)
    write(store, changed=counter._replace(data='{"n":1}'))

    assert broken.is_set()
    assert [(record.version, record.data) for record in store.load_nodes([counter.id])] == [(2, '{"n":1}')]


@pytest.mark.parametrize("is_answer", [False, True], ids=["before it arrives", "before it is answered"])
def test_a_commit_that_lost_is_not_taken_for_made_when_its_connection_breaks(
    line: Line, store: Store, is_answer: bool
) -> None:
    counter = node()
    write(store, counter)
    write(store, changed=counter._replace(data='{"n":7}'))
    broken = once(line, ONE, is_answer, line.cut)

    told: list[str] = []
    with pytest.raises(Lost) as lost:
        store.commit(
            Reads(nodes={counter.id: 1}),
            Changes(changed_nodes=[counter._replace(data='{"n":1}')]),
            lambda: told.append("committed"),
        )

    assert broken.is_set()
    assert lost.value.records == {counter.id}
    assert told == []
    assert [(record.version, record.data) for record in store.load_nodes([counter.id])] == [(2, '{"n":7}')]


@pytest.mark.parametrize("is_answer", [False, True], ids=["before it arrives", "before it is answered"])
def test_a_user_whose_registration_breaks_off_is_registered_once(
    line: Line, store: Store, is_answer: bool
) -> None:
    user = UserRecord(new_id(), f"{new_id()}@example.com", "hash:1}", new_id())
    commit = b"COMMIT" if not is_answer else b"COMMIT\x00"
    is_sent = threading.Event()

    def cut_at_commit(data: bytes, of_answer: bool) -> bytes:
        if not is_sent.is_set() and of_answer == is_answer and commit in data:
            is_sent.set()
            line.cut()
        return data

    line.before = cut_at_commit
    store.add_user(user)

    assert is_sent.is_set()
    assert store.user_by_id(user.id) == user
    with pytest.raises(UserExists):
        store.add_user(user._replace(id=new_id(), root_id=new_id()))


def test_a_password_that_was_changed_before_the_connection_broke_is_changed_once(
    line: Line, store: Store
) -> None:
    user = UserRecord(new_id(), f"{new_id()}@example.com", "old", new_id())
    store.add_user(user)
    is_sent = threading.Event()

    def cut_at_commit(data: bytes, is_answer: bool) -> bytes:
        if not is_sent.is_set() and is_answer and b"COMMIT\x00" in data:
            is_sent.set()
            line.cut()
        return data

    line.before = cut_at_commit

    assert store.change_password(user.id, "old", "new")
    found = store.user_by_id(user.id)
    assert found is not None
    assert (found.password, found.token_generation) == ("new", user.token_generation + 1)


def test_a_refresh_token_that_was_replaced_before_the_connection_broke_is_replaced_once(
    line: Line, store: Store
) -> None:
    user = UserRecord(new_id(), f"{new_id()}@example.com", "hash", new_id())
    store.add_user(user)
    session = SessionRecord(new_id(), user.root_id, 0, "a" * 64, None, None, 0.0, 900, 3600)
    store.add_session(session, 10, 10)
    is_sent = threading.Event()

    def cut_at_commit(data: bytes, is_answer: bool) -> bytes:
        if not is_sent.is_set() and is_answer and b"COMMIT\x00" in data:
            is_sent.set()
            line.cut()
        return data

    line.before = cut_at_commit

    renewed = session._replace(digest="b" * 64, previous="a" * 64)
    assert store.renew_session(renewed), (
        "the outcome is asked for: a second attempt would say that it was not"
    )
    assert is_sent.is_set()
    assert store.session(session.id) == (renewed, user)


def test_a_commit_that_a_crash_undid_is_made_again(server: PostgresServer, line: Line, store: Store) -> None:
    """PostgreSQL forgets what it had not written down when it crashed; the marks of commits go with it."""
    counter, other = node(), node()
    write(store, counter, other)
    held = once(line, ONE, False, line.hold)
    with ThreadPoolExecutor() as threads:
        committing = threads.submit(write, store, changed=counter._replace(data='{"n":1}'))
        assert held.wait(30)
        server.stop("immediate")
        server.start()
        with closing(open_store(server.url)) as direct:
            for version in range(1, 8):
                write(direct, changed=other._replace(version=version))
        line.free()
        committing.result(10)

    assert [record.version for record in store.load_nodes([counter.id])] == [2]


def test_whoever_commits_is_told_that_the_outcome_is_unknown_when_the_database_stays_away(
    server: PostgresServer, line: Line
) -> None:
    def go_away() -> None:
        line.cut()
        line.hold()

    with closing(open_store(f"{server.url_at(line.port)}?connect_timeout=2", seconds=1)) as store:
        counter = node()
        write(store, counter)
        once(line, ONE, True, go_away)
        with pytest.raises(CommitInDoubt) as doubt:
            write(store, changed=counter._replace(data='{"n":1}'))
        assert doubt.value.code == "in_doubt"
        line.free()
        assert [record.version for record in store.load_nodes([counter.id])] == [2]


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_a_commit_that_was_made_before_a_restart_is_known_to_be(
    server: PostgresServer, line: Line, store: Store, mode: str
) -> None:
    counter, new = node(), node()
    write(store, counter)
    held = once(line, ONE, True, line.hold)
    with ThreadPoolExecutor() as threads:
        committing = threads.submit(write, store, new, changed=counter._replace(data='{"n":1}'))
        assert held.wait(30)
        server.stop(mode)
        server.start()
        line.free()
        committing.result(10)

    assert [record.version for record in store.load_nodes([counter.id])] == [2]


def test_a_node_that_gets_an_edge_at_each_attempt_to_delete_it_is_lost_and_stays(
    server: PostgresServer, line: Line, store: Store
) -> None:
    hub = node()
    write(store, hub)
    with closing(open_store(server.url, seconds=0.2)) as direct:

        def connect(data: bytes, is_answer: bool) -> bytes:
            if not is_answer:
                edge = EdgeRecord(new_id(), "", PUBLIC_ROOT, "", hub.id, hub.kind, 1, "{}")
                with suppress(
                    Busy
                ):  # where the words of a commit come in two parts, the first has taken the locks
                    direct.commit(Reads(), Changes(new_edges=[edge]), lambda: None)
            return data

        line.before = connect
        with pytest.raises(Lost):
            store.commit(Reads(), Changes(deleted_nodes=[hub.id]), lambda: None)
        line.before = lambda data, is_answer: data
    assert store.load_nodes([hub.id]) == [hub]


def test_whoever_asks_a_database_that_hangs_is_told_so_in_the_end(server: PostgresServer) -> None:
    with (
        closing(open_store(f"{server.url}?connect_timeout=2", connections=4, seconds=0.8)) as store,
        store.snapshot() as view,
    ):
        assert view.load_nodes([PUBLIC_ROOT])  # it holds a connection, and is about to give it back
        thing = node()
        write(store, thing)
        with ThreadPoolExecutor() as threads, server.frozen():
            asking = [threads.submit(store.load_nodes, [thing.id]) for _ in range(3)]
            asking += [threads.submit(write, store, node()) for _ in range(3)]
            assert {type(asked.exception(20)) for asked in asking} == {Busy, Away}
        assert store.load_nodes([thing.id]) == [thing]
        assert view.load_nodes([PUBLIC_ROOT])
        write(store, changed=thing)


def once(line: Line, word: bytes, is_answer: bool, act: Callable[[], None]) -> threading.Event:
    """Do something to the line when this word is about to pass it, or, `is_answer`, the answer to it; the event tells."""
    said, done = threading.Event(), threading.Event()

    def look(data: bytes, of_answer: bool) -> bytes:
        if done.is_set():
            return data
        if not of_answer and word in data:
            said.set()
        if said.is_set() and of_answer == is_answer:
            done.set()
            act()
        return data

    line.before = look
    return done
