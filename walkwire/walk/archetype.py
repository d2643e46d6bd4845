"""Archetype: what nodes, edges, walkers and objects share: each class of them is a dataclass, compared by identity."""

from __future__ import annotations

import copy
import dataclasses
import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Generic, TypeVar, dataclass_transform

from walkwire.walk.registry import enrol

Value = TypeVar("Value")

_CLASS_VARIABLE = re.compile(r"\bClassVar\b")
_MUTABLE = (list, dict, set, bytearray)


@dataclass_transform(eq_default=False, field_specifiers=(dataclasses.field,))
class Archetype:
    """The common ground of Node, Edge, Walker and Obj. `__jac__` is what walkwire keeps of an instance.

    A program may use any other name for its own fields, methods and abilities. The names that walkwire adds (`visit`, `out`,
    `reports` and so on) give way to them, and nothing in walkwire calls these by name.
    """

    __slots__ = ("__jac__", "__weakref__")
    __jac__: Any

    def __init_subclass__(cls, *, enrols: bool = True, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        hide_walkwires_names(cls)
        give_each_instance_its_own(cls)
        dataclasses.dataclass(eq=False)(cls)
        if enrols:
            enrol(cls)

    def __getstate__(self) -> dict[str, Any]:
        """A copy has the same fields, and is another archetype: what walkwire keeps of this one is not copied."""
        return dict(vars(self))


def give_anchor(archetype: Archetype, anchor: Any) -> None:
    """Set the `__jac__` of a new instance, also where a class of objects among its bases has a property of that name."""
    _set_anchor(archetype, anchor)


def loaded(cls: type, anchor: Any) -> Any:
    """Return an instance of a class of nodes or edges, whose fields are still to be filled. `__init__` is not run."""
    archetype: Archetype = object.__new__(cls)
    _set_anchor(archetype, anchor)
    return archetype


_set_anchor = Archetype.__dict__["__jac__"].__set__


def reference_of(archetype: Archetype) -> str:
    """How an archetype is named on the wire: `<kind>:<Class>:<id>`."""
    anchor = archetype.__jac__
    return f"{anchor.letter}:{anchor.kind}:{anchor.id}"


def give_each_instance_its_own(cls: type) -> None:
    """A default that can change (`tags: list = []`) is copied for each instance, as it is in Jac."""
    for name in _fields_written_in(cls):
        default = vars(cls).get(name)
        if isinstance(default, _MUTABLE) or (
            dataclasses.is_dataclass(default) and not isinstance(default, type) and default.__hash__ is None
        ):
            setattr(cls, name, dataclasses.field(default_factory=partial(copy.deepcopy, default)))


class Computed(Generic[Value]):
    """As `property`, but a field of the same name in a program's class takes its place.

    Python's `property` would stay in front of what an instance has under this name.
    """

    def __init__(self, get: Callable[[Any], Value]) -> None:
        self._get = get
        self.__doc__ = get.__doc__

    def __get__(self, instance: Any, owner: type | None = None) -> Value:
        return self if instance is None else self._get(instance)  # type: ignore[return-value]


def hide_walkwires_names(cls: type) -> None:
    """Let a field without a default have none. A dataclass would take what walkwire has under its name: a method, say."""
    for name in _fields_written_in(cls):
        if name in vars(cls):
            continue
        holder = next((base for base in cls.__mro__[1:] if name in vars(base)), None)
        is_field = name in getattr(holder, "__dataclass_fields__", ())
        if holder is not None and holder.__module__.startswith("walkwire.") and not is_field:
            setattr(cls, name, dataclasses.field())


def _fields_written_in(cls: type) -> Iterator[str]:
    """The names with an annotation in the body of a class, those of variables of the class itself left out."""
    for name, annotation in list(vars(cls).get("__annotations__", {}).items()):
        if not _CLASS_VARIABLE.search(str(annotation)):
            yield name
