"""Handle: Jac Cloud's `BaseAnchor.ref(id)`, `NodeAnchor.ref(id)`: an id that stands for what it names, without looking it up."""

from __future__ import annotations

from typing import Any

from walkwire.ids import parse_reference
from walkwire.walk.archetypes.anchor import Anchor
from walkwire.walk.current import current


class Handle:
    """An id, taken wherever a node, an object or a root may be given. `archetype` is what it names, None where that is absent."""

    __slots__ = ("_reference",)

    def __init__(self, reference: str) -> None:
        self._reference = parse_reference(reference)

    @property
    def id(self) -> str:
        """The 24 digits."""
        return self._reference.id

    @property
    def name(self) -> str:
        """The class, "" for a root."""
        return self._reference.name

    @property
    def ref_id(self) -> str:
        """The whole reference."""
        return str(self._reference)

    @property
    def archetype(self) -> Any:
        """What it names; None where that is absent or may not be read."""
        kind, name, id = self._reference
        graph = current().graph
        return graph.root(id) if kind == "n" and not name else graph.find(id)

    # Its name in 0.7.
    architype = archetype


def meant(given: Any) -> Any:
    """The archetype that is given as itself, as its anchor or by a handle."""
    return given.archetype if isinstance(given, Handle | Anchor) else given
