"""Lazy: an attribute that is made at its first use, and that its owner may let go of.

A walk's graph and its archetypes refer to each other. While all of this is a cycle, only the garbage collector can free it, which
costs more than a short walk. So a graph lets go of its parts when its walk is over: what nobody else holds is freed at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

Owner = TypeVar("Owner")
Made = TypeVar("Made")


class Lazy(Generic[Owner, Made]):
    """An attribute of a class without `__slots__`. `make` is given the owner.

    `functools.cached_property` of Python 3.11 takes a lock that all owners share.
    """

    def __init__(self, make: Callable[[Owner], Made]) -> None:
        self._make = make
        self._name = ""

    def __set_name__(self, cls: type[Owner], name: str) -> None:
        """Take the name of the attribute, under which `vars(owner)` holds what was made: Python finds it there first."""
        self._name = name

    def __get__(self, owner: Owner, cls: type[Owner]) -> Made:
        """Make it."""
        made = owner.__dict__[self._name] = self._make(owner)
        return made
