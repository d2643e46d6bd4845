"""Which classes a program is made of, and who hears of those that are made later."""

from __future__ import annotations

import pytest

from walkwire import Node, Walker, authorize
from walkwire.walk.registry import ChannelRule, Registry


class Place(Node):
    pass


class stroll(Walker):
    pass


def test_classes_are_found_by_family_and_name() -> None:
    registry = Registry()
    registry.add_all([Place, stroll, 1, str])
    assert registry.find("node", "Place") is Place
    assert registry.find("walker", "stroll") is stroll
    assert registry.find("edge", "Place") is None
    assert registry.walkers == {"stroll": stroll}


def test_walkers_that_are_added_are_told_until_the_subscription_ends() -> None:
    registry = Registry()
    first: list[type] = []
    second: list[type] = []
    end = registry.subscribe(first.append)
    registry.subscribe(second.append)
    registry.add(Place)
    registry.add(stroll)
    end()
    registry.add(stroll)
    assert (first, second) == ([stroll], [stroll, stroll])


def test_a_program_has_the_rules_of_channels_that_it_defines_or_holds() -> None:
    recorded, given = Registry(), Registry()
    with recorded.recording():

        @authorize("room:*", seconds=60)
        def may_enter(caller: object, deed: str, channel_id: str) -> bool:
            return True

    given.add_all([may_enter, may_enter, [], 1])
    assert recorded.channel_rules == given.channel_rules == [ChannelRule("room:*", may_enter, 60)]


@pytest.mark.parametrize("seconds", [-1, float("nan")])
def test_an_answer_is_used_again_for_no_negative_time(seconds: float) -> None:
    with pytest.raises(ValueError, match="0 or more"):
        authorize("room:*", seconds=seconds)
