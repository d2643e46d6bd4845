"""Lenient: the second reading of what msgspec refused. Takes what the seed took, or says what is wrong in pydantic's words."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Raw
from pydantic import BaseModel, BeforeValidator, Field, TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError

from walkwire.errors import BadEvent
from walkwire.ids import CHANNEL_LENGTH
from walkwire.wire.message import text

TARGETS = 1000
TOLD = 100  # problems, one by one: a mebibyte may hold 262,000, which take two seconds to write down
ID_LENGTH = 64
TOO_MANY = "too_many_errors"

Id = int | str | None


def _good_id(value: Any) -> Any:
    is_good = (isinstance(value, str) and len(value) <= ID_LENGTH) or type(value) is int or value is None
    if not is_good:
        raise PydanticCustomError(
            "event_id", f"Input should be an integer or a string of at most {ID_LENGTH} characters"
        )
    return value


_GoodId = Annotated[Any, BeforeValidator(_good_id)]
_Targets = Annotated[list[str], Field(min_length=1, max_length=TARGETS)]
_Channels = Annotated[
    list[Annotated[str, Field(max_length=CHANNEL_LENGTH)]], Field(min_length=1, max_length=TARGETS)
]
_AS_THEY_CAME = ("data", "context")


class _Spoken(BaseModel):
    id: _GoodId = None


class _Connection(_Spoken):
    type: Literal["connection"]


class _Walker(_Spoken):
    type: Literal["walker"]
    walker: str
    node: str | None = None
    response: bool = False
    context: dict[str, Any] = {}


class _User(_Spoken):
    type: Literal["user"]
    root_ids: _Targets
    data: dict[str, Any]


class _Channel(_Spoken):
    type: Literal["channel"]
    channel_ids: _Channels
    data: dict[str, Any]


class _Client(_Spoken):
    type: Literal["client"]
    client_ids: _Targets
    data: dict[str, Any]


class _Join(_Spoken):
    type: Literal["join"]
    channel_ids: _Channels


class _Leave(_Spoken):
    type: Literal["leave"]
    channel_ids: _Channels


class _ChangeUser(_Spoken):
    type: Literal["change_user"]
    token: str | None = None


_Any = _Connection | _Walker | _User | _Channel | _Client | _Join | _Leave | _ChangeUser
_events: TypeAdapter[_Any] = TypeAdapter(Annotated[_Any, Field(discriminator="type")])
_parts = msgspec.json.Decoder(dict[str, Raw])
_id = msgspec.json.Decoder(int | str | None)


def read(payload: bytes) -> tuple[str, dict[str, Any]]:
    """The type and the fields of an event, `data` and `context` as the very bytes. `payload` has passed `text.check`.

    Raises BadEvent: with a sentence where it is not JSON, with details (`loc` beginning with "event") where its shape is wrong.
    """
    value = text.loads(payload)
    try:
        model = _events.validate_python(value)
    except ValidationError as error:
        raise _wrong_shape(error) from None
    fields = {name: getattr(model, name) for name in model.model_fields_set}
    raw = _parts.decode(payload)
    fields |= {name: raw[name] for name in _AS_THEY_CAME if name in fields}
    return fields.pop("type"), fields


def find_id(payload: bytes) -> Id:
    """The id of an event that could not be read, if it has a good one: the answer is then a reply to it."""
    try:
        found = _id.decode(_parts.decode(payload)["id"])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, KeyError):
        return None
    return None if isinstance(found, str) and len(found) > ID_LENGTH else found


def problems_of(error: ValidationError) -> list[dict[str, Any]]:
    """What is wrong, in pydantic's form without urls; of more than `TOLD` problems only their number."""
    count = error.error_count()
    if count <= TOLD:
        return [dict(problem) for problem in error.errors(include_url=False)]
    return [{"type": TOO_MANY, "loc": (), "msg": f"{count} values are wrong", "input": None}]


def _wrong_shape(error: ValidationError) -> BadEvent:
    problems = problems_of(error)
    details: list[dict[str, Any]] = [{**problem, "loc": ["event", *problem["loc"]]} for problem in problems]
    return BadEvent("; ".join(_sentence(problem["loc"], problem["msg"]) for problem in problems[:3]), details)


def _sentence(loc: tuple[int | str, ...], message: str) -> str:
    return f"{'.'.join(map(str, loc[1:])) or 'event'}: {message}"
