"""Handle: Jac Cloud's `BaseAnchor.ref(id)`, `NodeAnchor.ref(id)`: an id in place of an archetype, without a query."""

from __future__ import annotations

from typing import Any

from walkwire.ids import parse_reference
from walkwire.walk.archetypes.anchor import Anchor
from walkwire.walk.current import current


class Handle:
    """The reference of an archetype. Accepted wherever a node, an object or a root may be given. Raises BadReference."""

    __slots__ = ("_reference",)

    def __init__(self, reference: str) -> None:
        self._reference = parse_reference(reference)

    @property
    def id(self) -> str:
        """The id, 24 hexadecimal digits."""
        return self._reference.id

    @property
    def name(self) -> str:
        """The name of the class; "" for a root."""
        return self._reference.name

    @property
    def ref_id(self) -> str:
        """The whole reference."""
        return str(self._reference)

    @property
    def archetype(self) -> Any:  # Any: of one of the program's classes, which only the program knows
        """The archetype; None if it is absent or may not be read."""
        kind, name, id = self._reference
        graph = current().graph
        return graph.root(id) if kind == "n" and not name else graph.find(id)

    # Its name in 0.7.
    architype = archetype


def resolve(given: Any) -> Any:  # Any: an archetype of whichever class goes in and comes out
    """Return the archetype that is given as itself, as its anchor or as a handle. Other values are returned as they are."""
    return given.archetype if isinstance(given, Handle | Anchor) else given
