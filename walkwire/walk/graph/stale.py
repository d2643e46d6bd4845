"""Stale: what a walk still has in hand when it begins another unit of work. The first touch of a field looks it up anew.

A stale archetype has its fields taken out of its dictionary; they wait in its anchor. So a fresh one costs nothing: Python finds
its fields where they always are. For a stale one Python finds a `_Field` in the class. That is put there when the first archetype
of the class becomes stale, and only then: a program that never commits in the middle of a walk has none. The class of a stale
archetype stays what it is, as programs ask for `type(x)`.
"""

from __future__ import annotations

import dataclasses
import inspect
import weakref
from collections.abc import Callable
from typing import Any, NoReturn

from walkwire.walk.archetype import Archetype
from walkwire.walk.current import current_or_none
from walkwire.walk.graph.codec import codec_of

_PLAIN = (str, int, float, bool, type(None), bytes)


def make_stale(archetype: Archetype) -> None:
    """Take the fields out of an archetype."""
    anchor, cls = archetype.__jac__, type(archetype)
    if _MARK not in vars(cls):
        _watch(cls)
    own = vars(archetype)
    anchor.values = dict(own)
    for name in codec_of(cls).names:
        own.pop(name, None)
    former = _Former(own)
    former.of = weakref.ref(archetype)
    object.__setattr__(archetype, "__dict__", former)
    anchor.is_stale = True
    anchor.is_guarded = True  # so that the first assignment looks it up as well


def restore(archetype: Archetype) -> None:
    """Give an archetype its fields back as they were. What was assigned to it meanwhile stays."""
    anchor = archetype.__jac__
    object.__setattr__(archetype, "__dict__", anchor.values | dict(dict.items(vars(archetype))))
    anchor.is_stale = False


def is_touched(archetype: Archetype) -> bool:
    """Whether a stale archetype was changed without a touch: by an assignment to an object, or inside a list of a field."""
    anchor, codec = archetype.__jac__, codec_of(type(archetype))
    own = vars(archetype)
    if any(dict.__contains__(own, name) for name in codec.names):
        return True
    if all(isinstance(value, _PLAIN) for value in anchor.values.values()):
        return False
    data = codec.encode(archetype, anchor.values)
    return data != anchor.stored and data != codec.rewritten(archetype)


_MARK = "__jac_watched__"


class _Field:
    """A field of a class, for instances that do not have it in their dictionary: `default` is what the class itself gives."""

    __slots__ = ("default", "name")

    def __init__(self, name: str, default: Any) -> None:
        self.name = name
        self.default = default

    def __get__(self, instance: Any, owner: type) -> Any:
        if instance is not None and instance.__jac__.is_stale:
            values = _values_of(instance)
            if self.name in values:
                return values[self.name]
        if self.default is dataclasses.MISSING:
            self._raise(owner if instance is None else instance)
        return self.default

    def _raise(self, of: Any) -> NoReturn:
        whose = f"type object {of.__name__!r}" if isinstance(of, type) else f"{type(of).__name__!r} object"
        raise AttributeError(f"{whose} has no attribute {self.name!r}", name=self.name, obj=of)


def _watch(cls: type) -> None:
    for name in codec_of(cls).names:
        given = inspect.getattr_static(cls, name, dataclasses.MISSING)
        if isinstance(given, _Field):
            given = given.default
        if not hasattr(type(given), "__get__"):
            type.__setattr__(cls, name, _Field(name, given))
    type.__setattr__(cls, _MARK, True)


def _values_of(archetype: Archetype) -> dict[str, Any]:
    """The fields as they are now: looked up, if the walk in progress has the archetype in hand; else as they were last seen."""
    anchor = archetype.__jac__
    walk = current_or_none()
    if anchor.is_stale and walk is not None and walk.graph is anchor.graph:
        walk.graph.renew(archetype)
    if anchor.is_stale:
        return {**anchor.values, **dict(dict.items(vars(archetype)))}
    return vars(archetype)


class _Former(dict[str, Any]):
    """The dictionary of a stale archetype: `vars(x)` and what is asked of it look the fields up, as an attribute does.

    Python itself looks into such a dictionary without asking it.
    """

    __slots__ = ("of",)
    of: Callable[[], Archetype | None]

    def __reduce_ex__(self, _: Any) -> Any:
        return dict, (dict(self.items()),)


def _asked(name: str) -> Callable[..., Any]:
    def ask(former: _Former, *arguments: Any, **keywords: Any) -> Any:
        archetype = former.of()
        values = dict.copy(former) if archetype is None else _values_of(archetype)
        return getattr(dict, name)(values, *arguments, **keywords)

    return ask


for _name in (
    "__contains__",
    "__delitem__",
    "__eq__",
    "__getitem__",
    "__ior__",
    "__iter__",
    "__len__",
    "__ne__",
    "__or__",
):
    setattr(_Former, _name, _asked(_name))
for _name in (
    "__repr__",
    "__reversed__",
    "__ror__",
    "__setitem__",
    "clear",
    "copy",
    "get",
    "items",
    "keys",
    "pop",
):
    setattr(_Former, _name, _asked(_name))
for _name in ("popitem", "setdefault", "update", "values"):
    setattr(_Former, _name, _asked(_name))
