"""Archetype: what nodes, edges, walkers and objects share: each class of them is a dataclass, compared by identity."""

from __future__ import annotations

import copy
import dataclasses
from functools import partial
from typing import Any, ClassVar, dataclass_transform

from walkwire.walk.registry import Family, enrol

_MUTABLE = (list, dict, set, bytearray)


@dataclass_transform(eq_default=False, field_specifiers=(dataclasses.field,))
class Archetype:
    """The common ground of Node, Edge, Walker and Obj. `__jac__` is what walkwire keeps of an instance."""

    __slots__ = ("__jac__", "__weakref__")
    __jac__: Any
    __family__: ClassVar[Family]
    __letter__: ClassVar[str]

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        give_each_instance_its_own(cls)
        dataclasses.dataclass(eq=False)(cls)
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
    return f"{archetype.__letter__}:{anchor.kind}:{anchor.id}"


def give_each_instance_its_own(cls: type) -> None:
    """A default that can change (`tags: list = []`) is copied for each instance, as it is in Jac."""
    for name, annotation in vars(cls).get("__annotations__", {}).items():
        if "ClassVar" in str(annotation):
            continue  # it is the class's own
        default = vars(cls).get(name)
        if isinstance(default, _MUTABLE) or (
            dataclasses.is_dataclass(default) and not isinstance(default, type) and default.__hash__ is None
        ):
            setattr(cls, name, dataclasses.field(default_factory=partial(copy.deepcopy, default)))
