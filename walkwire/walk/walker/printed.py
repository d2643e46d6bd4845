"""Printed: JSON Schema for annotations: how their values look when they are reported or notified, as `report.py` prints them.

`Any` in this file: annotations, for which Python has no common type, and JSON Schema.
"""

from __future__ import annotations

import collections.abc
import dataclasses
import datetime
import inspect
import sys
import types
import typing
from collections import ChainMap
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from enum import Enum
from typing import Any, Literal, NamedTuple
from uuid import UUID

from pydantic import BaseModel

from walkwire.walk.archetype import Archetype
from walkwire.walk.archetypes.annotation import annotations_of
from walkwire.walk.archetypes.obj import Obj
from walkwire.walk.registry import known_classes
from walkwire.walk.walker.specs import UNDECLARED, Specs, specs_mistake

Schema = dict[str, Any]
# Where a value is: by itself, in reported lists and dictionaries; the very value of a field; elsewhere inside fields.
_Place = Literal["top", "field", "inside"]

_TEXT: dict[object, Schema] = {
    str: {"type": "string"},
    bytes: {"type": "string", "contentEncoding": "base64"},
    bytearray: {"type": "string", "contentEncoding": "base64"},
    memoryview: {"type": "string", "contentEncoding": "base64"},
    datetime.datetime: {"type": "string", "format": "date-time"},
    datetime.date: {"type": "string", "format": "date"},
    datetime.time: {"type": "string", "format": "time"},
    datetime.timedelta: {"type": "string", "format": "duration"},
    UUID: {"type": "string", "format": "uuid"},
    Decimal: {"type": "string", "format": "decimal"},
}
_SIMPLE: dict[object, Schema] = _TEXT | {
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    None: {"type": "null"},
    types.NoneType: {"type": "null"},
}
_LISTS = (list, set, frozenset, tuple, collections.abc.Sequence, collections.abc.Set)
_UNIONS = (typing.Union, types.UnionType)


class Printer:
    """Makes the schemas of annotations. Classes get a name each, and are referred to.

    - definitions: the schemas of classes by name, as far as they were met
    - prefix: of references to them
    """

    def __init__(self, prefix: str = "#/$defs/") -> None:
        self.definitions: dict[str, Schema] = {}
        self.prefix = prefix
        self._names: dict[tuple[str, object], str] = {}
        self._owner: type = object  # the class in whose module names in annotations are looked up

    def reported(self, annotation: Any, owner: type) -> Schema:
        """Return the schema of a value that is reported. `owner`: in its module, names in the annotation are looked up."""
        with self._of(owner):
            return self._schema(annotation, "top")

    def notified(self, annotation: Any, owner: type) -> Schema:
        """Return the schema of a value inside the dictionary that is notified. `owner`: as for `reported`."""
        with self._of(owner):
            return self._schema(annotation, "inside")

    def archetype(self, cls: type) -> Schema:
        """Return a reference to the schema of a node, edge, walker or object with its id."""
        if issubclass(cls, Obj):
            return self._refer("object", cls, f"{cls.__name__}Object", self._with_id)
        return self._refer("class", cls, cls.__name__, self._with_id)

    def free_name(self, wanted: str) -> str:
        """Return a name that no definition has: the wanted one, or one with a number behind it."""
        name, number = wanted, 2
        while name in self.definitions:
            name, number = f"{wanted}{number}", number + 1
        return name

    @contextmanager
    def _of(self, owner: type) -> Iterator[None]:
        before, self._owner = self._owner, owner
        try:
            yield
        finally:
            self._owner = before

    def _schema(self, annotation: Any, place: _Place) -> Schema:  # noqa: PLR0911 - one for each kind of annotation
        annotation = _evaluated(self._owner, annotation)
        try:
            if annotation in _SIMPLE:
                return dict(_SIMPLE[annotation])
        except TypeError:  # it is not hashable, so it is none of them
            return {}
        origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
        if origin is typing.Annotated or origin in (typing.Required, typing.NotRequired):
            return self._schema(arguments[0], place)
        if origin is Literal:
            return _enumerated([one.value if isinstance(one, Enum) else one for one in arguments])
        if origin in _UNIONS:
            return any_of([self._schema(one, place) for one in arguments])
        if isinstance(annotation, typing.NewType):
            return self._schema(annotation.__supertype__, place)
        if hasattr(
            annotation, "__value__"
        ):  # of a `type` statement, whose class depends on the version of Python
            return self._schema(annotation.__value__, place)
        cls = annotation if origin is None else origin
        return self._of_class(cls, arguments, place) if isinstance(cls, type) else {}

    def _of_class(  # noqa: PLR0911 - one for each kind of class
        self, cls: type, arguments: tuple[Any, ...], place: _Place
    ) -> Schema:
        if issubclass(cls, Enum):
            by_name = place == "field"
            return _enumerated(
                [name if by_name else member.value for name, member in cls.__members__.items()]
            )
        if typing.is_typeddict(cls):
            inner: _Place = "inside" if place == "field" else place
            return self._refer(
                f"dictionary {inner}", cls, cls.__name__, lambda one: self._dictionary(one, inner)
            )
        if issubclass(cls, Archetype) and (place == "top" or not issubclass(cls, Obj)):
            return self.archetype(cls)
        if dataclasses.is_dataclass(cls):
            return self._refer("fields", cls, cls.__name__, self._fields)
        if issubclass(cls, BaseModel):
            return self._refer("model", cls, cls.__name__, self._model)
        if issubclass(cls, collections.abc.Mapping):
            inner = "top" if place == "top" else "inside"
            values = self._schema(arguments[1], inner) if len(arguments) == 2 else {}
            return {"type": "object", "additionalProperties": values} if values else {"type": "object"}
        if issubclass(cls, _LISTS):
            return self._list(cls, arguments, place)
        simple = next(
            (schema for kind, schema in _SIMPLE.items() if isinstance(kind, type) and issubclass(cls, kind)),
            {},
        )
        return dict(simple)

    def _list(self, cls: type, arguments: tuple[Any, ...], place: _Place) -> Schema:
        inner: _Place = "top" if place == "top" and issubclass(cls, list) else "inside"
        if hasattr(cls, "_fields"):  # a named tuple
            arguments = tuple(inspect.get_annotations(cls).values())
        elif not issubclass(cls, tuple) or (len(arguments) == 2 and arguments[1] is Ellipsis):
            items = self._schema(arguments[0], inner) if arguments else {}
            return {"type": "array", "items": items} if items else {"type": "array"}
        elif not arguments:
            return {"type": "array"}
        places = [self._schema(one, inner) for one in arguments if one != ()]
        return {"type": "array", "prefixItems": places, "minItems": len(places), "maxItems": len(places)}

    def _refer(self, kind: str, cls: type, name: str, make: Callable[[type], Schema]) -> Schema:
        key = (kind, cls)
        if key not in self._names:
            self._names[key] = name = self.free_name(name)
            self.definitions[name] = {}  # it may refer to itself
            with self._of(cls):
                made = self.definitions[name] = make(cls)
            same = (other for (_, of), other in self._names.items() if of is cls and other != name)
            if twin := next((other for other in same if self.definitions[other] == made), None):
                del self.definitions[name]  # its values look the same in both places
                self._names[key] = twin
        return {"$ref": self.prefix + self._names[key]}

    def _with_id(self, cls: type) -> Schema:
        fields = self._schema_of_fields(cls)
        properties: Schema = {"id": {"type": "string"}, "context": fields}
        return {"type": "object", **_described(cls), "properties": properties, "required": list(properties)}

    def _fields(self, cls: type) -> Schema:
        return {**_described(cls), **self._schema_of_fields(cls)}

    def _schema_of_fields(self, cls: type) -> Schema:
        hints = annotations_of(cls)
        fields = {}
        for field in dataclasses.fields(cls):
            schema = self._schema(hints[field.name], "field")
            fields[field.name] = any_of([schema, _SIMPLE[None]]) if field.default is None else schema
        return {"type": "object", "properties": fields, "required": list(fields)}

    def _model(self, cls: Any) -> Schema:
        fields = {name: self._schema(field.annotation, "inside") for name, field in cls.model_fields.items()}
        return {"type": "object", **_described(cls), "properties": fields, "required": list(fields)}

    def _dictionary(self, cls: Any, place: _Place) -> Schema:
        hints: dict[str, Any] = {}
        for base in (*getattr(cls, "__orig_bases__", ()), cls):
            hints |= inspect.get_annotations(base) if typing.is_typeddict(base) else {}
        fields = {name: self._schema(hint, place) for name, hint in hints.items()}
        required = [name for name in fields if name in cls.__required_keys__]
        made: Schema = {"type": "object", **_described(cls), "properties": fields}
        return made | {"required": required} if required else made


class Declared(NamedTuple):
    """What the specs of a walker declare: `reports` and `tells`. `has_reports`: whether the first is declared at all."""

    has_reports: bool
    reports: Any
    tells: Mapping[str, Any]


def declared(walker: type, specs: Specs) -> Declared:
    """Return what a walker declares to report and to tell. Raises StartError for a text that names no type."""
    tells = {name: _named(walker, f"'tells' of {name!r}", one) for name, one in specs.tells.items()}
    has_reports = specs.reports is not UNDECLARED
    return Declared(has_reports, _named(walker, "'reports'", specs.reports) if has_reports else None, tells)


def _named(walker: type, key: str, annotation: Any) -> Any:
    try:
        return evaluated(walker, annotation)
    except Exception as error:  # whatever a text may raise
        raise specs_mistake(walker, f"{key} is {annotation!r}, which names no type: {error}") from None


def evaluated(owner: type, annotation: Any) -> Any:
    """Return an annotation. A text is evaluated in the module of `owner`, and knows all archetypes. Raises what it may raise."""
    if isinstance(annotation, typing.ForwardRef):
        annotation = annotation.__forward_arg__
    if not isinstance(annotation, str):
        return annotation
    module = sys.modules.get(owner.__module__)
    names = ChainMap({} if module is None else vars(module), dict[str, Any](known_classes()))
    return eval(annotation, {}, names)  # noqa: S307 - the program's own code


def _evaluated(owner: type, annotation: Any) -> Any:
    try:
        return evaluated(owner, annotation)
    except Exception:  # whatever a text may do: then it is any value
        return Any


def described(cls: type) -> str:
    """Return the docstring of a class; "" if it has none of its own."""
    doc: str | None = vars(cls).get("__doc__")
    is_made = doc is None or doc.startswith(f"{cls.__name__}(")  # by the dataclass
    return "" if doc is None or is_made else inspect.cleandoc(doc)


def _described(cls: type) -> Schema:
    text = described(cls)
    return {"description": text} if text else {}


def _enumerated(values: list[Any]) -> Schema:
    if not all(isinstance(one, str | int | float | None) for one in values):
        return {}
    return {"enum": list(dict.fromkeys(values))}


def any_of(schemas: list[Schema]) -> Schema:
    """Return what fits one of the schemas."""
    flat: list[Schema] = []
    for schema in schemas:
        for one in schema["anyOf"] if schema.keys() == {"anyOf"} else [schema]:
            if one not in flat:
                flat.append(one)
    if {} in flat:
        return {}
    return flat[0] if len(flat) == 1 else {"anyOf": flat}
