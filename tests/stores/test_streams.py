"""Streams in every store: numbered in the order of the commits, written with them, read in pages, trimmed from the old end."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url

from tests.databases import ENGINES, database
from walkwire.ids import PUBLIC_ROOT, new_id
from walkwire.store import (
    QUIET_SECONDS,
    Changes,
    Lost,
    NodeRecord,
    Reads,
    Store,
    StreamBound,
    StreamEntry,
    StreamPlace,
)
from walkwire.stores import open_store

BOUND = StreamBound(1000, 3600.0)
PLENTY = 1 << 20


@pytest.fixture(params=ENGINES)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with database(request.param, tmp_path) as url:
        yield url


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    opened = open_store(url)
    yield opened
    opened.close()


def append(
    store: Store, *messages: bytes, topic: str = "c.den", bound: StreamBound = BOUND
) -> list[StreamEntry]:
    entries = [StreamEntry(topic, message, bound) for message in messages]
    store.commit(Reads(), Changes(entries=entries), lambda: None)
    return entries


def offsets(entries: list[StreamEntry]) -> list[int]:
    return [entry.place.offset for entry in entries if entry.place is not None]


def messages(
    store: Store, limit: int = 1000, after: StreamPlace | None = None, upto: StreamPlace | None = None
) -> list[bytes]:
    page = store.read_stream("c.den", limit, PLENTY, after, upto)
    assert page is not None
    return [message for _, message in page.entries]


def test_entries_are_numbered_without_gaps_and_read_in_pages(store: Store) -> None:
    first = append(store, b"one", b"two\x00\xff")
    second = append(store, b"three", b"", b"five")

    assert offsets([*first, *second]) == [1, 2, 3, 4, 5]
    place = first[0].place
    assert place is not None
    assert {entry.place.epoch for entry in [*first, *second] if entry.place} == {place.epoch}
    at = place._replace

    everything = [b"one", b"two\x00\xff", b"three", b"", b"five"]
    assert messages(store) == everything
    assert messages(store, 2) == everything[-2:]
    assert messages(store, 2, after=at(offset=0)) == everything[:2]
    assert messages(store, 9, after=at(offset=3)) == everything[3:]
    assert messages(store, 2, upto=at(offset=4)) == everything[2:4]
    assert messages(store, 2, upto=at(offset=1)) == everything[:1]

    def more(limit: int, after: int | None = None, upto: int | None = None) -> tuple[bool, bool]:
        page = store.read_stream(
            "c.den",
            limit,
            PLENTY,
            at(offset=after) if after is not None else None,
            at(offset=upto) if upto else None,
        )
        assert page is not None
        assert page.tail == at(offset=5)
        return page.has_more, page.has_gap

    assert more(5) == (False, False)
    assert more(4) == (True, False)
    assert more(2, after=3) == (False, False)
    assert more(1, after=3) == (True, False)
    assert more(5, after=5) == (False, False)
    assert more(2, upto=2) == (False, False)
    assert more(2, upto=3) == (True, False)
    assert store.read_stream("c.unknown", 1, PLENTY, None, None) is None


def test_a_place_that_never_was_has_a_gap(store: Store) -> None:
    (entry,) = append(store, b"one")
    assert entry.place is not None
    for place in (StreamPlace("other", 1), entry.place._replace(offset=2), entry.place._replace(offset=-1)):
        for after, upto in ((place, None), (None, place)):
            page = store.read_stream("c.den", 9, PLENTY, after, upto)
            assert page == (entry.place, [], True, False)


def test_a_page_ends_with_the_entry_that_makes_it_large_enough(store: Store) -> None:
    entries = append(store, b"a" * 100, b"b" * 100, b"c" * 100)
    place = entries[0].place
    assert place is not None
    before = place._replace(offset=0)

    def read(size: int, after: StreamPlace | None) -> tuple[list[int], bool]:
        page = store.read_stream("c.den", 9, size, after, None)
        assert page is not None
        return [offset for offset, _ in page.entries], page.has_more

    assert read(1, before) == ([1], True)
    assert read(101, before) == ([1, 2], True)
    assert read(300, before) == ([1, 2, 3], False)
    assert read(1, None) == ([3], True)
    assert read(101, None) == ([2, 3], True)


def test_streams_are_begun_once_and_keep_their_epochs(store: Store) -> None:
    bounds = {"c.a": BOUND, "c.b": BOUND}
    opened = store.open_streams(bounds)
    assert {topic: place.offset for topic, place in opened.items()} == {"c.a": 0, "c.b": 0}
    assert opened["c.a"].epoch != opened["c.b"].epoch
    append(store, b"one", topic="c.b")

    assert store.open_streams({**bounds, "c.c": BOUND}) == {
        "c.a": opened["c.a"],
        "c.b": opened["c.b"]._replace(offset=1),
        "c.c": store.stream_tails(["c.c"])["c.c"],
    }
    assert set(store.stream_tails(["c.a", "c.none"])) == {"c.a"}
    many = [f"c.{number}" for number in range(1100)]
    assert len(store.open_streams(dict.fromkeys(many, BOUND))) == len(store.stream_tails(many)) == 1100


def test_entries_of_a_refused_commit_are_not_written(store: Store) -> None:
    append(store, b"one")
    entry = StreamEntry("c.den", b"two", BOUND)
    changes = Changes(new_nodes=[NodeRecord(new_id(), "Thing", PUBLIC_ROOT, 1, "{}")], entries=[entry])

    with pytest.raises(Lost):
        store.commit(Reads(nodes={PUBLIC_ROOT: 77}), changes, lambda: None)
    assert messages(store) == [b"one"]

    store.commit(Reads(nodes={PUBLIC_ROOT: 1}), changes, lambda: None)
    assert messages(store) == [b"one", b"two"]
    assert offsets([entry]) == [2]


def test_one_commit_may_append_to_several_streams(store: Store) -> None:
    topics = ["c.b", "c.a", "c.b", "c.c", "c.a"]
    entries = [StreamEntry(topic, b"%d" % number, BOUND) for number, topic in enumerate(topics)]
    store.commit(Reads(), Changes(entries=entries), lambda: None)

    assert offsets(entries) == [1, 1, 2, 1, 2]
    page = store.read_stream("c.b", 9, PLENTY, None, None)
    assert page is not None
    assert page.entries == [(1, b"0"), (2, b"2")]


def test_places_are_known_before_then_is_called_and_in_the_order_of_the_stream(store: Store) -> None:
    told: list[int] = []

    def commit(number: int) -> None:
        # In every other commit the streams come in another order: that must be no deadlock.
        topics = ["c.den", "c.hall"] if number % 2 else ["c.hall", "c.den"]
        entries = [StreamEntry(topic, b"%d" % number, BOUND) for topic in topics]
        den = entries[topics.index("c.den")]
        store.commit(Reads(), Changes(entries=entries), lambda: told.extend(offsets([den])))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(commit, range(200)))

    assert told == list(range(1, 201))
    assert len(messages(store)) == 200


def test_what_is_beyond_the_count_is_removed_from_the_old_end(store: Store) -> None:
    bound = StreamBound(80, 3600.0)
    for number in range(0, 100, 10):
        entries = append(store, *(b"%d" % (number + each) for each in range(10)), bound=bound)
    place = entries[-1].place
    assert place is not None

    assert store.trim_stream(time.time())
    assert not store.trim_stream(time.time())
    assert messages(store) == [b"%d" % number for number in range(20, 100)]

    page = store.read_stream("c.den", 500, PLENTY, place._replace(offset=19), None)
    assert page is not None
    assert page.has_gap
    assert page.entries[0] == (21, b"20")
    page = store.read_stream("c.den", 5, PLENTY, place._replace(offset=3), None)
    assert page is not None
    assert (page.has_gap, page.entries) == (True, [])
    page = store.read_stream("c.den", 500, PLENTY, place._replace(offset=20), None)
    assert page is not None
    assert not page.has_gap


def test_entries_go_when_they_are_too_old_and_the_stream_when_it_was_empty_for_long(store: Store) -> None:
    (old,) = append(store, b"old", bound=StreamBound(10, 100.0))
    assert old.place is not None
    now = time.time()
    assert not store.trim_stream(now + 99)
    assert messages(store) == [b"old"]

    assert store.trim_stream(now + 110)
    assert messages(store) == []
    assert store.stream_tails(["c.den"]) == {"c.den": old.place}  # the epoch is kept, and numbers go on
    (new,) = append(store, b"new", bound=StreamBound(10, 100.0))
    assert new.place == old.place._replace(offset=2)

    assert store.trim_stream(now + 220)  # although the stream was empty before, what came later goes in time
    assert messages(store) == []
    assert not store.trim_stream(now + 220 + QUIET_SECONDS - 10)
    assert store.trim_stream(now + 220 + QUIET_SECONDS + 10)
    assert store.stream_tails(["c.den"]) == {}
    (again,) = append(store, b"again")
    assert again.place is not None
    assert (again.place.offset, again.place.epoch != old.place.epoch) == (1, True)


def test_what_was_written_just_now_is_not_in_the_future(store: Store) -> None:
    append(store, b"first", bound=StreamBound(0, 3600.0))
    for _ in range(20):  # a clock of milliseconds is behind in nearly all of them
        append(store, b"gone", bound=StreamBound(0, 3600.0))
        assert store.trim_stream(store.now())


def test_much_that_is_to_be_removed_is_removed_in_several_calls(store: Store) -> None:
    append(store, *(b"x" for _ in range(2500)), bound=StreamBound(10, 3600.0))
    append(store, b"last", bound=StreamBound(10, 3600.0))
    calls = 0
    while store.trim_stream(time.time()):
        calls += 1
    assert calls == 3
    assert messages(store) == [b"x"] * 9 + [b"last"]


def test_several_servers_trim_while_others_append(url: str) -> None:
    bound = StreamBound(50, 3600.0)
    stores = [open_store(url) for _ in range(2)]
    try:

        def work(number: int) -> None:
            store = stores[number % 2]
            if number % 4 == 3:
                store.trim_stream(time.time())
            else:
                append(store, b"%d" % number, bound=bound)

        with ThreadPoolExecutor(6) as pool:
            list(pool.map(work, range(400)))
        while stores[0].trim_stream(time.time()):
            pass
        tail = stores[0].stream_tails(["c.den"])["c.den"]
        assert tail.offset == 300
        page = stores[1].read_stream("c.den", 1000, PLENTY, None, None)
        assert page is not None
        numbers = [offset for offset, _ in page.entries]
        assert numbers == list(range(numbers[0], 301))
        assert 50 <= len(numbers) <= 57
    finally:
        for store in stores:
            store.close()


def test_after_a_restore_the_page_says_how_to_begin_new_epochs(store: Store, url: str) -> None:
    (entry,) = append(store, b"one")
    append(store, b"two", topic="c.hall")
    page = (Path(__file__).parents[2] / "docs" / "streams.md").read_text()
    statements = re.findall(r"^(UPDATE streams .*;) +-- (\w+)", page, re.MULTILINE)
    parsed = make_url(url)
    if parsed.get_backend_name() == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    name = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}[parsed.get_backend_name()]
    engine = create_engine(parsed)
    with engine.begin() as connection:
        for statement, of in statements:
            if of == name:
                connection.exec_driver_sql(statement)
    engine.dispose()

    found = store.read_stream("c.den", 9, PLENTY, entry.place, None)
    assert found is not None
    assert found.has_gap
    tails = store.stream_tails(["c.den", "c.hall"])
    assert len({place.epoch for place in (entry.place, *tails.values()) if place}) == 3


def test_streams_are_found_by_a_part_of_their_topic(store: Store) -> None:
    for topic in ("c.den", "c.garden", "u.1"):
        append(store, b"x", b"y", topic=topic)

    found = store.find_streams("den", 9)

    assert {topic: place.offset for topic, place in found.items()} == {"c.den": 2, "c.garden": 2}
    assert list(store.find_streams("", 1)) == ["c.den"]
