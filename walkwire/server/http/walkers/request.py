"""Request: which fields of a walker callers may set, over REST and by events, and where a request carries them. Decided once per
walker.

FastAPI reads this from a signature. Its parameters have names of their own and the field's name as alias, so a field may have
any name (`node`, `request`, `body`).
"""

from __future__ import annotations

import inspect
import json
import types
import typing
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal, NamedTuple
from urllib.parse import parse_qsl, urlencode
from uuid import UUID

from fastapi import Body, File, Form, Header, Path, Query
from pydantic import (
    BaseModel,
    GetCoreSchemaHandler,
    TypeAdapter,
    WrapValidator,
    create_model,
)
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema, PydanticCustomError
from pydantic_core.core_schema import no_info_before_validator_function
from starlette.convertors import StringConvertor, register_url_convertor
from starlette.datastructures import UploadFile as Upload

from walkwire.server.http.route import tell_few
from walkwire.server.http.walkers.form import PART_LIMIT, part_json
from walkwire.walk.walker.fields import model_of
from walkwire.walk.walker.specs import Specs, specs_mistake
from walkwire.wire.message.bounds import KEY_LENGTH

FieldPlace = Literal["path", "query", "file", "body"]

_MARKS = {"path": Path, "query": Query, "file": File}
REFERENCE = r"(n:[^:/]*:)?[0-9a-fA-F]{24}"

NodeParameter = Annotated[
    str,
    Path(
        pattern=f"^{REFERENCE}$",
        description="The node to enter at: `n:Thing:<24 hex digits>`, or the digits.",
    ),
]

KeyParameter = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=KEY_LENGTH,
        description="A new one for each request. Requests with the same key are done once in 24 hours.",
    ),
]


class _Reference(StringConvertor):
    regex = REFERENCE


register_url_convertor("reference", _Reference())


class Shape(NamedTuple):
    """Where requests carry a walker's fields.

    - parameters: of the endpoint
    - fields: the field of each parameter, by the parameter's name
    - body: the model of a JSON body; None: there is none
    """

    parameters: tuple[inspect.Parameter, ...]
    fields: dict[str, str]
    body: type[BaseModel] | None = None

    @property
    def is_plain(self) -> bool:
        """Return whether only a JSON body carries fields, or nothing does."""
        return len(self.parameters) == (self.body is not None)

    def values(self, given: dict[str, Any]) -> dict[str, Any]:
        """Return the given values by the names of fields, from the arguments of an endpoint with these parameters."""
        values = {field: given[parameter] for parameter, field in self.fields.items()}
        body = given.get("body")
        if body is not None:
            values |= _given(body)
        return values


def shape_of(walker: type, specs: Specs, method: str = "post") -> Shape:
    """Return where requests of a method carry the fields of a walker. Raises StartError if its specs do not fit its fields.

    GET carries them in the query if each of them has a form there, and the specs have no `as_query`, which decides otherwise.
    """
    model = model_of(walker)
    by_place: dict[FieldPlace, dict[str, FieldInfo]] = {"path": {}, "query": {}, "file": {}, "body": {}}
    for name, field in _taken(walker, specs, model).items():
        by_place[_place(field, specs)][name] = field
    is_asked = method == "get" and not specs.as_query and not by_place["file"]
    if is_asked and all(map(_fits_query, by_place["body"].values())):
        by_place["query"], by_place["body"] = by_place["body"], {}
    if by_place["file"] and specs.webhook is not None and specs.webhook.place == "body":
        # The key has to be known before a form is read.
        raise specs_mistake(walker, "it takes files, so its 'webhook' has no key in the body")
    parameters = [
        _parameter(place, field) for place in ("path", "query", "file") for field in by_place[place].values()
    ]
    fields = {parameter.name: parameter.name.partition("_")[2] for parameter in parameters}
    if by_place["body"]:
        body = _part_of(model, by_place["body"])
        if not by_place["file"]:
            return Shape((*parameters, _body(body)), fields, body)
        parameters.append(_body_part(body))
    return Shape(tuple(parameters), fields)


def event_model_of(walker: type, specs: Specs) -> type[BaseModel]:
    """Return the model of the fields that an event over the socket may set: those that REST takes. Raises StartError."""
    model = model_of(walker)
    return _part_of(model, _taken(walker, specs, model))


def parameter(name: str, annotation: Any, default: Any = inspect.Parameter.empty) -> inspect.Parameter:
    """Return a keyword parameter of an endpoint."""
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=default)


def _taken(walker: type, specs: Specs, model: type[BaseModel]) -> dict[str, FieldInfo]:
    """Return the fields that callers may set, by name. Raises StartError if the specs do not fit the fields."""
    taken = {}
    fields = {str(field.alias): (name, field) for name, field in model.model_fields.items()}
    for key, names in (
        ("as_query", specs.as_query),
        ("excluded", specs.excluded),
        ("path", _path_fields(specs)),
    ):
        for unknown in _unknown(names, fields):
            raise specs_mistake(walker, f"{key!r} names {unknown!r}, which is no field")
    for alias, (name, field) in fields.items():
        if not specs.excludes(alias):
            taken[name] = field
        elif alias in specs.path_fields:
            raise specs_mistake(walker, f"{alias!r} is excluded and in the path")
        elif field.is_required():
            raise specs_mistake(walker, f"the excluded field {alias!r} needs a default")
    return taken


def _path_fields(specs: Specs) -> tuple[str, ...]:
    """Return the walker's fields in the path. A webhook key may be in it as well."""
    key = specs.webhook.name if specs.webhook is not None and specs.webhook.place == "path" else None
    return tuple(name for name in specs.path_fields if name != key)


def _unknown(names: Iterable[str], fields: dict[str, Any]) -> list[str]:
    return [] if names == "*" else [name for name in names if name not in fields]


def _place(field: FieldInfo, specs: Specs) -> FieldPlace:
    if field.alias in specs.path_fields:
        return "path"
    if _is_file(field.annotation):
        return "file"
    return "query" if specs.as_query == "*" or field.alias in specs.as_query else "body"


def _fits_query(field: FieldInfo) -> bool:
    """Return whether the values of a field have a form in a query: one text each, or several for a list of these."""
    return _is_text(field.annotation) or _is_texts(field.annotation)


def _is_texts(annotation: Any) -> bool:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType):
        return all(one is types.NoneType or _is_texts(one) for one in arguments)
    return origin in (list, set, tuple) and all(one is Ellipsis or _is_text(one) for one in arguments)


def _is_text(annotation: Any) -> bool:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Annotated:
        return _is_text(arguments[0])
    if origin in (typing.Union, types.UnionType):
        return all(map(_is_text, arguments))
    if origin is Literal:
        return True
    return isinstance(annotation, type) and (annotation is types.NoneType or issubclass(annotation, _TEXTS))


_TEXTS = (str, int, float, bool, Enum, date, datetime, time, timedelta, UUID, Decimal)


def merged_query(query: bytes, value: Any) -> bytes:
    """Return a query with the values of a JSON object, in place of those that it has of the same names."""
    if not isinstance(value, dict):
        return query
    kept = [
        (name, text) for name, text in parse_qsl(query.decode("latin-1"), True) if value.get(name) is None
    ]
    given = [
        (name, one if isinstance(one, str) else json.dumps(one))
        for name, values in value.items()
        for one in (values if isinstance(values, list) else [values])
        if one is not None
    ]
    return urlencode(kept + given).encode()


def _is_file(annotation: Any) -> bool:
    if typing.get_origin(annotation) in (typing.Union, types.UnionType, list):
        return any(_is_file(one) for one in typing.get_args(annotation))
    return isinstance(annotation, type) and issubclass(annotation, Upload)


def _parameter(place: FieldPlace, field: FieldInfo) -> inspect.Parameter:
    # FastAPI wants a default value beside the annotation, but a default factory inside it. A path has neither.
    has_default = place != "path" and not field.is_required()
    made: dict[str, Any] = {}
    if has_default and field.default_factory:
        made = {"default_factory": field.default_factory}
    mark = _MARKS[place](alias=field.alias, **made)
    default = field.default if has_default and not made else inspect.Parameter.empty
    telling = [WrapValidator(tell_few)] if place == "query" else []
    annotation = _annotated(field.annotation, *field.metadata, *telling, mark)
    return parameter(f"{place}_{field.alias}", annotation, default)


def _annotated(*parts: Any) -> Any:
    return Annotated[parts]


def _part_of(model: type[BaseModel], fields: dict[str, FieldInfo]) -> type[BaseModel]:
    """Return the model with these of its fields only."""
    if fields.keys() == model.model_fields.keys():
        return model
    chosen: dict[str, Any] = {name: (field.annotation, field) for name, field in fields.items()}
    return create_model(model.__name__, __config__=model.model_config, **chosen)


def _body(model: type[BaseModel]) -> inspect.Parameter:
    return parameter("body", _annotated(model, WrapValidator(tell_few), Body(**_optional(model))))


def _body_part(model: type[BaseModel]) -> inspect.Parameter:
    form = Form(alias="body", **_optional(model))
    return parameter("body", Annotated[Any, _JsonPart(model), WrapValidator(tell_few), form])


def part_reader(field: FieldInfo) -> Callable[[Any], Any] | None:
    """Return what validates the part of a form in which JSON comes beside files; None for any other field."""
    for part in field.metadata:
        if isinstance(part, _JsonPart):
            reader: TypeAdapter[Any] = TypeAdapter(_annotated(Any, part))
            return reader.validate_python
    return None


@dataclass(frozen=True, slots=True)
class _JsonPart:
    """The fields beside files: a JSON text in one part of a form, which is a file or a plain value.

    If the part were declared as the model itself, FastAPI would expect one form field for each of the model's fields.
    """

    model: type[BaseModel]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return no_info_before_validator_function(_read_part, handler.generate_schema(self.model))


def _optional(model: type[BaseModel]) -> dict[str, Any]:
    is_required = any(field.is_required() for field in model.model_fields.values())
    return {} if is_required else {"default_factory": model}


def _read_part(part: Any) -> Any:
    if isinstance(part, Upload):
        if (part.size or 0) > PART_LIMIT:
            raise PydanticCustomError(
                "json_too_large", "JSON has at most {limit} bytes", {"limit": PART_LIMIT}
            )
        part = part.file.read()
    if not isinstance(part, str | bytes):
        return part
    try:
        return part_json(part.encode() if isinstance(part, str) else part)
    except json.JSONDecodeError as error:
        raise PydanticCustomError("json_invalid", "JSON decode error", {"error": error.msg}) from None


def _given(body: BaseModel) -> dict[str, Any]:
    """Return only what was in the body. The walker makes its own defaults, anew for each attempt."""
    fields = type(body).model_fields
    return {str(fields[name].alias): getattr(body, name) for name in body.model_fields_set}
