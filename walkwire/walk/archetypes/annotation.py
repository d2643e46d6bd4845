"""Annotation: what a class's annotations say of its fields, read where the class was written.

An annotation that pydantic cannot read, or that names nothing, stands for any value. A default of None makes a field optional.
"""

from __future__ import annotations

import dataclasses
import functools
import sys
import types
import typing
from collections import ChainMap
from collections.abc import Callable
from enum import Enum
from typing import Any

from pydantic import TypeAdapter
from pydantic.errors import PydanticUserError

from walkwire.walk.registry import known_classes


def annotations_of(cls: type) -> dict[str, Any]:
    """The annotation of each dataclass field, read in the module of the class that has it; `Any` where it cannot be read."""
    found: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        names = ChainMap(vars(_module_of(base)), known_classes())
        for name, annotation in vars(base).get("__annotations__", {}).items():
            found[name] = _evaluated(annotation, names)
    return {field.name: found.get(field.name, Any) for field in dataclasses.fields(cls)}


def optional_if_none(field: dataclasses.Field[Any], annotation: Any) -> Any:
    """The annotation, made optional where the default is None."""
    return annotation | None if field.default is None and annotation is not Any else annotation


def rewritten(annotation: Any, leaf: Callable[[Any], Any]) -> Any:
    """The annotation with each class in it as `leaf` has it."""
    arguments = typing.get_args(annotation)
    if not arguments or typing.get_origin(annotation) is typing.Literal:
        result = leaf(annotation)
    elif typing.get_origin(annotation) in (typing.Union, types.UnionType):
        result = typing.Union[tuple(rewritten(one, leaf) for one in arguments)]  # noqa: UP007 - built, not written
    elif typing.get_origin(annotation) is typing.Annotated:
        result = typing.Annotated[rewritten(arguments[0], leaf), *arguments[1:]]
    else:
        inner = tuple(one if isinstance(one, list) else rewritten(one, leaf) for one in arguments)
        origin: Any = typing.get_origin(annotation)
        result = origin[inner]
    return result if _is_request_only(result) or _is_known_to_pydantic(result) else leaf(Any)


def member_of(cls: type[Enum], *, by_name_first: bool) -> Callable[[Any], Any]:
    """A reader of an enum's members, by name and by value. It raises ValueError."""
    names = cls.__members__

    def read(value: Any) -> Any:
        if isinstance(value, cls) or (isinstance(value, str) and value in names and by_name_first):
            return names[value] if isinstance(value, str) and not isinstance(value, cls) else value
        try:
            return cls(value)
        except ValueError:
            if isinstance(value, str) and value in names:
                return names[value]
            raise ValueError(f"Input should be one of {', '.join(names)}") from None

    return read


def _module_of(cls: type) -> Any:
    return sys.modules.get(cls.__module__, types.SimpleNamespace())


def _evaluated(annotation: Any, names: typing.Mapping[str, Any]) -> Any:
    if not isinstance(annotation, str):
        return annotation
    try:
        return eval(annotation, {}, names)  # noqa: S307 - the program's own code
    except Exception:  # whatever an annotation may do when it is run, the field then holds any value
        return Any


def _is_request_only(annotation: Any) -> bool:
    """A class of a web framework (an upload): its own validator is called when a request brings one."""
    return isinstance(annotation, type) and hasattr(annotation, "__get_pydantic_core_schema__")


@functools.cache
def _is_known_to_pydantic(annotation: Any) -> bool:
    try:
        TypeAdapter(annotation)
    except (PydanticUserError, TypeError, NameError, AttributeError, ValueError):
        return False
    return True
