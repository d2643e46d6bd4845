"""How much is asked for."""

from __future__ import annotations

import pytest

from walkwire.errors import StartError
from walkwire.load.plan import Plan


@pytest.mark.parametrize(
    ("connections", "channels", "rate", "seconds"), [(1, 2, 1, 1), (1, 0, 1, 1), (1, 1, 0, 1), (1, 1, 1, 0)]
)
def test_what_makes_no_sense_is_refused(connections: int, channels: int, rate: float, seconds: float) -> None:
    with pytest.raises(StartError):
        Plan(connections, channels, rate, seconds)


def test_connections_are_in_the_channels_in_turn() -> None:
    plan = Plan(connections=7, channels=3, rate=10, seconds=0.5)
    assert plan.messages == 5
    assert [plan.members(channel) for channel in range(3)] == [3, 2, 2]
