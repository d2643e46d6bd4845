"""Stale: archetypes that a walk holds when it begins another unit of work. The first use of a field reads them again.

The fields of a stale archetype are moved from its dictionary to its anchor, so that Python falls back to the class and finds a
`_Field` there. Fresh archetypes cost nothing: Python finds their fields as ever. A class gets its `_Field`s when its first
instance becomes stale, so a program that never commits within a walk has none. `type(x)` does not change.
"""

from __future__ import annotations

import dataclasses
import inspect
import weakref
from collections.abc import Callable
from typing import NoReturn

from walkwire.walk.archetype import Archetype
from walkwire.walk.current import current_or_none
from walkwire.walk.graph.codec import codec_of

_PLAIN = (str, int, float, bool, type(None), bytes)


def make_stale(archetype: Archetype) -> None:
    """Move the fields of an archetype to its anchor: their next use reads them again."""
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
    """Move the fields back. Fields that were assigned meanwhile keep their new values."""
    anchor = archetype.__jac__
    object.__setattr__(archetype, "__dict__", anchor.values | dict(dict.items(vars(archetype))))
    anchor.is_stale = False


def is_touched(archetype: Archetype) -> bool:
    """Return whether a stale archetype was changed without being read: by an assignment, or inside a list that a field holds."""
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
    """A field of a class, for instances without it in their dictionary. `default` is the class attribute that it replaces."""

    __slots__ = ("default", "name")

    def __init__(self, name: str, default: object) -> None:
        self.name = name
        self.default = default

    def __get__(self, instance: Archetype | None, owner: type) -> object:
        if instance is not None and instance.__jac__.is_stale:
            values = _values_of(instance)
            if self.name in values:
                return values[self.name]
        if self.default is dataclasses.MISSING:
            self._raise(owner if instance is None else instance)
        return self.default

    def _raise(self, of: object) -> NoReturn:
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


def _values_of(archetype: Archetype) -> dict[str, object]:
    """Return the fields: read again, if the walk in progress holds the archetype; otherwise as they were last read."""
    anchor = archetype.__jac__
    walk = current_or_none()
    if anchor.is_stale and walk is not None and walk.graph is anchor.graph:
        walk.graph.renew(archetype)
    if anchor.is_stale:
        return {**anchor.values, **dict(dict.items(vars(archetype)))}
    return vars(archetype)


class _Former(dict[str, object]):
    """The dictionary of a stale archetype. Its methods read the fields again, as the use of an attribute does.

    Python's own look-up of an attribute does not call these methods.
    """

    __slots__ = ("of",)
    of: Callable[[], Archetype | None]

    def __reduce_ex__(self, _: object) -> tuple[type, tuple[dict[str, object]]]:
        return dict, (dict(self.items()),)


def _asked(name: str) -> Callable[..., object]:
    def ask(former: _Former, *arguments: object, **keywords: object) -> object:
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
