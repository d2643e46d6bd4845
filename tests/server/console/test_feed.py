"""The live feed: what it shows, what it keeps, and that nobody who looks costs nobody anything."""

from __future__ import annotations

import json
from typing import Any

import pytest

from walkwire.errors import PublicError
from walkwire.server.console import feed as feeds
from walkwire.server.console.feed import LiveFeed, Viewer
from walkwire.server.console.samples import SecondSampler
from walkwire.server.console.shown import SHOWN, shown
from walkwire.testing import Served


@pytest.fixture
def feed(served: Served) -> LiveFeed:
    wire: Any = served.app.door
    return LiveFeed(_Wire(wire), served.app.runtime, SecondSampler(_Wire(wire)))


class _Wire:
    """The parts of the wire that the door has."""

    def __init__(self, door: Any) -> None:
        self.hub, self.turn, self.queued_bytes = door.hub, door.turn, 0


async def seen(viewer: Viewer) -> list[dict[str, Any]]:
    async for lines in viewer.lines():
        return [json.loads(line) for line in lines.splitlines()]
    return []


async def test_events_walks_notifications_and_refusals_are_shown(served: Served, feed: LiveFeed) -> None:
    ada = await served.user("ada@example.com")
    viewer = feed.open()
    await served.public().post("build")
    async with ada.socket("board") as socket:
        await socket.receive()
        await socket.send({"type": "walker", "walker": "board", "context": {"people": 2}, "id": 1})
        while "ok" not in await socket.receive():
            pass
        await socket.send({"type": "channel", "channel_ids": ["board"], "data": {"a": 1}})
        await socket.receive()
        await socket.send({"type": "walker", "walker": "nothing", "id": 2})
        await socket.receive()
        await socket.send({"type": "what"})
        await socket.receive()

    entries = await seen(viewer)
    feed.close(viewer)
    kinds = [entry["t"] for entry in entries]
    walk = next(entry for entry in entries if entry["t"] == "walk" and entry["walker"] == "board")
    told = [entry for entry in entries if entry["t"] == "told"]
    assert (walk["outcome"], walk["status"], walk["written"], walk["told"], walk["attempts"]) == (
        "ok",
        200,
        3,
        3,
        1,
    )
    assert walk["fields"] == '{"people":2}'
    assert walk["root"] == f"n::{PUBLIC}"
    assert [json.loads(entry["data"])["stop"] for entry in told[:3]] == ["Harbour", "Market", "Station"]
    assert {entry["here"] for entry in told} == {1}
    assert [entry["type"] for entry in entries if entry["t"] == "event"] == ["walker", "channel", "walker"]
    assert [entry["code"] for entry in entries if entry["t"] == "refusal"] == ["unknown_walker", "bad_event"]
    assert kinds.count("walk") == 2
    assert [entry["n"] for entry in entries] == sorted(entry["n"] for entry in entries)


PUBLIC = "0" * 23 + "1"


async def test_while_nobody_looks_nothing_is_recorded(served: Served, feed: LiveFeed) -> None:
    tap = served.app.door.hub.tap
    assert (tap.event, tap.notification, tap.refusal, served.app.runtime.watchers) == (None, None, None, [])

    viewer = feed.open()
    assert None not in (tap.event, tap.notification, tap.refusal)
    assert served.app.runtime.watchers == [feed]
    feed.close(viewer)
    feed.close(viewer)

    assert (tap.event, tap.notification, tap.refusal, served.app.runtime.watchers) == (None, None, None, [])


async def test_a_second_page_sees_what_was_shown_before(served: Served, feed: LiveFeed) -> None:
    first = feed.open()
    await served.public().post("build")
    second = feed.open()

    assert [entry["t"] for entry in await seen(second)] == [entry["t"] for entry in await seen(first)]
    feed.close(first)
    feed.close(second)
    assert feed.walk(1) is None


async def test_the_record_of_a_walk_is_kept_and_old_ones_go(
    served: Served, feed: LiveFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds, "WALKS", 2)
    viewer = feed.open()
    for _ in range(3):
        await served.public().post("build")
    entries = [entry for entry in await seen(viewer) if entry["t"] == "walk"]

    assert [feed.walk(entry["n"]) is None for entry in entries] == [True, False, False]
    monkeypatch.setattr(feeds, "WALK_BYTES", 1)
    await served.public().post("build")
    assert [feed.walk(number) for number in range(20)] == [None] * 20
    feed.close(viewer)


async def test_a_page_that_does_not_read_loses_the_oldest_and_is_told() -> None:
    viewer = Viewer()
    for number in range(5):
        viewer.put(b'{"t":"x","n":%d,"data":"%s"}\n' % (number, b"x" * (feeds.QUEUED // 3)))

    first, *rest = await seen(viewer)

    assert first == {"t": "lost", "count": 3}
    assert [entry["n"] for entry in rest] == [3, 4]


async def test_a_flood_is_counted_and_not_shown(feed: LiveFeed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "A_SECOND", 3)
    viewer = feed.open()
    for _ in range(5):
        feed.add("event", {})

    assert len(await seen(viewer)) == 3
    feed.close(viewer)


async def test_few_may_look_at_once_and_nobody_when_the_server_stops(feed: LiveFeed) -> None:
    viewers = [feed.open() for _ in range(feeds.VIEWERS)]
    with pytest.raises(PublicError):
        feed.open()

    feed.stop()

    assert await seen(viewers[0]) == []
    with pytest.raises(PublicError):
        feed.open()


async def test_a_refusal_over_rest_says_what_was_wrong(served: Served, feed: LiveFeed) -> None:
    viewer = feed.open()
    feed.refused(PublicError("sold_out", "No tickets left"))
    (entry,) = await seen(viewer)
    feed.close(viewer)
    feed.refused(PublicError("sold_out", "nobody looks"))

    assert (entry["t"], entry["code"], entry["message"]) == ("refusal", "sold_out", "No tickets left")


def test_secrets_are_masked_and_long_data_is_cut() -> None:
    assert (
        shown(b'{"name":"a","new_password":"x\\"y","n":1}')
        == '{"name":"a","new_password":"**********","n":1}'
    )
    assert shown('{"token":"abc') == '{"token":"**********'
    assert len(shown(b"x" * 100_000)) == SHOWN
