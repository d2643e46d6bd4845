"""Permission: what was granted on a node, as programs of Jac Cloud look at it and write it: `x.__jac__.access`."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from walkwire.errors import NoAccess
from walkwire.ids import parse_root, root_reference
from walkwire.walk.access import Grants, Level, granted, grants_of, levels


class Roots:
    """The grants to single users: `anchors` is by the references of their roots, and not to be changed: see `allow_root`."""

    __slots__ = ("anchors",)

    def __init__(self, anchors: Mapping[str, Level]) -> None:
        self.anchors = MappingProxyType(dict(anchors))


class Permission:
    """A node's grants, as they are whenever one looks."""

    __slots__ = ("_anchor",)

    def __init__(self, anchor: Any) -> None:
        if anchor.letter == "e":
            raise AttributeError("An edge has no grants of its own: its two nodes decide")
        self._anchor = anchor

    @property
    def all(self) -> Level:
        """What everybody may do."""
        return levels(self._grants())[0]

    @all.setter
    def all(self, level: Any) -> None:
        self._grant(Level.of(level))

    @property
    def roots(self) -> Roots:
        """What single users may do."""
        _, roots = levels(self._grants())
        return Roots({root_reference(id): level for id, level in roots.items()})

    def replace(self, access: Mapping[str, Any] | Permission) -> None:
        """Grant just this: another node's, or `{"all": level, "roots": {"anchors": {root: level}}}`."""
        if isinstance(access, Permission):
            access = {"all": access.all, "roots": {"anchors": access.roots.anchors}}
        wanted = (access.get("roots") or {}).get("anchors") or {}
        to_roots = {parse_root(root): Level.of(level) for root, level in wanted.items()}
        everybody = Level.of(access.get("all", Level.NO_ACCESS))
        self._grant(everybody)  # raises without the right to
        node = self._node()
        (self._anchor if node is None else node.__jac__).grants = grants_of(everybody, to_roots)

    def _grants(self) -> Grants | None:
        node = self._node()
        found: Grants | None = self._anchor.grants if node is None else self._anchor.graph.grants(node)
        return found

    def _grant(self, level: Level) -> None:
        anchor, node = self._anchor, self._node()
        if node is None:
            anchor.grants = granted(anchor.grants, None, level)
        else:
            anchor.graph.grant(node, None, level)

    def _node(self) -> Any:
        """None before the node has touched a graph: it is nobody else's then."""
        node = self._anchor.archetype
        if node is None and self._anchor.graph is not None:
            raise NoAccess(self._anchor.ref_id)
        return node
