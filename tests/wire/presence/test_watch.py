"""What the watchers of one channel are told: test_presence.py asks the same through the front door."""

from __future__ import annotations

import json
import re
from typing import Any

from walkwire.wire.delivery.client import Client
from walkwire.wire.delivery.turn import Turn
from walkwire.wire.presence.people import People
from walkwire.wire.presence.watch import Watch


class Sent:
    """A transport that keeps what is written to it."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.write = self.frames.append

    def unsent(self) -> int:
        return 0


def client() -> tuple[Client, Sent]:
    sent = Sent()
    return Client("c", "a" * 24, "", False, sent), sent  # type: ignore[arg-type]


def told(turn: Turn, sent: Sent) -> list[Any]:
    turn.flush()
    written = b"".join(sent.frames).decode("latin-1")
    sent.frames.clear()
    starts = [match.start() for match in re.finditer(r'\{"type"', written)]
    return [json.JSONDecoder().raw_decode(written, start)[0] for start in starts]


def fill(people: People, first: int, last: int) -> None:
    for number in range(first, last):
        people.set("s", f"{number:024x}", b"")


async def test_a_crowd_is_counted_from_one_frame_to_the_next_whole_list() -> None:
    people, turn = People(), Turn(1 << 20)
    watch = Watch("den", people)
    one, sent = client()
    watch.add(one, "list", turn)
    for last, keys in ((1000, {"joined", "left"}), (1001, set()), (1003, set())):
        fill(people, 0, last)
        watch.tell(turn)
        (frame,) = told(turn, sent)
        assert frame.keys() - {"type", "channel_id", "count"} == keys
    for number in range(3):
        people.remove("s", f"{number:024x}")
    watch.tell(turn)
    assert told(turn, sent) == [{"type": "presence", "channel_id": "den", "count": 1000}], (
        "not back and forth"
    )
    for number in range(3, 103):
        people.remove("s", f"{number:024x}")
    watch.tell(turn)
    (frame,) = told(turn, sent)
    assert len(frame["users"]) == frame["count"] == 900
    watch.tell(turn)
    assert told(turn, sent) == []


async def test_a_watcher_that_comes_while_it_becomes_a_crowd_counts_as_all_do() -> None:
    people, turn = People(), Turn(1 << 20)
    watch = Watch("den", people)
    (one, sent), (late, sent_late) = client(), client()
    watch.add(one, "list", turn)
    fill(people, 0, 1001)
    assert watch.add(late, "list", turn) == b'{"count":1001}'
    fill(people, 1001, 1002)
    watch.tell(turn)
    assert [frame["count"] for frame in told(turn, sent)] == [1001, 1002]
    assert [frame["count"] for frame in told(turn, sent_late)] == [1002]


async def test_a_late_watcher_is_told_a_number_that_went_back_meanwhile() -> None:
    people, turn = People(), Turn(1 << 20)
    watch = Watch("den", people)
    (one, sent), (late, sent_late) = client(), client()
    watch.add(one, "count", turn)
    people.set_public("s", 1)
    assert watch.add(late, "count", turn) == b'{"count":1}'
    people.set_public("s", 0)
    watch.tell(turn)
    assert told(turn, sent) == []
    assert [frame["count"] for frame in told(turn, sent_late)] == [0]
