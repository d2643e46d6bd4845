"""Anchors: Jac Cloud's anchor classes, by which programs search stored records.

Of Mongo's filters these are supported: `_id`, `name` and `root`, each a value or `{"$in": [...]}`, combined by `$or` and `$and`.
Records that the caller may not read are not found.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from walkwire.dialect.context import get_context
from walkwire.store import Search
from walkwire.walk.access import Level
from walkwire.walk.archetype import AnchorState, Archetype
from walkwire.walk.archetypes.edge import Edge
from walkwire.walk.archetypes.handle import Handle
from walkwire.walk.archetypes.node import Graph, Node
from walkwire.walk.archetypes.obj import Obj
from walkwire.walk.archetypes.root import Root
from walkwire.walk.current import current
from walkwire.walk.registry import family_of
from walkwire.walk.walker.verbs import root
from walkwire.walk.walker.walker import Walker

Filter = Mapping[str, Any]  # Any: a program's filter in Mongo's form, checked by `_searches`

_FIELDS = ("ids", "kinds", "owners")
_NAMES = {"_id": "ids", "name": "kinds", "root": "owners"}


class Collection:
    """The stored records of a family, with the walk's own changes. New ones are found once they are committed."""

    def __init__(self, family: type[Archetype]) -> None:
        self._family = family

    def find(self, filter: Filter | None = None, *_: object, **__: object) -> Iterator[AnchorState]:
        """Return the anchors of the records that match. Raises ValueError for a filter that is not supported."""
        found: dict[str, AnchorState] = {}
        for search in _searches(filter or {}, self._letter()):
            found.update((one.__jac__.id, one.__jac__) for one in self._search(search))
        return iter(found.values())

    def find_one(self, filter: Filter | None = None, *_: object, **__: object) -> AnchorState | None:
        """Return the first match; None if there is none."""
        return next(self.find(filter), None)

    def find_by_id(self, id: object, *_: object, **__: object) -> AnchorState | None:
        """Return the anchor of the record with this id; None if there is none."""
        return self.find_one({"_id": id})

    def count(self, filter: Filter | None = None, *_: object, **__: object) -> int:
        """Return the number of matches."""
        return sum(1 for _ in self.find(filter))

    count_documents = count

    def _letter(self) -> str:
        return {"walker": "w:", "obj": "o:"}.get(family_of(self._family) or "", "")

    def _search(self, search: Search) -> Iterator[Archetype]:
        graph: Graph = current().graph
        found = graph.search_edges(search) if self._family is Edge else graph.search_nodes(search)
        return (one for one in found if isinstance(one, self._family))


class BaseAnchor:
    """The base of the anchor classes. `BaseAnchor.ref(id)` returns a handle."""

    Collection: ClassVar[Any]  # Any: the name is also the class's, which hides it here

    ref = Handle


class NodeAnchor(BaseAnchor):
    """Search among nodes."""

    Collection = Collection(Node)


class EdgeAnchor(BaseAnchor):
    """Search among edges."""

    Collection = Collection(Edge)


class WalkerAnchor(BaseAnchor):
    """Search among stored walkers."""

    Collection = Collection(Walker)


class ObjectAnchor(BaseAnchor):
    """Search among objects (Jac's `obj`) that have records of their own. Objects inside a field of a node are not found."""

    Collection = Collection(Obj)


class JaseciContext:
    """Jac Cloud's context: `JaseciContext.get()` is `get_context()`."""

    get = staticmethod(get_context)
    get_root = staticmethod(root)


def reset_graph(start: Node | None = None) -> int:
    """Delete all nodes and edges that a root owns (None: the caller's root), except the root. Return their number."""
    graph: Graph = current().graph
    first = graph.root() if start is None else start
    owned = Search(owners=frozenset({first.__jac__.id}))
    edges = list(graph.search_edges(owned))
    nodes = [node for node in graph.search_nodes(owned) if not isinstance(node, Root)]
    stored = {id(node) for node in nodes}
    nodes += [node for node in _reached(first) if id(node) not in stored]
    for edge in edges:
        if all(graph.level(end) >= Level.CONNECT for end in graph.ends(edge)):
            graph.delete(edge)
    for node in nodes:
        graph.delete(node)
    return len(edges) + len(nodes)


def _reached(first: Node) -> Iterator[Node]:
    """Yield the new nodes that edges lead to from `first`, directly or through other new nodes."""
    graph: Graph = current().graph
    seen, waiting = {id(first)}, [first]
    while waiting:
        for _, far in graph.neighbourhood(waiting.pop(), "out", None, None):
            if id(far) not in seen and far.__jac__.version == 0 and not isinstance(far, Root):
                seen.add(id(far))
                waiting.append(far)
                yield far


def _searches(filter: Filter, letter: str) -> list[Search]:
    """Return a filter as searches, of which a record has to match one."""
    searches = [Search()]
    for key, wanted in filter.items():
        if key == "$or":
            parts = [search for part in wanted for search in _searches(part, letter)]
        elif key == "$and":
            parts = [Search()]
            for part in wanted:
                parts = _both(parts, _searches(part, letter))
        else:
            parts = [_search_by(key, wanted, letter)]
        searches = _both(searches, parts)
    return searches


def _both(left: list[Search], right: list[Search]) -> list[Search]:
    return [
        Search(*(_meet(getattr(one, name), getattr(other, name)) for name in _FIELDS))
        for one in left
        for other in right
    ]


def _meet(one: frozenset[str] | None, other: frozenset[str] | None) -> frozenset[str] | None:
    return other if one is None else one if other is None else one & other


def _search_by(key: str, wanted: Any, letter: str) -> Search:  # Any: see Filter
    values = wanted["$in"] if isinstance(wanted, Mapping) and set(wanted) == {"$in"} else [wanted]
    if key not in _NAMES or any(isinstance(value, Mapping) for value in values):
        raise ValueError(
            f"A filter by {key!r}: {wanted!r:.60} cannot be answered; there are _id, name, root, $in, $or and $and"
        )
    texts = frozenset(str(getattr(value, "id", value) or "") for value in values)
    if key == "name":
        texts = frozenset(f"{letter}{text}" for text in texts)
    return Search(**{_NAMES[key]: texts})
