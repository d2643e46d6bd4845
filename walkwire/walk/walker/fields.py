"""Fields: the fields of a walker that a request may give, as a pydantic model. Enums by value or name, nodes by reference.

`Any` in this file: annotations, for which Python has no common type, and what pydantic makes of them.
"""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from enum import Enum
from functools import lru_cache
from typing import Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    WithJsonSchema,
    create_model,
)

from walkwire.errors import NoAccess
from walkwire.ids import parse_reference
from walkwire.walk.archetype import Archetype
from walkwire.walk.archetypes.annotation import annotations_of, member_of, optional_if_none, rewritten
from walkwire.walk.archetypes.obj import Obj

REMEMBERED = 1024  # models whose names are known

_models: dict[type, type[BaseModel]] = {}
_begun: ContextVar[frozenset[type]] = ContextVar(
    "begun", default=frozenset()
)  # classes whose models are being made
_node_fields: dict[type, dict[str, tuple[type, ...]]] = {}  # the classes that each field names


def model_of(walker: type) -> type[BaseModel]:
    """Return the pydantic model for a walker's fields, made once. Fields with `init=False` are left out.

    Each field of the model has the walker's name as its alias; `values_of` returns values by these names.
    """
    if walker not in _models:
        token = _begun.set(_begun.get() | {walker})
        try:
            _models[walker] = _modelled(walker)
        finally:
            _begun.reset(token)
    return _models[walker]


def values_of(model: BaseModel) -> dict[str, Any]:
    """Return the values of a model, by the names of the walker's fields."""
    values = vars(model)
    return {alias: values[name] for alias, name in _names(type(model))}


@lru_cache(REMEMBERED)
def _names(model: type[BaseModel]) -> tuple[tuple[str, str], ...]:
    """Return the names of the walker's fields, each with that of the model's. To ask pydantic takes 2 µs."""
    return tuple((field.alias or name, name) for name, field in model.model_fields.items())


def holds_files(walker: type, file: type) -> bool:
    """Return whether a field of the walker is a `file` or a list of them, which only a form can carry."""
    return any(_mentions(field.annotation, file) for field in model_of(walker).model_fields.values())


def nodes_found(walker: type, values: dict[str, Any], find: Callable[[str], object]) -> dict[str, Any]:
    """Return the values, with `find(reference)` in place of each reference in the fields that hold nodes.

    Raises NoAccess for a reference to a record of a class that the field's annotation does not name, and what `find` raises.
    """
    fields = _node_fields.get(walker)
    if fields is None:
        hints = annotations_of(walker)
        named = {name: tuple(_archetypes_in(hint)) for name, hint in hints.items()}
        fields = _node_fields[walker] = {name: classes for name, classes in named.items() if classes}
    if not fields:
        return values
    return values | {
        name: _found(values[name], find, classes) for name, classes in fields.items() if name in values
    }


def _archetypes_in(annotation: object) -> Iterator[type]:
    if isinstance(annotation, type) and issubclass(annotation, Archetype):
        yield annotation
    for one in typing.get_args(annotation):
        yield from _archetypes_in(one)


def _found(value: object, find: Callable[[str], object], classes: tuple[type, ...]) -> object:
    if isinstance(value, str):
        found = find(value)
        if not isinstance(found, classes):
            raise NoAccess(str(parse_reference(value)))
        return found
    if isinstance(value, list):
        return [_found(one, find, classes) for one in value]
    return value


def _modelled(walker: type) -> type[BaseModel]:
    hints = annotations_of(walker)
    fields: dict[str, Any] = {}
    for field in dataclasses.fields(walker):
        if not field.init:
            continue
        annotation = optional_if_none(field, rewritten(hints[field.name], _requested_class))
        # An alias, so that a field may bear a name that pydantic keeps for itself (`copy`, `json`, `_x`).
        fields[_attribute(field.name)] = (annotation, Field(alias=field.name, **_default_of(field)))
    config = ConfigDict(arbitrary_types_allowed=True, val_json_bytes="base64", populate_by_name=False)
    model: type[BaseModel] = create_model(walker.__name__, __config__=config, **fields)
    return model


def _default_of(field: dataclasses.Field[object]) -> dict[str, Any]:
    if field.default is not dataclasses.MISSING:
        return {"default": field.default}
    if field.default_factory is not dataclasses.MISSING:
        return {"default_factory": field.default_factory}
    return {}


def _attribute(name: str) -> str:
    return f"field_{name}"


def _mentions(annotation: object, cls: type) -> bool:
    if isinstance(annotation, type):
        return issubclass(annotation, cls)
    return any(_mentions(one, cls) for one in typing.get_args(annotation))


def _requested_class(cls: Any) -> Any:
    if not isinstance(cls, type):
        return cls
    if issubclass(cls, Obj):
        return _request_object(cls)
    if issubclass(cls, Archetype):
        return typing.Annotated[str, WithJsonSchema({"type": "string", "description": "a reference"})]
    if issubclass(cls, Enum):
        return typing.Annotated[cls, BeforeValidator(member_of(cls, by_name_first=False))]
    return cls


def _request_object(cls: type) -> Any:
    # An object may hold another of its class: that one is described as any object, and checked as the first one is.
    described: Any = dict[str, Any] if cls in _begun.get() else model_of(cls)

    def build(value: object) -> object:
        return cls(**values_of(model_of(cls).model_validate(value)))

    return typing.Annotated[Any, PlainValidator(build, json_schema_input_type=described)]
