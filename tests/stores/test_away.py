"""PostgreSQL goes away, comes back, hangs: no connection is used that is dead, and nothing is done half or taken for done."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress

import psycopg
import pytest

from tests.postgres import Line, PostgresServer, postgres_server
from walkwire.errors import Busy, StartError
from walkwire.ids import PUBLIC_ROOT, new_id
from walkwire.store import Changes, CommitInDoubt, EdgeRecord, Lost, NodeRecord, Reads, Store
from walkwire.stores import open_store
from walkwire.stores.postgres.pool import Away


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


ONE = b":1}"  # of what is written goes with the words that end a commit
COMMITTED = b"COMMIT\x00"  # and this is the answer


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
    broken = []

    def cut_once(data: bytes, of_answer: bool) -> bytes:
        if not broken and of_answer == is_answer and (COMMITTED if is_answer else ONE) in data:
            broken.append(data)
            line.cut()
        return data

    line.before = cut_once
    write(store, changed=counter._replace(data='{"n":1}'))

    assert broken
    assert [(record.version, record.data) for record in store.load_nodes([counter.id])] == [(2, '{"n":1}')]


@pytest.mark.parametrize("has_new", [True, False], ids=["with something new", "without"])
def test_a_commit_that_a_crash_undid_is_not_taken_for_another_that_has_its_number_now(
    server: PostgresServer, line: Line, store: Store, has_new: bool
) -> None:
    """What PostgreSQL had not written down when it crashed it forgets, and counts on from there."""
    counter, other, new = node(), node(), node()
    write(store, counter, other)
    held = hold_once(line, ONE, is_answer=False)
    with ThreadPoolExecutor() as threads:
        changed = counter._replace(data='{"n":1}')
        committing = threads.submit(write, store, *([new] if has_new else []), changed=changed)
        assert held.wait(5)
        server.stop("immediate")
        server.start()
        with closing(open_store(server.url)) as direct:
            for version in range(1, 8):
                write(direct, changed=other._replace(version=version))
        line.free()
        failure = committing.exception(10)

    made = [record.version for record in store.load_nodes([counter.id])]
    if has_new:
        assert (failure, made) == (None, [2])
    else:
        assert (type(failure), made) == (CommitInDoubt, [1])


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_a_commit_that_was_made_before_a_restart_is_known_to_be(
    server: PostgresServer, line: Line, store: Store, mode: str
) -> None:
    counter, new = node(), node()
    write(store, counter)
    held = hold_once(line, COMMITTED, is_answer=True)
    with ThreadPoolExecutor() as threads:
        given = [new] if mode == "immediate" else []
        committing = threads.submit(write, store, *given, changed=counter)
        assert held.wait(5)
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


def hold_once(line: Line, word: bytes, is_answer: bool) -> threading.Event:
    """Hold the line when this word is about to pass it; the event tells."""
    held = threading.Event()

    def look(data: bytes, of_answer: bool) -> bytes:
        if of_answer == is_answer and word in data and not held.is_set():
            line.hold()
            held.set()
        return data

    line.before = look
    return held
