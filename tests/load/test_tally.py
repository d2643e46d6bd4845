"""What arrived, how late, and what did not."""

from __future__ import annotations

import random

from walkwire.load.tally import Delays, Received


def test_delays_are_kept_to_two_percent() -> None:
    delays = Delays()
    chance = random.Random(7)
    seconds = [chance.expovariate(100) for _ in range(10_000)]
    for each in seconds:
        delays.add(each)
    seconds.sort()
    for part in (0.5, 0.99, 0.999):
        exact = seconds[int(part * len(seconds)) - 1]
        assert abs(delays.quantile(part) - exact) < 0.04 * exact + 1e-6
    assert delays.quantile(1) <= delays.largest == seconds[-1]


def test_without_deliveries_there_is_no_delay() -> None:
    assert (Delays().quantile(0.5), Delays().largest) == (0, 0)


def test_what_is_lost_late_or_twice_is_told_apart() -> None:
    received = Received()
    heard = [received.hear(number) for number in (0, 1, 4, 2, 4, 5)]
    assert heard == [True, True, True, True, False, True]
    assert (received.reordered, received.duplicated, received.lost(6), received.lost(8)) == (1, 1, 1, 3)


def test_all_in_order_is_all_well() -> None:
    received = Received()
    assert all(received.hear(number) for number in range(100))
    assert (received.reordered, received.duplicated, received.lost(100)) == (0, 0, 0)
