"""Report: JSON for the values that a walker reports and notifies (`docs/protocol.md`, "Walker answers")."""

from __future__ import annotations

import base64
import dataclasses
import datetime
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from typing import Any
from uuid import UUID

import msgspec
from pydantic import BaseModel

from walkwire.errors import NotPrintable
from walkwire.walk.archetype import Archetype, reference_of
from walkwire.walk.archetypes.obj import Obj

_encoder = msgspec.json.Encoder()
_AS_IS = (str, bool, float, type(None), datetime.timedelta, msgspec.Raw)
_EXACT = frozenset(_AS_IS)
_LARGEST, _SMALLEST = 2**64 - 1, -(2**63)

# Nodes inside fields are printed with their own fields, but no deeper than this, and no more of them in one answer.
DEPTH = 32
NESTED = 10_000
REMEMBERED = 1024  # classes whose fields are known

_nested: ContextVar[list[int]] = ContextVar("nested")  # how many more

# Any: one of the classes on the left
_SPECIAL: tuple[tuple[tuple[type, ...], Callable[[Any], str]], ...] = (
    ((datetime.datetime, datetime.date, datetime.time), lambda value: value.isoformat()),
    ((UUID, Decimal), str),
    ((bytes, bytearray, memoryview), lambda value: base64.b64encode(value).decode()),
)


def encode(value: object) -> bytes:
    """Return a value as compact JSON, for a notification. An object inside a dictionary is its fields.

    Raises NotPrintable, which names the type.
    """
    with _Named(value):
        return _encoder.encode(_inside(value, ()) if isinstance(value, Mapping) else _printed(value))


def encode_reports(reports: list[object]) -> bytes:
    """Return the reports of a walk, as in the `reports` of its answer. Raises NotPrintable, which names the type."""
    with _Named(reports):
        return _encoder.encode(_printed(reports))


def encode_fields(fields: Mapping[str, object]) -> bytes:
    """Return fields by name, as in the `context` of an archetype. Raises NotPrintable, which names the type."""
    with _Named(fields):
        return _encoder.encode({name: _field(value, ()) for name, value in fields.items()})


def encode_body(value: object) -> bytes:
    """Return the value that replaces the whole body: as `encode`, but an object as its fields only."""
    if not isinstance(value, Obj):
        return encode(value)
    with _Named(value):
        return _encoder.encode(_inside(value, ()))


def answer(status: int, reports: list[object], returns: list[object] | None) -> bytes:
    """Return the body of a walker's answer: `{"status":200,"reports":[…]}`, with `returns` unless None.

    Raises NotPrintable, which names the type.
    """
    _nested.set([NESTED])
    try:
        body: dict[str, object] = {"status": status, "reports": _printed(reports)}
        if returns is not None:
            body["returns"] = _printed(returns)
        return _encoder.encode(body)
    except (RecursionError, UnicodeError):
        for value in (*reports, *(returns or ())):
            encode(value)  # raises for the value to blame
        raise


class _Named:
    """Convert errors of traversing or encoding a value into a NotPrintable that names its type. Begins to count anew."""

    __slots__ = ("_value",)

    def __init__(self, value: object) -> None:
        self._value = value

    def __enter__(self) -> None:
        _nested.set([NESTED])

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        if isinstance(error, RecursionError):
            raise NotPrintable(
                f"A {_type(self._value)} that holds itself, or is nested too deeply, cannot be printed as JSON"
            ) from error
        if isinstance(error, UnicodeError):
            raise NotPrintable(
                f"A {_type(self._value)} with text that is not valid Unicode cannot be printed as JSON"
            ) from error


def _type(value: object) -> str:
    return type(value).__name__[:80]


def _printed(value: object) -> object:
    """Return a reported value, also in lists and dictionaries: archetypes and objects with their references."""
    if type(value) in _EXACT:
        return value
    if isinstance(value, Archetype):
        return _with_reference(value, ())
    if isinstance(value, list):
        return [_printed(one) for one in value]
    if isinstance(value, Mapping):
        return {_key(key): _printed(one) for key, one in value.items()}
    return _inside(value, ())


def _with_reference(archetype: Archetype, above: tuple[int, ...]) -> dict[str, object]:
    """Return an archetype with its fields. One that holds itself has no fields there: `above` are the ids of those around it.

    Beyond `DEPTH` and `NESTED` an archetype has no fields either, and nothing is read for it.
    """
    if above and (id(archetype) in above or len(above) >= DEPTH or not _may_nest()):
        return {"id": reference_of(archetype)}
    return {"id": reference_of(archetype), "context": _fields(archetype, (*above, id(archetype)))}


def _may_nest() -> bool:
    """Count an archetype that is to be printed inside another one. False if there were too many in this answer."""
    left = _nested.get()
    left[0] -= 1
    return left[0] >= 0


def _fields(value: Any, above: tuple[int, ...]) -> dict[str, object]:  # Any: a dataclass
    cls: type = type(value)
    names = _names(cls)
    own = vars(value) if hasattr(value, "__dict__") else {name: getattr(value, name) for name in names}
    return {
        name: one if type(one := own[name]) in _EXACT else _field(one, above) for name in names if name in own
    }


@lru_cache(REMEMBERED)
def _names(cls: Any) -> tuple[str, ...]:  # Any: a dataclass
    return tuple([field.name for field in dataclasses.fields(cls)])


def _field(value: object, above: tuple[int, ...]) -> object:
    """Return the value of a field. An enum is its name here, and its value anywhere else."""
    return value.name if isinstance(value, Enum) else _inside(value, above)


def _inside(value: object, above: tuple[int, ...]) -> object:
    """Return a value inside a field, or inside a container there: an obj as its fields."""
    if type(value) in _EXACT:
        return value
    if isinstance(value, _AS_IS) and not isinstance(value, Enum):
        return value if type(value) in _AS_IS else _unsubclassed(value)
    if isinstance(value, int) and not isinstance(value, Enum):
        return value if _SMALLEST <= value <= _LARGEST else msgspec.Raw(str(value).encode())
    if isinstance(value, list | tuple | set | frozenset):
        return [_inside(one, above) for one in value]
    if isinstance(value, Mapping):
        return {_key(key): _inside(one, above) for key, one in value.items()}
    return _special(value, above)


def _special(value: object, above: tuple[int, ...]) -> object:
    if isinstance(value, Archetype) and not isinstance(value, Obj):
        return _with_reference(value, above)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        if id(value) in above:
            raise NotPrintable(f"A {_type(value)} that holds itself cannot be printed as JSON")
        return _fields(value, (*above, id(value)))
    for types, printed in _SPECIAL:
        if isinstance(value, types):
            return printed(value)
    if isinstance(value, Enum):
        return _inside(value.value, above)
    if isinstance(value, BaseModel):
        return _inside(value.model_dump(), above)
    raise NotPrintable(f"A value of the type {_type(value)} cannot be printed as JSON")


def _unsubclassed(value: object) -> object:
    return (
        str.__str__(value) if isinstance(value, str) else float(value) if isinstance(value, float) else value
    )


def _key(key: object) -> str:
    if isinstance(key, Enum):
        return _key(key.value)
    if isinstance(key, str):
        return key
    if key is None or isinstance(key, bool):
        return {None: "null", True: "true", False: "false"}[key]
    if isinstance(key, int | float | UUID | Decimal):
        return str(key)
    if isinstance(key, datetime.datetime | datetime.date | datetime.time):
        return key.isoformat()
    raise NotPrintable(f"A key of the type {_type(key)} cannot be printed as JSON")
