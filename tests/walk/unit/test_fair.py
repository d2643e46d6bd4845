"""Turns in the queue of walks."""

from __future__ import annotations

import pytest

from walkwire.walk.unit.fair import FairQueue


def test_payers_take_turns_and_the_items_of_each_stay_in_order() -> None:
    queue: FairQueue[str] = FairQueue()
    for item in ("a1", "a2", "a3", "b1", "b2", "c1"):
        queue.put(item[0], item)
    assert [queue.take() for _ in range(4)] == ["a1", "b1", "c1", "a2"]
    queue.put("d", "d1")
    queue.put("b", "b3")
    assert queue.size == 4
    assert [queue.take() for _ in range(4)] == ["b2", "a3", "d1", "b3"]
    assert queue.size == 0
    with pytest.raises(IndexError):
        queue.take()
