"""Wanted: what a program asks the graph for: classes to select by, conditions on fields, targets. Mistakes raise a sentence.

What has been found right once is remembered, so that a right call costs one look-up.
"""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Collection, Iterable, Iterator
from typing import Any, Literal, NoReturn

from walkwire.walk.archetype import Archetype, Types
from walkwire.walk.mistake import at_caller, is_in_jac, near
from walkwire.walk.registry import family_of, head_of

# What a program gives to select by class: a class, a union or a tuple of classes; None: all.
Classes = type | types.UnionType | tuple[type, ...] | None
Kind = Literal["node", "edge"]

REMEMBERED = 10_000  # selections and conditions; beyond, all are forgotten

_nodes: dict[Classes, Types] = {None: None}
_edges: dict[Classes, Types] = {None: None}
_conditions: set[tuple[object, ...]] = set()


def node_types(classes: Classes) -> Types:
    """Return classes of nodes as a tuple, None as None. Raises TypeError for anything else, such as a class of edges."""
    try:
        return _nodes[classes]
    except (KeyError, TypeError):
        return _learned("node", classes, _nodes)


def edge_types(classes: Classes) -> Types:
    """Return classes of edges as a tuple, None as None. A node class may stand for edges. Raises TypeError for anything else."""
    try:
        return _edges[classes]
    except (KeyError, TypeError):
        return _learned("edge", classes, _edges)


def _learned(kind: Kind, classes: Classes, known: dict[Classes, Types]) -> Types:
    given: Any = (
        classes if isinstance(classes, tuple) else getattr(classes, "__args__", None) or (classes,)
    )  # Any: what is given may be no class
    for one in given:
        _require_class(kind, one)
    if len(known) >= REMEMBERED:
        known.clear()
        known[None] = None
    known[classes] = given
    return known[classes]


def _require_class(kind: Kind, given: object) -> None:
    if not isinstance(given, type):
        if given is None or isinstance(given, types.GenericAlias):
            _refuse(f"a selection by class takes classes, and not {given!r:.60}")
        what = f"the {kind}" if isinstance(given, Archetype) else f"{given!r:.60}"
        cls = type(given).__name__ if isinstance(given, Archetype) else f"{given}" if _is_name(given) else "C"
        _refuse(f"{what} is no class: nodes and edges are selected by a class, such as {cls}, without quotes")
    family = family_of(given)
    if kind == "node" and family == "edge" and not issubclass(given, head_of("node")):
        name = given.__name__
        example = f"[->:{name}:->]" if is_in_jac() else f"edge={name}"
        _refuse(f"{name} is a class of edges, and nodes are selected here: write {example}")
    if family in ("walker", "obj") or (given.__module__ == "builtins" and given is not object):
        _refuse(f"{given.__name__} is no class of {kind}s, so nothing in the graph is of this class")


def _is_name(given: object) -> bool:
    return isinstance(given, str) and given.isidentifier()


def require_fields(kind: Kind, classes: Types, fields: Collection[str]) -> None:
    """Raise TypeError for a condition on a field that no class of the selection has, nor one derived from them."""
    key = (kind, classes, *fields)
    if key in _conditions:
        return
    everything = list(_with_derived(classes or (head_of(kind),)))
    if classes is not None and any(family_of(one) is None for one in classes):  # a class that others mix in
        everything += _with_derived((head_of(kind),))
    for name in fields:
        if not name.startswith("_") and not any(_has(one, name) for one in everything):
            whose = " | ".join(one.__name__ for one in classes) if classes else f"No class of {kind}s"
            has = f"{whose} has no field {name!r}." if classes else f"{whose} has a field {name!r}."
            _refuse(has + near(name, _all_fields(everything)))
    if len(_conditions) >= REMEMBERED:
        _conditions.clear()
    _conditions.add(key)


def require_settable(cls: type[Archetype], name: str) -> None:
    """Remember that a name may be assigned on instances of a class, if so. Raises AttributeError for a field that it lacks.

    Fields may, also those of a class that sets the instance's `__class__`; what the class has by another way, such as a
    property; private names; and any name of a class with a `__getattr__`.
    """
    if name.startswith("_") or _has(cls, name):
        cls.__jac_names__.add(name)
        return
    declared = f"`has {name}: str;`" if is_in_jac() else f"`{name}: str`"
    raise AttributeError(
        at_caller(
            f"{cls.__name__} has no field {name!r}, so this would not be stored.{near(name, _all_fields([cls]))} "
            f"Declare it in the class ({declared}), or name what is not to be stored `_{name}`"
        ),
        name=name,
    )


def require_target(node: object, edge: object) -> None:
    """Raise TypeError, with what to write instead, if `connect` was given no node. Returns if it was, and no wrong edge."""
    if isinstance(node, type):
        made = f"{node.__name__}()" if issubclass(node, Archetype) else "a node"
        _refuse(f"connect() takes a node, and not a class: write {made}")
    if isinstance(node, str):
        _refuse_text("connect() takes a node", node)
    if isinstance(edge, str):
        _refuse(f"connect() takes an edge or a class of edges, and not the text {edge!r:.60}")
    if node is not None and not isinstance(node, Archetype):
        _refuse(f"connect() takes a node, and not {node!r:.60}")


def require_places(places: object) -> None:
    """Raise TypeError, with what to write instead, if `visit` or `spawn` was given something that is no place."""
    for place in [places] if isinstance(places, str | type) or not isinstance(places, Iterable) else places:
        if isinstance(place, str):
            _refuse_text("a walk goes to nodes and edges", place)
        if isinstance(place, type):
            _refuse(f"a walk goes to nodes and edges, and not to the class {place.__name__}")
        if place is not None and not isinstance(place, Archetype):
            _refuse(f"a walk goes to nodes and edges, and not to {place!r:.60}")


def _refuse_text(what: str, text: str) -> NoReturn:
    finds = f"&{text!r}" if is_in_jac() else f"jobj({text!r})"
    advice = f": write {finds}" if ":" in text and len(text) <= 120 else ""
    _refuse(f"{what}, and not the text {text!r:.60}{advice}")


def _refuse(sentence: str) -> NoReturn:
    raise TypeError(at_caller(sentence)) from None


def _with_derived(classes: Iterable[type]) -> Iterator[type]:
    for cls in classes:
        yield cls
        yield from _with_derived(type.__subclasses__(cls))


def _has(cls: type, name: str) -> bool:
    is_field = name in getattr(cls, "__dataclass_fields__", ())
    return is_field or hasattr(cls, name) or hasattr(cls, "__getattr__")


def _all_fields(classes: Iterable[type]) -> list[str]:
    return [
        field.name for cls in classes if dataclasses.is_dataclass(cls) for field in dataclasses.fields(cls)
    ]
