"""Rights: what the caller of a walk may do with an archetype, by the rules of `walk/access`.

The right to change something is judged by what was stored before the walk: no walk gives a right to itself by a change that needs
this right, and a walk may give up the right by which it makes a change.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, cast

from walkwire.errors import NoAccess, RecordError
from walkwire.ids import SYSTEM_ROOT
from walkwire.walk.access import Grants, Level, level_by_grants, level_without_grants
from walkwire.walk.archetype import SEALED, AnchorState, Archetype, reference_of
from walkwire.walk.archetypes.edge import Edge
from walkwire.walk.archetypes.node import Node
from walkwire.walk.archetypes.root import Root
from walkwire.walk.mistake import report_unreadable


class OwnedGraph(Protocol):
    """What rights have to know of a graph. `WalkGraph` implements it.

    - caller: the id of the root that walks
    """

    caller: str

    def root(self, root_id: str | None = None) -> Node:
        """Return a root, without a query."""

    def load_root(self, root: Node) -> bool:
        """Load the grants of a root, and return whether there is such a root."""

    def ends(self, edge: Archetype) -> tuple[Node, Node]:
        """Return the nodes of an edge."""

    def unseal(self, archetype: Archetype) -> None:
        """Decode the fields of an archetype. Raises RecordError."""

    def as_stored(self, archetype: Archetype) -> Archetype:
        """Return an archetype with the fields that are stored: itself, or a copy if the walk has changed it."""


class Rights:
    """The rights of the root that walks a graph."""

    def __init__(self, graph: OwnedGraph) -> None:
        self._caller = graph.caller
        self._graph = graph
        self._replaced: dict[str, Grants | None] = {}  # stored grants that the walk has changed

    def level(self, archetype: Archetype, is_stored: bool = False) -> Level:
        """Return the caller's level on an archetype. A program's method `__jac_access__` decides, unless it returns None.

        With `is_stored`, fields and grants count as they were before this walk changed them. Reads the fields of an archetype
        that may be read, and then raises RecordError if they do not fit its class.
        """
        if isinstance(archetype, Edge):
            ends = self._graph.ends(archetype)
            return min(Level.WRITE if archetype.__jac__.version == 0 else Level.READ, *map(self.level, ends))
        anchor = archetype.__jac__
        if self._caller in (anchor.owner, SYSTEM_ROOT) or anchor.owner == "":
            return Level.WRITE
        if getattr(archetype, "__jac_access__", None) is not None:
            ruled = self._by_rule(archetype, is_stored)
            if ruled is not None:
                return ruled
        if (free := level_without_grants(self._caller, anchor.owner)) is not None:
            return free
        owner = self._graph.root(anchor.owner)
        theirs = owner.__jac__.grants if self._graph.load_root(owner) else None
        mine = anchor.grants
        if is_stored and self._replaced:
            mine, theirs = self._replaced.get(anchor.id, mine), self._replaced.get(anchor.owner, theirs)
        level = level_by_grants(self._caller, mine, theirs)
        if anchor.values is SEALED and level >= Level.READ:
            self._graph.unseal(archetype)
        return level

    def may_see(self, archetype: Archetype) -> bool:
        """Return `may_read`; False, and a line in the log, for a record that does not fit its class."""
        try:
            return self.may_read(archetype)
        except RecordError as error:
            report_unreadable(error)
            return False

    def may_read(self, archetype: Archetype) -> bool:
        """Return whether the caller may read an archetype."""
        return self.level(archetype) >= Level.READ

    def require(self, archetype: Archetype, level: Level) -> None:
        """Raise NoAccess unless the caller has this level. For a stored edge, its ends decide: one may write it with WRITE on its
        source and READ on its target."""
        if isinstance(archetype, Edge):
            self._require_edge(archetype, level)
            return
        if not self._exists(archetype) or self.level(archetype, level > Level.READ) < level:
            raise NoAccess(reference_of(archetype))

    def replace(self, anchor: AnchorState, grants: Grants) -> None:
        """Change the grants on an archetype, until the commit for reads only."""
        self._replaced.setdefault(anchor.id, anchor.grants)
        anchor.grants = grants

    def committed(self) -> None:
        """Take all grants as stored."""
        self._replaced.clear()

    def _exists(self, archetype: Archetype) -> bool:
        is_handle = isinstance(archetype, Root) and archetype.__jac__.id != self._caller
        return not is_handle or self._graph.load_root(cast("Root", archetype))

    def _by_rule(self, archetype: Archetype, is_stored: bool) -> Level | None:
        """Return what the program's own rule says. A record that cannot be read has no rule to ask, and is refused."""
        if archetype.__jac__.values is SEALED:
            try:
                self._graph.unseal(archetype)
            except RecordError:
                return Level.NO_ACCESS
        ruled = self._graph.as_stored(archetype) if is_stored else archetype
        decide: Callable[[], object] = ruled.__jac_access__  # type: ignore[attr-defined]
        answer = decide()
        return None if answer is None else Level.of(answer)

    def _require_edge(self, edge: Edge, level: Level) -> None:
        if edge.__jac__.version == 0:
            return
        source, target = self._graph.ends(edge)
        self.require(source, level)
        self.require(target, Level.READ if level is Level.WRITE else level)
