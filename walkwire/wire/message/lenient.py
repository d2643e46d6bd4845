"""Lenient: decodes events that msgspec refuses. Accepts what pydantic accepts, and reports errors in pydantic's words.

A long event is never decoded as a whole: its type is looked at first, then only the fields that its type has. The errors of
a long event do not repeat their input.
"""

from __future__ import annotations

import re
from functools import partial
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec
from msgspec import NODEFAULT, Meta, Raw, Struct
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    TypeAdapter,
    ValidationError,
    create_model,
)
from pydantic_core import PydanticCustomError

from walkwire.errors import BadEvent
from walkwire.wire.message import text
from walkwire.wire.message.bounds import (
    ID_LENGTH,
    KEY_LENGTH,
    LONGEST_ECHO,
    MOST_NAMED,
    MOST_QUOTED,
    MOST_TOLD,
    TOLD,
    TYPE_LENGTH,
)

TOO_MANY = "too_many_errors"

Id = int | str | None


class Lenient:
    """The pydantic models of some events, derived from their structs.

    Each struct has a tag, and `type` as its tag field. Types of fields: JSON types, lists and unions of them, `Raw` for a JSON
    object, each with msgspec's `Meta`. The field `id` is validated by `_validate_id`.
    """

    def __init__(self, structs: tuple[type[Struct], ...]) -> None:
        self._raw = {str(struct.__struct_config__.tag): raw_fields(struct) for struct in structs}
        union: Any = Union[tuple(map(_model_of, structs))]  # noqa: UP007  # made at run time
        self._events: TypeAdapter[BaseModel] = TypeAdapter(Annotated[union, Field(discriminator="type")])
        self._takes_any_text = {
            str(struct.__struct_config__.tag): {
                field.name: field.type is str or str in get_args(field.type)
                for field in msgspec.structs.fields(struct)
            }
            for struct in structs
        }
        names = {field.name for struct in structs for field in msgspec.structs.fields(struct)}
        parts = msgspec.defstruct("_Parts", [(name, Raw, _ABSENT) for name in ("type", *sorted(names))])
        self._parts: msgspec.json.Decoder[Any] = msgspec.json.Decoder(parts)

    def require_type(self, payload: bytes) -> str | None:
        """Return the type of a long event. Raises BadEvent if it is none of these. Nothing else of the event is looked at."""
        try:
            kind = self._type_of(payload)
        except RecursionError:
            return None  # `text.check` refuses its depth
        if kind not in self._raw:
            self._validate({} if kind is None else {"type": kind}, is_whole=False)
        return kind

    def decode(self, payload: bytes, kind: str | None = None) -> tuple[str, dict[str, Any]]:
        """Return the type of an event and those of its fields that are in `payload`, which has passed `text.check`.

        Fields of type `Raw` are copied byte for byte. Raises BadEvent: without details if `payload` is not JSON, with details
        (`loc` begins with "event") if its shape is wrong. `kind`: the type of a long one, if it was looked at before.
        """
        is_whole = len(payload) <= LONGEST_ECHO
        model = self._validate(text.loads(payload) if is_whole else self._essence(payload, kind), is_whole)
        fields = {name: getattr(model, name) for name in model.model_fields_set}
        kind = str(fields.pop("type"))
        parts = self._parts.decode(payload)
        fields |= {name: getattr(parts, name) for name in self._raw[kind] if name in fields}
        return kind, fields

    def _validate(self, value: Any, is_whole: bool) -> BaseModel:
        try:
            return self._events.validate_python(value)
        except ValidationError as error:
            raise _wrong_shape(error, is_whole) from None

    def _type_of(self, payload: bytes) -> str | None:
        try:
            found = bytes(_head.decode(payload).type)
        except msgspec.ValidationError:  # no object
            self._validate([], is_whole=False)
            raise
        except msgspec.DecodeError as error:
            raise _not_json(error, payload) from None
        if not found:
            return None
        shown = found if len(found) <= TYPE_LENGTH else found[:TYPE_LENGTH]
        try:
            return str(msgspec.json.decode(shown))
        except (msgspec.DecodeError, UnicodeDecodeError):
            return shown.strip(b'"').decode(errors="replace")

    def _essence(self, payload: bytes, kind: str | None) -> dict[str, Any]:
        """Return the fields that the type of a long event has.

        An empty object stands for an object that is copied anyway. A short text stands for a long one in a field that takes none
        so long: to decode that would cost as much as all else.
        """
        kind = self._type_of(payload) if kind is None else kind
        parts = self._parts.decode(payload)
        value: dict[str, Any] = {"type": kind}
        for field, takes_any_text in self._takes_any_text.get(kind or "", {}).items():
            raw = bytes(getattr(parts, field))
            if not raw:
                continue
            if field in self._raw.get(kind or "", ()):
                value[field] = {} if raw.startswith(b"{") else None
            elif len(raw) > LONGEST_ECHO and raw.startswith(b'"') and not takes_any_text:
                value[field] = _LONG_TEXT
            else:
                value[field] = text.loads(raw)
        return value


def raw_fields(struct: type[Struct]) -> tuple[str, ...]:
    """Return the names of the fields of type `Raw`."""
    return tuple(field.name for field in msgspec.structs.fields(struct) if field.type is Raw)


def find_id(payload: bytes) -> Id:
    """Return the id of an event that could not be decoded, None if it has no valid one. The error is then a reply."""
    try:
        raw = _head.decode(payload).id
        found = _id.decode(raw) if raw and len(bytes(raw)) <= LONGEST_ECHO else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return None if isinstance(found, str) and len(found) > ID_LENGTH else found


def problems_of(error: ValidationError, size: int = 0) -> list[dict[str, Any]]:
    """Return what is wrong, in pydantic's form without URLs. Of more than `TOLD` problems only their number is given.

    - size: bytes of the message. Each problem may quote all of it: of many problems in a long one, the inputs are left out, of
      more problems in a longer one only their number is given.
    """
    count = error.error_count()
    if count <= TOLD and count * size <= MOST_TOLD:
        has_inputs = count * size <= MOST_QUOTED
        problems = error.errors(include_url=False, include_input=has_inputs)
        if sum(map(_named, problems)) <= MOST_NAMED:
            return [({} if has_inputs else {"input": None}) | dict(problem) for problem in problems]
    return [{"type": TOO_MANY, "loc": (), "msg": f"{count} values are wrong", "input": None}]


def _named(problem: Any) -> int:
    """Return how many characters of the message a problem repeats as the place where it is."""
    return sum(len(part) for part in problem["loc"] if isinstance(part, str))


def _validate_id(value: Any) -> Any:
    is_valid = (isinstance(value, str) and len(value) <= ID_LENGTH) or type(value) is int or value is None
    if not is_valid:
        raise PydanticCustomError(
            "event_id", f"Input should be an integer or a string of at most {ID_LENGTH} characters"
        )
    return value


def _model_of(struct: type[Struct]) -> type[BaseModel]:
    fields: dict[str, Any] = {
        "id": (Annotated[Any, BeforeValidator(_validate_id)], None),
        "type": (Literal[struct.__struct_config__.tag], ...),
    }
    for field in msgspec.structs.fields(struct):
        if field.name != "id":
            default: Any = ... if field.default is NODEFAULT else field.default
            if field.default_factory is not NODEFAULT:
                default = field.default_factory()
            if isinstance(default, Raw):
                default = msgspec.json.decode(default)
            fields[field.name] = (_type_of(field.type), default)
    return create_model(struct.__name__, **fields)


def _part_of(struct: type[Struct]) -> type[BaseModel]:
    """Return the model of an object inside an event."""
    fields: dict[str, Any] = {
        field.name: (_type_of(field.type), ... if field.default is NODEFAULT else field.default)
        for field in msgspec.structs.fields(struct)
    }
    return create_model(struct.__name__, **fields)


def _made(struct: type[Struct], model: BaseModel) -> Struct:
    return struct(**{name: getattr(model, name) for name in model.model_fields_set})


def _type_of(hint: Any) -> Any:
    """Return pydantic's form of a field's type: `Raw` is an object, `Meta` a `Field`, a struct a model."""
    if hint is Raw:
        return dict[str, Any]
    if isinstance(hint, Meta):
        bounds = {name: getattr(hint, name) for name in _BOUNDS}
        return Field(**{name: bound for name, bound in bounds.items() if bound is not None})
    if isinstance(hint, type) and issubclass(hint, Struct):
        return Annotated[_part_of(hint), AfterValidator(partial(_made, hint))]
    origin, inner = get_origin(hint), tuple(map(_type_of, get_args(hint)))
    if origin is Annotated:
        return Annotated[inner]
    if origin is UnionType or origin is Union:
        return Union[inner]  # noqa: UP007  # made at run time
    return hint if origin is None else origin[inner]


def _wrong_shape(error: ValidationError, is_whole: bool) -> BadEvent:
    """`is_whole`: whether pydantic was given the event as it is, so that its parts may be repeated."""
    problems = list(map(_bounded, problems_of(error)))
    details: list[dict[str, Any]] = [{**problem, "loc": ["event", *problem["loc"]]} for problem in problems]
    if not is_whole:
        details = [{**detail, "input": None} for detail in details]
    return BadEvent("; ".join(_sentence(problem["loc"], problem["msg"]) for problem in problems[:3]), details)


def _bounded(problem: dict[str, Any]) -> dict[str, Any]:
    """Cut an unknown type short: pydantic repeats it twice beside the input."""
    tag = problem.get("ctx", {}).get("tag", "")
    if len(tag) <= TYPE_LENGTH:
        return problem
    short = tag[:TYPE_LENGTH] + "…"
    return {**problem, "msg": problem["msg"].replace(tag, short), "ctx": {**problem["ctx"], "tag": short}}


def _not_json(error: msgspec.DecodeError, payload: bytes) -> BadEvent:
    """msgspec's error in the words of `text`."""
    found = _PLACE.search(str(error))
    if found is None:
        return text.invalid("unexpected end", len(payload))
    return text.invalid(found[1], int(found[2]))


def _sentence(loc: tuple[int | str, ...], message: str) -> str:
    return f"{'.'.join(map(str, loc[1:])) or 'event'}: {message}"


_BOUNDS = ("gt", "ge", "lt", "le", "multiple_of", "pattern", "min_length", "max_length")
_PLACE = re.compile(r": (.*) \(byte (\d+)\)$")
_ABSENT = Raw(b"")
_LONG_TEXT = "…" * (max(ID_LENGTH, KEY_LENGTH) + 1)  # no id, no key, no boolean, no list


class _Head(Struct, gc=False):
    type: Raw = _ABSENT
    id: Raw = _ABSENT


_head = msgspec.json.Decoder(_Head)
_id = msgspec.json.Decoder(int | str | None)
