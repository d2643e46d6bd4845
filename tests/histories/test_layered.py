"""One history of two: each topic is asked for where it is kept."""

from __future__ import annotations

from walkwire.histories.layered import LayeredHistory
from walkwire.histories.memory import MemoryHistory
from walkwire.history import RECENT, Mark, Retention

DURABLE = Retention(1000, 3600.0, is_durable=True)


async def test_each_topic_is_opened_read_and_closed_where_it_is_kept() -> None:
    recent, durable = MemoryHistory(), MemoryHistory()
    both = LayeredHistory(recent, durable)
    heard: list[tuple[str, Mark, int, bytes]] = []
    await both.start(lambda *entry: heard.append(entry), lambda: None)

    marks = await both.open({"c.a": RECENT, "c.b": DURABLE})
    assert (len(recent), len(durable)) == (1, 1)
    assert both.for_level(RECENT) is recent
    assert both.for_level(DURABLE) is durable
    assert (both.is_local, both.is_empty) == (True, False)

    both.append("c.a", b"one")
    both.append("c.b", b"not by this way")
    durable.append("c.b", b"two")
    assert [(topic, message) for topic, *_, message in heard] == [("c.a", b"one"), ("c.b", b"two")]
    assert await both.tails(["c.a", "c.b"]) == {
        topic: mark._replace(offset=1) for topic, mark in marks.items()
    }
    assert [entry.message for entry in (await both.read("c.b", 9)).entries] == [b"two"]
    assert [entry.message for entry in (await both.read("c.a", 9)).entries] == [b"one"]

    both.close(["c.a", "c.b"])
    durable.append("c.b", b"three")
    assert len(heard) == 2
    await both.stop()
