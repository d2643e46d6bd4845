"""Copies of envelopes."""

from __future__ import annotations

from walkwire.wire.delivery.seen import SERVERS, WINDOW, Seen


def test_an_envelope_is_new_once_in_whatever_order_the_copies_come() -> None:
    seen = Seen()
    order = [5, 3, 4, 5, 9, 3, 8, 9, 4]
    assert [seen.add("a", number) for number in order] == [
        False,
        False,
        False,
        True,
        False,
        True,
        False,
        True,
        True,
    ]
    assert not seen.add("b", 5)


def test_a_copy_is_known_after_many_others() -> None:
    seen = Seen()
    assert not seen.add("a", 1)
    assert not any(seen.add("a", number) for number in range(2, 5000))
    assert seen.add("a", 1)


def test_a_copy_that_is_too_late_to_know_is_not_delivered_again() -> None:
    seen = Seen()
    assert not seen.add("a", 10**12)
    assert not seen.add("a", 10**12 - 1)
    assert not seen.add("a", 10**12 + 10 * WINDOW)
    assert seen.add("a", 10**12)


def test_servers_that_went_are_forgotten() -> None:
    seen = Seen()
    for number in range(2 * SERVERS):
        seen.add(str(number), 1)
    assert len(seen._servers) == SERVERS
