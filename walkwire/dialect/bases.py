"""Bases: what Jac's `node`, `edge`, `walker` and `obj` make, by the names that their bases have since 0.8: programs print them.

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
    """The base of an `obj` that is an exception, or of another class of Python's that has room for nothing beside it."""

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        give_each_instance_its_own(cls)
        dataclasses.dataclass(eq=False)(cls)


Value.__name__ = "Archetype"


class Behind:
    """What stands behind the bases that an `obj` names: what they leave room for."""

    def __init__(self, base: type) -> None:
        self._base = base

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[type]:
        is_laid_out = any(isinstance(base, type) and issubclass(base, _LAID_OUT) for base in bases)
        return (Value if is_laid_out else self._base,)


behind_bases = Behind(Archetype)
behind_bases_07 = Behind(Obj)


class JacList(list[Any]):
    """What a list that is written out is in 0.7, seen by programs that ask for types alone."""


JacList.__module__ = "jaclang"
