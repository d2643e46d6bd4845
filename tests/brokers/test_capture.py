"""Capture: no more is published than JetStream takes, and what it did not take is not passed over in silence."""

from __future__ import annotations

import asyncio

import pytest

from walkwire.brokers import capture
from walkwire.brokers.capture import MARKED, WINDOW, Capture

TAKEN = b'{"stream":"walkwire_streams","seq":7}'
REFUSED = b'{"error":{"code":503,"description":"too many messages"},"stream":"walkwire_streams"}'


def publish(made: Capture, count: int, topic: str = "c.den") -> list[int]:
    """Publish so many messages, and return the numbers of those to be acknowledged."""
    return [number for number in (made.mark(topic) for _ in range(count)) if number is not None]


def there() -> Capture:
    """One whose messages JetStream takes."""
    made = Capture()
    (first,) = publish(made, MARKED)
    made.answer(first, TAKEN)
    return made


def test_nobody_waits_where_nothing_is_captured() -> None:
    made = Capture()
    assert len(publish(made, 100 * MARKED)) == 100
    assert not made.is_full
    made.answer(1, b"")
    assert not made.take_doubtful()


async def test_who_publishes_waits_for_acknowledgements() -> None:
    made = there()
    numbers = publish(made, WINDOW * MARKED)
    assert made.is_full
    waiting = asyncio.ensure_future(made.wait())
    await asyncio.sleep(0)
    assert not waiting.done()
    made.answer(numbers[0], TAKEN)
    await waiting
    assert not made.is_full
    assert not made.take_doubtful()


def test_streams_of_what_is_refused_get_a_note() -> None:
    made = there()
    (one,), (other,) = publish(made, MARKED, "c.den"), publish(made, MARKED, "c.hall")
    made.answer(one, REFUSED)
    made.answer(other, TAKEN)
    assert made.take_doubtful() == {"c.den"}
    assert not made.take_doubtful()


async def test_streams_get_a_note_when_jetstream_captures_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture, "PATIENCE", 0.01)
    made = there()
    publish(made, WINDOW * MARKED, "c.den")
    await made.wait()
    assert not made.is_full
    (number,) = publish(made, MARKED, "c.hall")
    assert not made.take_doubtful()
    made.answer(number, TAKEN)
    assert made.take_doubtful() == {"c.den", "c.hall"}
