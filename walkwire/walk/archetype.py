"""Archetype: the common base of nodes, edges, walkers and objects, and the state that walkwire keeps of each instance.

Each class of them is a dataclass, compared by identity.
"""

from __future__ import annotations

import copy
import dataclasses
import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, TypeVar, dataclass_transform

from walkwire.ids import new_id
from walkwire.store import Direction
from walkwire.walk.access import Grants
from walkwire.walk.registry import enrol

Value = TypeVar("Value")
AnyArchetype = TypeVar("AnyArchetype", bound="Archetype")
# Classes of nodes or edges, as the graph takes them. None: all of them.
Types = tuple[type, ...] | None

# The `values` of an archetype whose fields are not decoded, as the caller is not known to have the right to read them.
SEALED: dict[str, object] = {}

_CLASS_VARIABLE = re.compile(r"\bClassVar\b")
_MUTABLE = (list, dict, set, bytearray)


@dataclass_transform(eq_default=False, field_specifiers=(dataclasses.field,))
class Archetype:
    """The base of Node, Edge, Walker and Obj. `__jac__` is the anchor: the state that walkwire keeps of an instance.

    A program may use any other name for its own fields, methods and abilities. Names that walkwire adds (`visit`, `out`,
    `reports`) give way to the program's, and walkwire itself never calls them by name.
    """

    __slots__ = ("__jac__", "__weakref__")
    # Of each class: the names that are known to be assigned rightly on its instances, its fields first.
    __jac_names__: ClassVar[set[str]] = set()
    if TYPE_CHECKING:  # a slot at run time. As a property, a derived class may narrow its type.

        @property
        def __jac__(self) -> AnchorState: ...

    # Any: keywords that the program's own bases take
    def __init_subclass__(cls, *, enrols: bool = True, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        hide_walkwires_names(cls)
        give_each_instance_its_own(cls)
        dataclasses.dataclass(eq=False)(cls)
        cls.__jac_names__ = {*getattr(cls, "__dataclass_fields__", ())}
        if enrols:
            enrol(cls)

    def __getstate__(self) -> dict[str, object]:
        """Return the fields only: a copy is another archetype, with an anchor of its own."""
        return dict(vars(self))


class AnchorGraph(Protocol):
    """What an anchor asks of the graph that holds its archetype. `walk/graph/graph` implements it, `walk/view` explains it."""

    caller: str

    def root(self, root_id: str | None = None) -> Archetype:
        """Return a root, without a query; the caller's if none is named."""

    def find(self, id: str) -> Archetype | None:
        """Return the archetype with this id; None if it is absent or may not be read."""

    def find_all(self, ids: Sequence[str]) -> list[Archetype | None]:
        """Return what `find` returns for each id, with few queries for all of them."""

    def edge(self, link: Any) -> Archetype:  # Any: a link is opaque outside the graph
        """Return the edge of a link."""

    def neighbourhood(
        self, node: Archetype, direction: Direction, edges: Types, nodes: Types
    ) -> Sequence[tuple[object, Archetype]]:
        """Return the links of a node, each with the node at its far end."""

    def grant(self, node: Archetype, root_id: str | None, level: int | None) -> None:
        """Grant a level on a node to a root, or to everybody (None)."""

    def grants(self, node: Archetype) -> Grants | None:
        """Return the grants on a node."""

    def is_kept(self, anchor: AnchorState) -> bool:
        """Return whether a commit now would store this new archetype."""


class AnchorState:
    """The state that walkwire keeps of an archetype besides its fields. `walk/archetypes/anchor` adds what programs use.

    - id, kind: identity; `kind` is the name of the class, "" for roots and bare edges
    - owner: the id of the owner's root; "" until the first walk that changes the archetype commits
    - version: counts the commits of this record; 0 means not stored yet
    - graph: the graph of the walk that holds the archetype; None before its first use
    - stored: the record's data, as JSON text
    - values: the fields when `stored` was read or written; `SEALED`: they are not decoded yet. Values of any type
    - extras: stored fields that the class no longer has
    - grants: see `walk/access`. Replaced as a whole, never changed in place; `stored_grants` is their stored text
    - is_saved: to be stored even if nothing stored is joined to it
    - is_guarded: the next assignment has to ask for the right to write
    - is_stale: the fields have to be read again before use (`walk/graph/stale`)
    - deferred: the fields whose references are not looked up (a `Deferred` of `walk/archetypes/watched`); None: there are none
    """

    __slots__ = (
        "deferred",
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
        "stored",
        "stored_grants",
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
        self.graph: AnchorGraph | None = None
        self.stored: str | None = None
        self.values: dict[str, object] = {}
        self.extras: dict[str, object] = {}
        self.grants: Grants | None = None
        self.stored_grants: str | None = None
        self.is_saved = False
        self.is_deleted = False
        self.is_guarded = False
        self.is_stale = False
        self.deferred: Any = None


def give_anchor(archetype: Archetype, anchor: AnchorState) -> None:
    """Set the `__jac__` of a new instance, even if one of its base classes has a property of that name."""
    _set_anchor(archetype, anchor)


def loaded(cls: type[AnyArchetype], anchor: AnchorState) -> AnyArchetype:
    """Return an instance of a class of nodes or edges without fields. `__init__` is not run."""
    archetype = object.__new__(cls)
    _set_anchor(archetype, anchor)
    return archetype


_set_anchor = Archetype.__dict__["__jac__"].__set__


def reference_of(archetype: Archetype) -> str:
    """Return the reference that names an archetype on the wire: `<letter>:<Class>:<id>`."""
    anchor = archetype.__jac__
    return f"{anchor.letter}:{anchor.kind}:{anchor.id}"


def give_each_instance_its_own(cls: type) -> None:
    """Copy mutable defaults (`tags: list = []`) for each instance, as Jac does."""
    for name in _fields_written_in(cls):
        default = vars(cls).get(name)
        if isinstance(default, _MUTABLE) or (
            dataclasses.is_dataclass(default) and not isinstance(default, type) and default.__hash__ is None
        ):
            setattr(cls, name, dataclasses.field(default_factory=partial(copy.deepcopy, default)))


class Computed(Generic[Value]):
    """A read-only attribute, as `property`, that a field of the same name in a program's class replaces.

    Python's own `property` would hide the instance's field.
    """

    def __init__(self, get: Callable[[Any], Value]) -> None:  # Any: the instance of whichever class
        self._get = get
        self.__doc__ = get.__doc__

    def __get__(self, instance: object, owner: type | None = None) -> Value:
        return self if instance is None else self._get(instance)  # type: ignore[return-value]


def hide_walkwires_names(cls: type) -> None:
    """Keep `dataclass` from taking a walkwire method as the default of a program's field of the same name."""
    for name in _fields_written_in(cls):
        if name in vars(cls):
            continue
        holder = next((base for base in cls.__mro__[1:] if name in vars(base)), None)
        is_field = name in getattr(holder, "__dataclass_fields__", ())
        if holder is not None and holder.__module__.startswith("walkwire.") and not is_field:
            setattr(cls, name, dataclasses.field())


def _fields_written_in(cls: type) -> Iterator[str]:
    """Yield the annotated names in the body of a class, class variables excepted."""
    for name, annotation in list(vars(cls).get("__annotations__", {}).items()):
        if not _CLASS_VARIABLE.search(str(annotation)):
            yield name
