"""Permission: the grants on a node, as programs of Jac Cloud read and write them: `x.__jac__.access`."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, cast

from walkwire.errors import NoAccess
from walkwire.ids import parse_root, root_reference
from walkwire.walk.access import Grants, Level, granted, grants_of, levels
from walkwire.walk.archetype import AnchorGraph, AnchorState, Archetype
from walkwire.walk.current import current_or_none


def graph_of(anchor: AnchorState) -> AnchorGraph | None:
    """Return the graph in which an anchor is used: of the walk in progress, whose caller's rights count, whoever made the anchor.

    None before the first use in any graph.
    """
    walk = current_or_none()
    return anchor.graph if anchor.graph is None or walk is None else cast("AnchorGraph", walk.graph)


class Roots:
    """The grants to single users. `anchors` maps references of roots to levels. Read-only: use `allow_root` to change them."""

    __slots__ = ("anchors",)

    def __init__(self, anchors: Mapping[str, Level]) -> None:
        self.anchors = MappingProxyType(dict(anchors))


class Permission:
    """The grants on one node. Each attribute is read when it is asked for. Raises AttributeError for the anchor of an edge."""

    __slots__ = ("_anchor",)

    def __init__(self, anchor: AnchorState) -> None:
        if anchor.letter == "e":
            raise AttributeError("An edge has no grants of its own: its two nodes decide")
        self._anchor = anchor

    @property
    def all(self) -> Level:
        """The level of everybody. To set it, give a level as `Level.of` takes it."""
        return levels(self._grants())[0]

    @all.setter
    def all(self, level: object) -> None:
        self._grant(Level.of(level))

    @property
    def roots(self) -> Roots:
        """The levels of single users."""
        _, roots = levels(self._grants())
        return Roots({root_reference(id): level for id, level in roots.items()})

    # Any: values that a program gives, checked here
    def replace(self, access: Mapping[str, Any] | Permission) -> None:
        """Replace all grants, by another node's or by `{"all": level, "roots": {"anchors": {root: level}}}`.

        Raises NoAccess without the right to write, ValueError for a wrong level, BadReference for a wrong root.
        """
        if isinstance(access, Permission):
            access = {"all": access.all, "roots": {"anchors": access.roots.anchors}}
        wanted = (access.get("roots") or {}).get("anchors") or {}
        to_roots = {parse_root(root): Level.of(level) for root, level in wanted.items()}
        everybody = Level.of(access.get("all", Level.NO_ACCESS))
        self._grant(everybody)  # raises without the right to
        node = self._node()
        (self._anchor if node is None else node[1].__jac__).grants = grants_of(everybody, to_roots)

    def _grants(self) -> Grants | None:
        node = self._node()
        return self._anchor.grants if node is None else node[0].grants(node[1])

    def _grant(self, level: Level) -> None:
        anchor, node = self._anchor, self._node()
        if node is None:
            anchor.grants = granted(anchor.grants, None, level)
        else:
            node[0].grant(node[1], None, level)

    def _node(self) -> tuple[AnchorGraph, Archetype] | None:
        """Return the graph and the node in it; None before the node's first use in a graph. Raises NoAccess."""
        graph = graph_of(self._anchor)
        if graph is None:
            return None
        node = graph.find(self._anchor.id)
        if node is None:
            raise NoAccess(f"{self._anchor.letter}:{self._anchor.kind}:{self._anchor.id}")
        return graph, node
