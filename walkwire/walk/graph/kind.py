"""Kept: under which class a record is stored. A node's is its name; an object's and a walker's have their letter before it."""

from __future__ import annotations

from walkwire.walk.archetype import Archetype
from walkwire.walk.archetypes.node import Node
from walkwire.walk.archetypes.obj import Obj
from walkwire.walk.registry import Family
from walkwire.walk.walker.walker import Walker


def kept_kind(archetype: Archetype) -> str:
    """The class under which an archetype is stored."""
    anchor = archetype.__jac__
    return str(anchor.kind) if isinstance(archetype, Node) else f"{anchor.letter}:{anchor.kind}"


def kept_as(kind: str) -> tuple[Family, type[Archetype], str]:
    """What a stored class says: the family, its base, and the name within it."""
    match kind[:2]:
        case "o:":
            return "obj", Obj, kind[2:]
        case "w:":
            return "walker", Walker, kind[2:]
    return "node", Node, kind
