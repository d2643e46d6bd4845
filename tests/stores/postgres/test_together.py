"""Together: commits that wait for the same stream are made in one transaction, and each has its own outcome."""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from tests.databases import database
from walkwire.errors import Busy
from walkwire.ids import PUBLIC_ROOT, new_id
from walkwire.store import Changes, Lost, NodeRecord, Reads, Store, StreamBound, StreamEntry
from walkwire.stores import open_store
from walkwire.stores.postgres.commit import Commit
from walkwire.stores.postgres.driver.pool import Away, Raw
from walkwire.stores.postgres.outcome import CommitTag
from walkwire.stores.postgres.store import PostgresStore

BOUND = StreamBound(1000, 3600.0)
TOPIC = "c.den"
SOON = 20.0  # seconds, on a machine where others are at work


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    with database("postgres", tmp_path) as url:
        yield url


@pytest.fixture
def store(url: str) -> Iterator[PostgresStore]:
    opened = open_store(url)
    assert isinstance(opened, PostgresStore)
    yield opened
    opened.close()


class Crowd:
    """Commits of threads of their own, which wait until the stream is let go."""

    def __init__(self, store: PostgresStore, url: str) -> None:
        self.told: list[bytes] = []
        self._store, self._url = store, url
        self._threads = ThreadPoolExecutor(20)
        tell(store, b"first", self.told.append)

    def __enter__(self) -> Crowd:
        self._holder = psycopg.connect(self._url)
        self._holder.execute("SELECT FROM streams FOR UPDATE")
        self._first = self.add(b"second")  # finds nobody, and waits in the database
        self.until(lambda: TOPIC in self._store._together._queues)
        return self

    def __exit__(self, *_: object) -> None:
        self._holder.close()
        self._threads.shutdown()

    def add(
        self, message: bytes, reads: Reads | None = None, **changes: list[NodeRecord]
    ) -> Future[StreamEntry]:
        return self._threads.submit(tell, self._store, message, self.told.append, reads, **changes)

    def run(self, work: Callable[[], object]) -> Future[object]:
        return self._threads.submit(work)

    def let_go(self, waiting: int) -> None:
        """Let the stream go when so many commits wait for the one in the database."""
        self.until(lambda: len(self._store._together._queues[TOPIC]) == waiting)
        self._holder.rollback()

    def until(self, is_so: Callable[[], bool]) -> None:
        end = time.monotonic() + SOON
        while not is_so():
            assert time.monotonic() < end
            time.sleep(0.001)


@pytest.fixture
def crowd(store: PostgresStore, url: str) -> Crowd:
    return Crowd(store, url)


def tell(
    store: PostgresStore,
    message: bytes,
    then: Callable[[bytes], None],
    reads: Reads | None = None,
    **changes: list[NodeRecord],
) -> StreamEntry:
    entry = StreamEntry(TOPIC, message, BOUND)
    all_changes = Changes(entries=[entry], **changes)  # type: ignore[arg-type]
    store.commit(reads or Reads(), all_changes, lambda: then(message))
    return entry


def node(version: int = 1) -> NodeRecord:
    return NodeRecord(new_id(), "Item", PUBLIC_ROOT, version, "{}")


def kept(store: PostgresStore) -> list[bytes]:
    page = store.read_stream(TOPIC, 1000, 1 << 20, None, None)
    assert page is not None
    assert [number for number, _ in page.entries] == list(range(1, len(page.entries) + 1))
    return [message for _, message in page.entries]


def transactions(url: str) -> list[int]:
    """How many entries each transaction wrote, in their order."""
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT xmin::text FROM stream_entries ORDER BY place").fetchall()
    counts: dict[str, int] = {}
    for (xmin,) in rows:
        counts[xmin] = counts.get(xmin, 0) + 1
    return list(counts.values())


def test_commits_that_wait_for_a_stream_are_made_in_one_transaction(
    store: PostgresStore, url: str, crowd: Crowd
) -> None:
    nodes = [node() for _ in range(6)]
    with crowd:
        waiting = [crowd.add(b"%d" % number, new_nodes=[each]) for number, each in enumerate(nodes)]
        crowd.let_go(6)
        entries = [each.result(SOON) for each in waiting]
    assert transactions(url) == [1, 1, 6]
    assert {entry.place.offset for entry in entries if entry.place} == {3, 4, 5, 6, 7, 8}
    assert kept(store) == crowd.told, "what is told is in the order of the stream"
    places = {entry.message: entry.place.offset for entry in entries if entry.place}
    assert sorted(places, key=places.__getitem__) == crowd.told[2:]
    assert len(store.load_nodes([each.id for each in nodes])) == 6


def test_one_that_is_refused_fails_alone_and_leaves_no_gap(
    store: PostgresStore, url: str, crowd: Crowd
) -> None:
    lost = node()
    with crowd:
        waiting = [crowd.add(b"%d" % number, new_nodes=[node()]) for number in range(3)]
        refused = crowd.add(b"refused", Reads(nodes={lost.id: 7}))
        crowd.let_go(4)
        places = [each.result(SOON).place for each in waiting]
        with pytest.raises(Lost):
            refused.result(SOON)
    assert {place.offset for place in places if place} == {3, 4, 5}
    assert kept(store) == crowd.told
    assert b"refused" not in crowd.told


def test_commits_that_write_the_same_record_are_not_made_together(
    store: PostgresStore, url: str, crowd: Crowd
) -> None:
    shared = node()
    store.commit(Reads(), Changes(new_nodes=[shared]), lambda: None)
    with crowd:
        both = [crowd.add(b"%d" % number, changed_nodes=[shared]) for number in range(2)]
        crowd.let_go(2)
        outcomes = [each.exception(SOON) for each in both]
    assert {type(outcome) for outcome in outcomes} == {type(None), Lost}
    assert transactions(url) == [1, 1, 1]
    assert kept(store) == crowd.told


def test_a_connection_that_breaks_while_commits_are_made_together_writes_each_once(
    store: PostgresStore, url: str, crowd: Crowd
) -> None:
    with crowd, psycopg.connect(url, autocommit=True) as admin, psycopg.connect(url) as next_holder:
        waiting = [crowd.add(b"%d" % number, new_nodes=[node()]) for number in range(5)]
        held = crowd.run(lambda: next_holder.execute("SELECT FROM streams FOR UPDATE"))
        crowd.until(lambda: _waiting(admin) == 2)  # the second, then the next holder
        crowd.let_go(5)
        held.result(SOON)
        crowd.until(lambda: _waiting(admin) == 1)  # those that are made together
        admin.execute(f"SELECT pg_terminate_backend(pid) FROM {WAITING}")
        crowd.until(lambda: _waiting(admin) == 1)  # they are made again
        next_holder.rollback()
        places = [each.result(SOON).place for each in waiting]
    assert transactions(url) == [1, 1, 5]
    assert kept(store) == crowd.told
    assert {place.offset for place in places if place} == {3, 4, 5, 6, 7}


def test_commits_made_together_whose_answer_is_lost_are_found_to_be_made(
    store: PostgresStore, url: str, crowd: Crowd, monkeypatch: pytest.MonkeyPatch
) -> None:
    make, answers = Commit.make_together, []

    def lose_the_answer(connection: Raw, tag: CommitTag, commits: Sequence[Commit]) -> bool:
        answers.append(make(connection, tag, commits))
        raise Away

    monkeypatch.setattr(Commit, "make_together", staticmethod(lose_the_answer))
    with crowd:
        waiting = [crowd.add(b"%d" % number, new_nodes=[node()]) for number in range(3)]
        crowd.let_go(3)
        for each in waiting:
            each.result(SOON)
    assert answers == [True]
    assert transactions(url) == [1, 1, 3]
    assert kept(store) == crowd.told


WAITING = "pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


def _waiting(admin: psycopg.Connection[tuple[int]]) -> int:
    found = admin.execute(f"SELECT count(*) FROM {WAITING}").fetchone()
    assert found is not None
    return found[0]


def test_a_commit_whose_turn_does_not_come_is_busy(url: str) -> None:
    store = open_store(url, seconds=0.3)
    assert isinstance(store, PostgresStore)
    try:
        store._together._queues[TOPIC] = deque()  # of a thread that does not come to an end
        with pytest.raises(Busy):
            tell(store, b"late", lambda message: None)
        assert not store._together._queues[TOPIC]
    finally:
        store.close()


def test_two_servers_whose_connections_break_write_what_they_acknowledge_once_and_in_order(url: str) -> None:
    """Each commit adds one to a counter that it has read, and tells one of three streams, or two of them."""
    stores = [open_store(url) for _ in range(2)]
    counters = [node() for _ in range(80)]
    stores[0].commit(Reads(), Changes(new_nodes=counters), lambda: None)
    told: dict[tuple[int, str], list[int]] = {}
    chance, ended = random.Random(5), threading.Event()

    def found(store: Store, id: str) -> NodeRecord:
        while True:
            with suppress(Away):
                return store.load_nodes([id])[0]

    def add(number: int, seed: int) -> int:
        store, own, done = stores[number], random.Random(seed), 0
        for _ in range(25):
            counter = found(store, own.choice(counters).id)
            topics = own.sample(["c.a", "c.b", "c.c"], own.choice((1, 1, 1, 2)))
            entries = [StreamEntry(topic, counter.id.encode(), BOUND) for topic in topics]
            changed = counter._replace(data=str(int(counter.data.strip("{}") or 0) + 1))

            def then(entries: list[StreamEntry] = entries) -> None:
                for entry in entries:
                    if entry.place is not None:
                        told.setdefault((number, entry.topic), []).append(entry.place.offset)

            with suppress(Lost, Away):  # Away: it was tried five times, and is not written
                store.commit(
                    Reads(nodes={counter.id: counter.version}),
                    Changes(changed_nodes=[changed], entries=entries),
                    then,
                )
                done += len(topics) * 1000 + 1
        return done

    def break_some() -> None:
        with psycopg.connect(url, autocommit=True) as admin:
            while not ended.wait(chance.uniform(0.02, 0.1)):
                admin.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
                    " AND pid <> pg_backend_pid() AND random() < 0.05"
                )

    with ThreadPoolExecutor(17) as threads:
        breaking = threads.submit(break_some)
        adding = [threads.submit(add, seed % 2, seed) for seed in range(16)]
        try:
            entries, commits = divmod(sum(each.result(SOON * 3) for each in adding), 1000)
        finally:
            ended.set()
        breaking.result(SOON)
    kept = sum(int(each.data.strip("{}") or 0) for each in stores[0].load_nodes([one.id for one in counters]))
    assert kept == commits
    tails = stores[0].stream_tails(["c.a", "c.b", "c.c"])
    assert sum(place.offset for place in tails.values()) == entries
    for offsets in told.values():
        assert offsets == sorted(offsets), "what is told is in the order of the stream"
    for store in stores:
        store.close()
