"""Bases: the base classes of Jac's `node`, `edge`, `walker` and `obj`, by their names since 0.8, which programs print.

In 0.7 these were Node, Edge, Walker and Obj.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from walkwire.walk.archetype import give_each_instance_its_own
from walkwire.walk.archetypes.edge import Edge
from walkwire.walk.archetypes.node import Node
from walkwire.walk.archetypes.obj import Obj
from walkwire.walk.walker.walker import Walker


class NodeArchetype(Node):
    """The base of a `node`."""


class EdgeArchetype(Edge):
    """The base of an `edge`."""


class WalkerArchetype(Walker):
    """The base of a `walker`."""


class Archetype(Obj):
    """The base of an `obj`."""


_LAID_OUT = (BaseException, int, float, str, bytes, dict, list, set, frozenset, tuple)


class Value:
    """The base of an `obj` that derives from an exception or a built-in class, whose layout allows no other base."""

    def __init_subclass__(cls, **keywords: Any) -> None:  # Any: keywords of the program's own bases
        super().__init_subclass__(**keywords)
        give_each_instance_its_own(cls)
        dataclasses.dataclass(eq=False)(cls)


Value.__name__ = "Archetype"


class Behind:
    """The last base in the list of an `obj`: replaced by the base class whose layout fits the other bases."""

    def __init__(self, base: type) -> None:
        self._base = base

    def __mro_entries__(self, bases: tuple[object, ...]) -> tuple[type]:
        is_laid_out = any(isinstance(base, type) and issubclass(base, _LAID_OUT) for base in bases)
        return (Value if is_laid_out else self._base,)


behind_bases = Behind(Archetype)
behind_bases_07 = Behind(Obj)


class JacList(list[object]):
    """The type of a list literal in 0.7, for programs that print types."""


JacList.__module__ = "jaclang"
