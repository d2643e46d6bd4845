"""Obj: Jac's `obj`, a value with fields that is stored inside the fields of nodes and walkers."""

from __future__ import annotations

from walkwire.walk.archetype import Archetype
from walkwire.walk.archetypes.anchor import Anchor, AnchorOfObject
from walkwire.walk.registry import heads, kind_of


@heads("obj")
class Obj(Archetype):
    """The base of object classes: dataclasses, compared by identity."""

    @property
    def __jac__(self) -> Anchor:
        """The anchor, made on first use: most objects are never reported by themselves and need no id."""
        slot = Archetype.__dict__["__jac__"]
        try:
            anchor: Anchor = slot.__get__(self)
        except AttributeError:
            anchor = AnchorOfObject(kind_of(type(self)))
            slot.__set__(self, anchor)
        return anchor
