"""Watched: fields that are not in an archetype's dictionary at the moment: stale ones, sealed ones, and references that nobody
has used yet.

Python falls back to the class for them, and finds a `_Field` there. Archetypes whose fields are all in their dictionary cost
nothing. A class gets its `_Field`s when its first instance needs them. `type(x)` does not change.
"""

from __future__ import annotations

import dataclasses
import inspect
import weakref
from collections.abc import Callable, Iterable, MutableMapping, MutableSequence
from typing import Any, NoReturn, cast

from walkwire.walk.archetype import SEALED, Archetype
from walkwire.walk.current import current_or_none

# Returns what references name, in their order; None for one that names nothing that the walk may read.
FindAll = Callable[[list[str]], list[Any]]


class Unresolved:
    """A reference inside a stored field that is not looked up."""

    __slots__ = ("reference",)

    def __init__(self, reference: str) -> None:
        self.reference = reference


class Deferred:
    """The fields of one archetype that hold references.

    - values: fields that nobody has used yet, with an Unresolved for each reference. A field whose reference names nothing that
      the walk may read stays here: it is None for the program, and its reference is stored again
    - lost: fields that were used, by name: the container that the program got, and what each None in it stands for, in order
    """

    __slots__ = ("_find_all", "lost", "values")

    def __init__(self, values: dict[str, object], find_all: FindAll) -> None:
        self.values = values
        self.lost: dict[str, tuple[object, list[object]]] = {}
        self._find_all = find_all

    def resolve(self, own: dict[str, object], name: str) -> object:
        """Look up the references of a field, move it to the dictionary `own`, and return its value."""
        value = self.values[name]
        met: list[Unresolved] = []
        _collect(value, met)
        found = self._find_all([one.reference for one in met])
        if isinstance(value, Unresolved):
            if found[0] is None:
                return None
            resolved = found[0]
        else:
            nones: list[object] = []
            resolved = _replaced(value, dict(zip(met, found, strict=True)), nones)
            if any(one is not None for one in nones):
                self.lost[name] = resolved, nones
        del self.values[name]
        dict.__setitem__(own, name, resolved)
        return cast("object", resolved)

    def stored(self, values: dict[str, object]) -> dict[str, object]:
        """Return the fields in `values`, with the references of those that were not looked up or not found."""
        merged = self.values | values
        for name, (container, nones) in self.lost.items():
            if merged.get(name) is container:
                merged[name] = _restored(container, iter(nones))
        return merged


def holds_unresolved(value: object) -> bool:
    """Return whether a value of a field holds a reference, also inside containers."""
    met: list[Unresolved] = []
    _collect(value, met)
    return bool(met)


def own_fields(archetype: Archetype) -> dict[str, object]:
    """Return what is in the dictionary of an archetype at the moment, in a new dictionary."""
    return dict(dict.items(vars(archetype)))


def watch(cls: type, names: Iterable[str]) -> None:
    """Let the fields of these names be absent from the dictionaries of a class's instances. May be called again."""
    if _MARK in vars(cls):
        return
    for name in names:
        given = inspect.getattr_static(cls, name, dataclasses.MISSING)
        if isinstance(given, _Field):
            given = given.default
        if not hasattr(type(given), "__get__"):
            type.__setattr__(cls, name, _Field(name, given))
    type.__setattr__(cls, _MARK, True)


def watch_fields(archetype: Archetype, own: dict[str, object]) -> None:
    """Make `own` the dictionary of an archetype some of whose fields are absent: its use reads them, as that of an attribute."""
    former = Former(own)
    former.of = weakref.ref(archetype)
    object.__setattr__(archetype, "__dict__", former)


_MARK = "__jac_watched__"


class _Field:
    """A field of a class, for instances without it in their dictionary. `default` is the class attribute that it replaces."""

    __slots__ = ("default", "name")

    def __init__(self, name: str, default: object) -> None:
        self.name = name
        self.default = default

    def __get__(self, instance: Archetype | None, owner: type) -> object:
        if instance is not None:
            anchor = instance.__jac__
            if anchor.is_stale:
                _renew(instance)
                if self.name in (values := _as_they_are(instance)):
                    return values[self.name]
            if anchor.values is SEALED:
                _require_read(instance)
                if self.name in (own := own_fields(instance)):
                    return own[self.name]
            deferred = anchor.deferred
            if deferred is not None and self.name in deferred.values:
                return deferred.resolve(vars(instance), self.name)
        if self.default is dataclasses.MISSING:
            self._raise(owner if instance is None else instance)
        return self.default

    def _raise(self, of: object) -> NoReturn:
        whose = f"type object {of.__name__!r}" if isinstance(of, type) else f"{type(of).__name__!r} object"
        raise AttributeError(f"{whose} has no attribute {self.name!r}", name=self.name, obj=of)


def _renew(archetype: Archetype) -> None:
    """Read a stale archetype again, if the walk in progress holds it."""
    anchor, walk = archetype.__jac__, current_or_none()
    if walk is not None and anchor.graph is walk.graph:  # type: ignore[comparison-overlap]
        walk.graph.renew(archetype)


def _require_read(archetype: Archetype) -> None:
    """Raise NoAccess unless the walk in progress may read an archetype, and decode its fields."""
    walk = current_or_none()
    if walk is not None and archetype.__jac__.graph is walk.graph:  # type: ignore[comparison-overlap]
        walk.graph.enter(archetype)


def _as_they_are(archetype: Archetype) -> dict[str, object]:
    """Return the fields as they were last read, without those that nobody has used yet."""
    own = own_fields(archetype)
    return archetype.__jac__.values | own if archetype.__jac__.is_stale else own


def _all_fields(archetype: Archetype, changes: bool) -> dict[str, object]:
    """Return all fields: read again if they are stale, and with their references looked up.

    With `changes` it is the dictionary itself, without fields whose reference names nothing.
    """
    anchor = archetype.__jac__
    if anchor.is_stale:
        _renew(archetype)
    own, deferred = vars(archetype), anchor.deferred
    if deferred is not None:
        for name in list(deferred.values):
            if not dict.__contains__(own, name):
                deferred.resolve(own, name)
    if changes and not anchor.is_stale:
        return own
    absent = dict.fromkeys(deferred.values) if deferred is not None else {}
    return absent | _as_they_are(archetype)


class Former(dict[str, object]):
    """The dictionary of an archetype some of whose fields are absent. Its methods read these, as the use of an attribute does.

    Python's own look-up of an attribute does not call these methods.
    """

    __slots__ = ("of",)
    of: Callable[[], Archetype | None]

    def __init__(self, own: dict[str, object]) -> None:
        super().__init__(dict.items(own))

    def __reduce_ex__(self, _: object) -> tuple[type, tuple[dict[str, object]]]:
        return dict, (dict(self.items()),)


def _asked(name: str, changes: bool) -> Callable[..., object]:
    def ask(former: Former, *arguments: object, **keywords: object) -> object:
        archetype = former.of()
        values = dict(dict.items(former)) if archetype is None else _all_fields(archetype, changes)
        return getattr(dict, name)(values, *arguments, **keywords)

    return ask


for _name in ("__contains__", "__eq__", "__getitem__", "__iter__", "__len__", "__ne__", "__or__", "__repr__"):
    setattr(Former, _name, _asked(_name, False))
for _name in ("__reversed__", "__ror__", "copy", "get", "items", "keys", "values"):
    setattr(Former, _name, _asked(_name, False))
for _name in ("__delitem__", "__ior__", "__setitem__", "clear", "pop", "popitem", "setdefault", "update"):
    setattr(Former, _name, _asked(_name, True))


def _collect(value: object, met: list[Unresolved]) -> None:
    """Add the references inside a value to `met`, in order. An obj keeps those of its own fields."""
    if isinstance(value, Unresolved):
        met.append(value)
    elif isinstance(value, dict):
        for one in value.values():
            _collect(one, met)
    elif isinstance(value, list | tuple | set | frozenset | MutableSequence):
        for one in value:
            _collect(one, met)


def _replaced(value: Any, found: dict[Unresolved, object], nones: list[object]) -> Any:
    """Return a container with what was found in place of its references. Lists and dictionaries are changed in place.

    `nones` takes what each None of the result stands for: an Unresolved, or None itself; for a set, a list of these.
    """
    if isinstance(value, Unresolved):
        if found[value] is None:
            nones.append(value)
        return found[value]
    if value is None:
        nones.append(None)
    elif isinstance(value, MutableMapping):
        for key, one in value.items():
            value[key] = _replaced(one, found, nones)
    elif isinstance(value, MutableSequence):
        for index, one in enumerate(value):
            value[index] = _replaced(one, found, nones)
    elif isinstance(value, tuple):
        items = [_replaced(one, found, nones) for one in value]
        return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
    elif isinstance(value, set | frozenset):
        inside: list[object] = []
        result = type(value)(_replaced(one, found, inside) for one in value)
        if inside:
            nones.append(inside)
        return result
    return value


def _restored(value: Any, nones: Any) -> Any:
    """Return a copy of a container in which each None is what it stands for."""
    if value is None:
        return next(nones, None)
    if isinstance(value, dict):
        return {key: _restored(one, nones) for key, one in value.items()}
    if isinstance(value, set | frozenset):
        stood_for = next(nones, ()) if None in value else ()
        return type(value)([*(one for one in value if one is not None), *(stood_for or ())])
    if isinstance(value, tuple):
        return tuple(_restored(one, nones) for one in value)
    return [_restored(one, nones) for one in value] if isinstance(value, MutableSequence) else value
