"""Lenient: decodes events that msgspec refuses. Accepts what pydantic accepts, and reports errors in pydantic's words."""

from __future__ import annotations

from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec
from msgspec import NODEFAULT, Meta, Raw, Struct
from pydantic import BaseModel, BeforeValidator, Field, TypeAdapter, ValidationError, create_model
from pydantic_core import PydanticCustomError

from walkwire.errors import BadEvent
from walkwire.wire.message import text
from walkwire.wire.message.bounds import ID_LENGTH, MOST_NAMED, MOST_QUOTED, MOST_TOLD, TOLD

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

    def decode(self, payload: bytes) -> tuple[str, dict[str, Any]]:
        """Return the type of an event and those of its fields that are in `payload`, which has passed `text.check`.

        Fields of type `Raw` are copied byte for byte. Raises BadEvent: without details if `payload` is not JSON, with details
        (`loc` begins with "event") if its shape is wrong.
        """
        value = text.loads(payload)
        try:
            model = self._events.validate_python(value)
        except ValidationError as error:
            raise _wrong_shape(error) from None
        fields = {name: getattr(model, name) for name in model.model_fields_set}
        kind: str = fields.pop("type")
        raw = _parts.decode(payload)
        fields |= {name: raw[name] for name in self._raw[kind] if name in fields}
        return kind, fields


def raw_fields(struct: type[Struct]) -> tuple[str, ...]:
    """Return the names of the fields of type `Raw`."""
    return tuple(field.name for field in msgspec.structs.fields(struct) if field.type is Raw)


def find_id(payload: bytes) -> Id:
    """Return the id of an event that could not be decoded, None if it has no valid one. The error is then a reply."""
    try:
        found = _id.decode(_parts.decode(payload)["id"])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, KeyError):
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
            if isinstance(default, Raw):
                default = msgspec.json.decode(default)
            fields[field.name] = (_type_of(field.type), default)
    return create_model(struct.__name__, **fields)


def _type_of(hint: Any) -> Any:
    """Return pydantic's form of a field's type: `Raw` is an object, `Meta` a `Field`."""
    if hint is Raw:
        return dict[str, Any]
    if isinstance(hint, Meta):
        bounds = {name: getattr(hint, name) for name in _BOUNDS}
        return Field(**{name: bound for name, bound in bounds.items() if bound is not None})
    origin, inner = get_origin(hint), tuple(map(_type_of, get_args(hint)))
    if origin is Annotated:
        return Annotated[inner]
    if origin is UnionType or origin is Union:
        return Union[inner]  # noqa: UP007  # made at run time
    return hint if origin is None else origin[inner]


def _wrong_shape(error: ValidationError) -> BadEvent:
    problems = problems_of(error)
    details: list[dict[str, Any]] = [{**problem, "loc": ["event", *problem["loc"]]} for problem in problems]
    return BadEvent("; ".join(_sentence(problem["loc"], problem["msg"]) for problem in problems[:3]), details)


def _sentence(loc: tuple[int | str, ...], message: str) -> str:
    return f"{'.'.join(map(str, loc[1:])) or 'event'}: {message}"


_BOUNDS = ("gt", "ge", "lt", "le", "multiple_of", "pattern", "min_length", "max_length")
_parts = msgspec.json.Decoder(dict[str, Raw])
_id = msgspec.json.Decoder(int | str | None)
