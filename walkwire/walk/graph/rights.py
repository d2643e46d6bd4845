"""Rights: what the caller of a walk may do with an archetype, by the rules of `walk/access`."""

from __future__ import annotations

from collections.abc import Callable

from walkwire.errors import NoAccess
from walkwire.ids import SYSTEM_ROOT
from walkwire.walk.access import Level, level_by_grants, level_without_grants
from walkwire.walk.archetype import Archetype, reference_of
from walkwire.walk.archetypes.edge import Edge
from walkwire.walk.archetypes.node import Node
from walkwire.walk.archetypes.root import Root


class Rights:
    """The rights of one root.

    - caller: the id of the root
    - root: returns another root, without a query
    - load_root: loads the grants of a root; raises NoAccess if there is no such root
    - ends: returns the nodes of an edge
    """

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
        """Return the caller's level on an archetype. A program's method `__jac_access__` decides, unless it returns None."""
        if isinstance(archetype, Edge):
            ends = self._ends(archetype)
            return min(Level.WRITE if archetype.__jac__.version == 0 else Level.READ, *map(self.level, ends))
        anchor = archetype.__jac__
        if self._caller in (anchor.owner, SYSTEM_ROOT) or anchor.owner == "":
            return Level.WRITE
        decide: Callable[[], object] | None = getattr(archetype, "__jac_access__", None)
        if decide is not None and (answer := decide()) is not None:
            return Level.of(answer)
        if (free := level_without_grants(self._caller, anchor.owner)) is not None:
            return free
        owner = self._root(anchor.owner)
        self._load_root(owner)
        return level_by_grants(self._caller, anchor.grants, owner.__jac__.grants)

    def may_read(self, archetype: Archetype) -> bool:
        """Return whether the caller may read an archetype."""
        return self.level(archetype) >= Level.READ

    def require(self, archetype: Archetype, level: Level) -> None:
        """Raise NoAccess unless the caller has this level. For a stored edge, its ends decide: one may write it with WRITE on its
        source and READ on its target."""
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
