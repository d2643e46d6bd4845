"""What is written to durable streams: for which targets, in which order, and what is said when it cannot be written."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection
from pathlib import Path
from typing import Any

import pytest

from walkwire.errors import Busy, Internal, Limited, PublicError
from walkwire.history import Mark, Retention
from walkwire.server.streams import durable
from walkwire.server.streams.durable import DurableEntries, DurableWriter, kept_of
from walkwire.server.streams.levels import Levels
from walkwire.store import Asking, Changes, Lost, Reads, StreamBound, StreamPlace
from walkwire.stores import open_store
from walkwire.walk.audience import Addressees
from walkwire.walk.run.threads import Mailbox
from walkwire.wire.message import frame
from walkwire.wire.message.notification import Kept, Notification

KEPT = Retention(100, 3600.0, is_durable=True)
ENTRIES = DurableEntries(Levels({"room:*": KEPT}))


def test_only_durable_streams_get_entries() -> None:
    entries = ENTRIES.of_walk(Addressees("channels", ("room:1", "lobby", "room:2 with spaces")), b"{}")
    assert [(entry.message, entry.bound) for entry in entries] == [
        (b"channels\n{}", StreamBound(100, 3600.0))
    ] * 2
    assert entries[0].topic == "c.room:1"
    assert entries[1].topic.startswith("h.")
    assert ENTRIES.of_walk(Addressees("users", ("a" * 24,)), b"{}") == []
    assert ENTRIES.of_walk(Addressees("clients", ("room:1",)), b"{}") == []
    assert ENTRIES.of_walk(Addressees("join", ("c", "room:1")), b"null") == []
    (entry,) = DurableEntries(Levels(users=KEPT)).of_walk(Addressees("users", ("a" * 24,)), b"{}")
    assert entry.topic == f"u.{'a' * 24}"


def test_what_is_too_large_to_be_sent_is_not_written() -> None:
    with pytest.raises(Limited):
        ENTRIES.of("channels", ["room:1"], bytes(frame.LIMIT + 1))
    assert ENTRIES.of("channels", ["lobby"], bytes(frame.LIMIT + 1)) == []


def test_an_entry_without_a_place_is_kept_without_one() -> None:
    entries = ENTRIES.of("channels", ["room:1", "room:2"], b"{}")
    entries[0].place = StreamPlace("epoch", 7)
    assert kept_of(entries) == (Kept("c.room:1", Mark("epoch", 7)), Kept("c.room:2", None))


class Scene:
    def __init__(self, store: Any) -> None:
        self.told: list[Notification] = []
        self.asking = Asking()
        mailbox = Mailbox(asyncio.get_running_loop())
        self.write = DurableWriter(store, self.asking, mailbox, ENTRIES, self.told.append)


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    store = open_store(f"sqlite:///{tmp_path}/test.db")
    made = Scene(store)
    yield made
    await made.asking.close()
    store.close()


def note(number: int, *targets: str) -> Notification:
    return Notification("channels", targets or ("room:1",), b"%d" % number, "latest")


async def test_what_is_sent_at_the_same_time_is_written_and_told_in_its_order(scene: Scene) -> None:
    assert scene.write(note(0, "lobby")) is None
    writing = [scene.write(note(number, "room:1", "lobby")) for number in range(300)]
    assert scene.told == []
    await asyncio.gather(*(one for one in writing if one is not None))

    assert [one.data for one in scene.told] == [b"%d" % number for number in range(300)]
    places = [one.kept[0].mark for one in scene.told]
    assert [place.offset for place in places if place is not None] == list(range(1, 301))
    assert scene.told[0].targets == ("room:1", "lobby")
    assert scene.told[0].overflow == "latest"
    assert {len(one.kept) for one in scene.told} == {1}


class FailingStore:
    def __init__(self, error: Exception) -> None:
        self.error = error

    def commit(
        self, reads: Reads, changes: Changes, then: Callable[[], None], mine: Collection[str] = ()
    ) -> None:
        raise self.error


@pytest.mark.parametrize(
    ("error", "shown"),
    [(Busy("The database does not answer."), Busy), (Lost(), Busy), (OSError("disk"), Internal)],
)
async def test_what_cannot_be_written_is_not_told_and_that_is_said(
    error: Exception, shown: type[PublicError]
) -> None:
    scene = Scene(FailingStore(error))
    writing = [scene.write(note(number)) for number in range(3)]
    for one in writing:
        assert one is not None
        with pytest.raises(shown):
            await one
    assert scene.told == []
    await scene.asking.close()


async def test_more_than_the_database_takes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(durable, "MOST_WAITING", 2 * len(b"channels\n1"))
    scene = Scene(FailingStore(Busy()))
    writing = [scene.write(note(1)), scene.write(note(2))]
    with pytest.raises(Busy):
        scene.write(note(3))
    await asyncio.gather(*(one for one in writing if one is not None), return_exceptions=True)
    await scene.asking.close()
