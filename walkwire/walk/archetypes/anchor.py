"""Anchor: what walkwire knows of an archetype beside its fields. Programs see it as `x.__jac__`."""

from __future__ import annotations

from typing import Any, ClassVar

from walkwire.ids import new_id
from walkwire.walk.archetypes.permission import Permission
from walkwire.walk.current import current


class Anchor:
    """Identity, owner and stored state. `version` 0 means not stored yet; `owner` "" not yet anybody's.

    `stored` is the record's data as text, `values` the fields as they were then, `extras` the stored fields that the class
    no longer has. `is_stale` means that the fields are to be looked up anew (`walk/graph/stale`); `values` are what they were.
    `grants` is {"all": level, "roots": {root id: level}}, replaced as a whole, never changed in place. `source` and `target`
    are an edge's ends.
    """

    __slots__ = (
        "extras",
        "grants",
        "graph",
        "id",
        "is_deleted",
        "is_guarded",
        "is_saved",
        "is_stale",
        "kind",
        "owner",
        "source",
        "stored",
        "stored_grants",
        "target",
        "values",
        "version",
    )

    letter: ClassVar[str] = "n"

    def __init__(self, kind: str, id: str | None = None) -> None:
        self.id = new_id() if id is None else id
        self._begin(kind)

    def _begin(self, kind: str) -> None:
        self.kind = kind
        self.owner = ""
        self.version = 0
        self.graph: Any = None
        self.stored: str | None = None
        self.values: dict[str, Any] = {}
        self.extras: dict[str, Any] = {}
        self.grants: dict[str, Any] | None = None
        self.stored_grants: str | None = None
        self.is_saved = False
        self.is_deleted = False
        self.is_guarded = False
        self.is_stale = False
        self.source: Any = None
        self.target: Any = None

    @property
    def ref_id(self) -> str:
        """The reference, as `jid` gives it."""
        return f"{self.letter}:{self.kind}:{self.id}"

    @property
    def name(self) -> str:
        """The class, "" for a root."""
        return self.kind

    @property
    def root(self) -> str:
        """The id of the owner's root."""
        return self.owner or (self.graph.caller if self.graph is not None else "")

    @property
    def archetype(self) -> Any:
        """The archetype itself, as the walk that holds it sees it; None before it has touched a graph."""
        return self.graph.find(self.id) if self.graph is not None else None

    # Its name in 0.7.
    architype = archetype

    @property
    def edges(self) -> list[Any]:
        """The anchors of a node's edges, whichever way they lead."""
        graph, node = self.graph, self.archetype
        if node is None:
            return []
        return [graph.edge(link).__jac__ for link, _ in graph.neighbourhood(node, "both", None, None)]

    @property
    def access(self) -> Permission:
        """What was granted on a node."""
        return Permission(self)

    @access.setter
    def access(self, access: Any) -> None:
        Permission(self).replace(access)

    @property
    def persistent(self) -> bool:
        """Whether it is stored, or would be by a commit now."""
        if self.version or self.is_deleted:
            return not self.is_deleted
        return self.graph is not None and bool(self.graph.is_kept(self))

    @persistent.setter
    def persistent(self, _: Any) -> None:
        raise AttributeError(
            "A node is kept by save(x), or by an edge to what is kept; destroy(x) removes it"
        )

    def apply(self, _: object = None) -> None:
        """Jac Cloud's word for writing at once: commits all that the walk has changed so far."""
        current().commit()


class AnchorOfEdge(Anchor):
    """An edge's."""

    __slots__ = ()
    letter: ClassVar[str] = "e"


class AnchorOfObject(Anchor):
    """An object's."""

    __slots__ = ()
    letter: ClassVar[str] = "o"
