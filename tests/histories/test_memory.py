"""Histories: what is kept, for how long, and what is said of what is not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from walkwire.histories.memory import STREAM_BYTES, MemoryHistory
from walkwire.history import Mark, Retention

LEVEL = Retention(10, 60.0)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Listener:
    def __init__(self) -> None:
        self.heard: list[tuple[str, Mark, int, bytes]] = []

    def __call__(self, topic: str, mark: Mark, previous: int, message: bytes) -> None:
        self.heard.append((topic, mark, previous, message))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def listener() -> Listener:
    return Listener()


@pytest.fixture
async def history(clock: Clock, listener: Listener) -> AsyncIterator[MemoryHistory]:
    made = MemoryHistory(clock, bound=4 * STREAM_BYTES)
    await made.start(listener, lambda: None)
    yield made
    await made.stop()


def fill(history: MemoryHistory, topic: str, count: int, start: int = 0) -> None:
    for number in range(start, start + count):
        history.append(topic, b"%d" % number)


async def open_(history: MemoryHistory, topic: str = "c.den", level: Retention = LEVEL) -> Mark:
    return (await history.open({topic: level}))[topic]


async def texts(history: MemoryHistory, after: Mark, limit: int = 100) -> list[bytes]:
    page = await history.read("c.den", limit, after=after)
    return [entry.message for entry in page.entries]


async def test_nothing_is_kept_of_a_topic_that_nobody_has_open(
    history: MemoryHistory, listener: Listener
) -> None:
    assert history.is_empty
    history.append("c.den", b"lost")
    assert history.is_empty
    assert listener.heard == []
    assert (await open_(history)).offset == 0


async def test_each_entry_is_heard_and_names_the_one_before_it(
    history: MemoryHistory, listener: Listener
) -> None:
    start = await open_(history)
    fill(history, "c.den", 3)
    marks = [(mark.offset, previous) for _, mark, previous, _ in listener.heard]
    assert marks == [(1, 0), (2, 1), (3, 2)]
    assert {mark.epoch for _, mark, _, _ in listener.heard} == {start.epoch}
    assert await texts(history, start) == [b"0", b"1", b"2"]


async def test_a_page_begins_where_it_was_asked_to(history: MemoryHistory) -> None:
    start = await open_(history)
    fill(history, "c.den", 6)
    page = await history.read("c.den", 2, after=start._replace(offset=2))
    assert [entry.offset for entry in page.entries] == [3, 4]
    assert page.has_more
    assert not page.has_gap
    page = await history.read("c.den", 2, upto=start._replace(offset=5))
    assert [entry.offset for entry in page.entries] == [4, 5]
    assert page.has_more
    newest = await history.read("c.den", 100)
    assert [entry.offset for entry in newest.entries] == [1, 2, 3, 4, 5, 6]
    assert not newest.has_more


async def test_what_is_too_much_or_too_old_is_dropped_and_that_is_said(
    history: MemoryHistory, clock: Clock
) -> None:
    start = await open_(history)
    fill(history, "c.den", 12)
    assert (await history.read("c.den", 100, after=start._replace(offset=1))).has_gap
    assert not (await history.read("c.den", 100, after=start._replace(offset=2))).has_gap
    clock.now += 61
    assert (await history.read("c.den", 100, after=start._replace(offset=11))).has_gap
    assert not (await history.read("c.den", 100, after=start._replace(offset=12))).has_gap


async def test_a_place_that_is_none_of_the_stream_has_a_gap(history: MemoryHistory) -> None:
    start = await open_(history)
    other = await open_(history, "c.hall")
    fill(history, "c.den", 3)
    for mark in (other, start._replace(offset=4), start._replace(offset=-1), Mark("", 0)):
        page = await history.read("c.den", 100, after=mark)
        assert page.has_gap
        assert page.entries == ()


async def test_a_closed_topic_is_kept_for_a_while_and_then_begins_anew(
    history: MemoryHistory, clock: Clock, listener: Listener
) -> None:
    start = await open_(history)
    history.close(("c.den",))
    fill(history, "c.den", 1)
    assert listener.heard == []
    clock.now += 59
    assert (await open_(history)) == start._replace(offset=1)
    history.close(("c.den",))
    clock.now += 61
    fill(history, "c.den", 1)
    again = await open_(history)
    assert again.epoch != start.epoch
    assert again.offset == 0
    assert (await history.read("c.den", 100, after=start)).has_gap


async def test_bytes_are_bounded_for_a_stream_and_for_all(history: MemoryHistory) -> None:
    big = bytes(STREAM_BYTES // 2 + 1)
    for number in range(9):
        topic = f"c.{number}"
        start = await open_(history, topic)
        for _ in range(3):
            history.append(topic, big)
        assert len((await history.read(topic, 100)).entries) == 1
        assert (await history.read(topic, 100, after=start)).has_gap
    assert history.size <= 4 * STREAM_BYTES
    assert (await history.read("c.0", 100)).entries == ()
    assert len((await history.read("c.8", 100)).entries) == 1


async def test_a_message_larger_than_all_may_have_is_kept_alone(history: MemoryHistory) -> None:
    start = await open_(history)
    history.append("c.den", bytes(STREAM_BYTES + 1))
    assert len(await texts(history, start)) == 1


async def test_topics_that_are_over_are_forgotten(history: MemoryHistory, clock: Clock) -> None:
    await open_(history)
    history.close(("c.den",))
    clock.now += 61
    history._sweep()
    assert history.is_empty
    assert history.size == 0
    await asyncio.sleep(0)
