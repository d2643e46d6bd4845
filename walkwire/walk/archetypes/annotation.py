"""Annotation: the annotations of a class's fields, evaluated in the module that defines the class.

An annotation that pydantic cannot read, or that cannot be evaluated, means any value. A default of None makes a field optional.

`Any` in this file: annotations, for which Python has no common type.
"""

from __future__ import annotations

import dataclasses
import functools
import sys
import types
import typing
from collections import ChainMap
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any

from pydantic import TypeAdapter
from pydantic.errors import PydanticUserError

from walkwire.walk.registry import known_classes


def annotations_of(cls: type) -> dict[str, Any]:
    """Return the annotation of each dataclass field; `Any` where it cannot be evaluated."""
    found: dict[str, object] = {}
    for base in reversed(cls.__mro__):
        names = ChainMap(vars(_module_of(base)), known_classes())
        for name, annotation in vars(base).get("__annotations__", {}).items():
            found[name] = _evaluated(annotation, names)
    return {field.name: found.get(field.name, Any) for field in dataclasses.fields(cls)}


def optional_if_none(field: dataclasses.Field[object], annotation: Any) -> Any:
    """Return the annotation, made optional if the default is None."""
    return annotation | None if field.default is None and annotation is not Any else annotation


def rewritten(
    annotation: object, leaf: Callable[[Any], object], key: Callable[[Any], object] | None = None
) -> Any:
    """Return the annotation with `leaf(class)` in place of each class in it.

    With `key`, that takes the place of `leaf` for the keys of a mapping that is one of several alternatives, or holds any values.
    """
    arguments = typing.get_args(annotation)
    if not arguments or typing.get_origin(annotation) is typing.Literal:
        result = leaf(annotation)
    elif typing.get_origin(annotation) in (typing.Union, types.UnionType):
        are_several = len([one for one in arguments if one is not types.NoneType]) > 1
        alternatives = tuple(
            _mapping(one, leaf, key)
            if are_several and key is not None and _is_mapping(one)
            else rewritten(one, leaf, key)
            for one in arguments
        )
        result = typing.Union[alternatives]  # noqa: UP007 - built, not written
    elif typing.get_origin(annotation) is typing.Annotated:
        result = typing.Annotated[rewritten(arguments[0], leaf, key), *arguments[1:]]
    elif key is not None and _is_mapping(annotation) and arguments[1] in (Any, object):
        return _mapping(annotation, leaf, key)
    else:
        inner = tuple(one if isinstance(one, list) else rewritten(one, leaf, key) for one in arguments)
        origin: Any = typing.get_origin(annotation)
        result = origin[inner]
    return result if _is_request_only(result) or _is_known_to_pydantic(result) else leaf(Any)


def member_of(cls: type[Enum], *, by_name_first: bool) -> Callable[[object], Enum]:
    """Return a function that returns the member of an enum for its name, its value or itself. It raises ValueError."""
    names = cls.__members__

    def read(value: object) -> Enum:
        if isinstance(value, cls):
            return value
        if isinstance(value, str) and value in names and by_name_first:
            return names[value]
        try:
            return cls(value)
        except ValueError:
            if isinstance(value, str) and value in names:
                return names[value]
            raise ValueError(f"Input should be one of {', '.join(names)}") from None

    return read


def _is_mapping(annotation: object) -> bool:
    origin = typing.get_origin(annotation)
    return isinstance(origin, type) and issubclass(origin, Mapping) and len(typing.get_args(annotation)) == 2


def _mapping(annotation: object, leaf: Callable[[Any], object], key: Callable[[Any], object]) -> Any:
    origin: Any = typing.get_origin(annotation)
    of, values = typing.get_args(annotation)
    made = origin[rewritten(of, key), rewritten(values, leaf, key)]
    return made if _is_known_to_pydantic(made) else rewritten(annotation, leaf)


def _module_of(cls: type) -> types.ModuleType | types.SimpleNamespace:
    return sys.modules.get(cls.__module__, types.SimpleNamespace())


def _evaluated(annotation: object, names: typing.Mapping[str, object]) -> object:
    if not isinstance(annotation, str):
        return annotation
    try:
        return eval(annotation, {}, names)  # noqa: S307 - the program's own code
    except Exception:  # whatever an annotation may do when it is run, the field then holds any value
        return Any


def _is_request_only(annotation: object) -> bool:
    """Return whether this is a class of a web framework (an upload), whose own validator runs for a request."""
    return isinstance(annotation, type) and hasattr(annotation, "__get_pydantic_core_schema__")


@functools.cache
def _is_known_to_pydantic(annotation: Any) -> bool:
    try:
        TypeAdapter(annotation)
    except (PydanticUserError, TypeError, NameError, AttributeError, ValueError):
        return False
    return True
