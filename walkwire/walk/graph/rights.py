"""Rights: what the one who walks may do with what the walk has in hand. `walk/access` has the rule, this asks it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from walkwire.errors import NoAccess
from walkwire.ids import SYSTEM_ROOT
from walkwire.walk.access import Level, level_by_grants, level_without_grants
from walkwire.walk.archetype import Archetype, reference_of
from walkwire.walk.archetypes.edge import Edge
from walkwire.walk.archetypes.node import Node
from walkwire.walk.archetypes.root import Root


class Rights:
    """The rights of one root, `caller`. `root` gives a root's handle, `load_root` its grants, `ends` the nodes of an edge."""

    def __init__(
        self,
        caller: str,
        *,
        root: Callable[[str], Node],
        load_root: Callable[[Node], None],
        ends: Callable[[Archetype], tuple[Node, Node]],
    ) -> None:
        self._caller = caller
        self._root = root
        self._load_root = load_root
        self._ends = ends

    def level(self, archetype: Archetype) -> Level:
        """What may be done with an archetype."""
        if isinstance(archetype, Edge):
            ends = self._ends(archetype)
            return min(Level.WRITE if archetype.__jac__.version == 0 else Level.READ, *map(self.level, ends))
        anchor = archetype.__jac__
        if self._caller in (anchor.owner, SYSTEM_ROOT) or anchor.owner == "":
            return Level.WRITE
        decide: Callable[[], Any] | None = getattr(archetype, "__jac_access__", None)
        if decide is not None and (answer := decide()) is not None:
            return Level.of(answer)
        if (free := level_without_grants(self._caller, anchor.owner)) is not None:
            return free
        owner = self._root(anchor.owner)
        self._load_root(owner)
        return level_by_grants(self._caller, anchor.grants, owner.__jac__.grants)

    def may_read(self, archetype: Archetype) -> bool:
        """May it be read?"""
        return self.level(archetype) >= Level.READ

    def require(self, archetype: Archetype, level: Level) -> None:
        """Raise NoAccess without the level; what it takes at an edge are levels at its ends."""
        if isinstance(archetype, Edge):
            self._require_edge(archetype, level)
            return
        if isinstance(archetype, Root) and archetype.__jac__.id != self._caller:
            self._load_root(archetype)
        if self.level(archetype) < level:
            raise NoAccess(reference_of(archetype))

    def _require_edge(self, edge: Edge, level: Level) -> None:
        if edge.__jac__.version == 0:
            return
        source, target = self._ends(edge)
        self.require(source, level)
        self.require(target, Level.READ if level is Level.WRITE else level)
