"""Which classes a program is made of, and who hears of those that are made later."""

from __future__ import annotations

from walkwire import Node, Walker
from walkwire.walk.registry import Registry


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
