"""Bases: what Jac's `node`, `edge`, `walker` and `obj` make, by the names that their bases have since 0.8: programs print them.

In 0.7 these were Node, Edge, Walker and Obj.
"""

from __future__ import annotations

from typing import Any

from walkwire.walk.edge import Edge
from walkwire.walk.node import Node
from walkwire.walk.obj import Obj
from walkwire.walk.walker import Walker


class NodeArchetype(Node):
    """The base of a `node`."""


class EdgeArchetype(Edge):
    """The base of an `edge`."""


class WalkerArchetype(Walker):
    """The base of a `walker`."""


class Archetype(Obj):
    """The base of an `obj`."""


class JacList(list[Any]):
    """What a list that is written out is in 0.7, seen by programs that ask for types alone."""


JacList.__module__ = "jaclang"
