"""Kind: the name under which a record is stored: a node's class, an object's after `o:`, a walker's after `w:`."""

from __future__ import annotations

from walkwire.walk.archetype import Archetype
from walkwire.walk.archetypes.node import Node
from walkwire.walk.archetypes.obj import Obj
from walkwire.walk.registry import Family, head_of


def kept_kind(archetype: Archetype) -> str:
    """Return the kind under which an archetype is stored."""
    anchor = archetype.__jac__
    return anchor.kind if isinstance(archetype, Node) else f"{anchor.letter}:{anchor.kind}"


def kept_as(kind: str) -> tuple[Family, type[Archetype], str]:
    """Return what a stored kind names: the family, the base of its classes, and the name of the class."""
    match kind[:2]:
        case "o:":
            return "obj", Obj, kind[2:]
        case "w:":
            return "walker", head_of("walker"), kind[2:]
    return "node", Node, kind
