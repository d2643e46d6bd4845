"""Report: how what a walker reports and notifies is written as JSON (`docs/protocol.md`, "Walker answers")."""

from __future__ import annotations

import base64
import dataclasses
import datetime
from collections.abc import Callable, Mapping
from decimal import Decimal
from enum import Enum
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

_SPECIAL: tuple[tuple[Any, Callable[[Any], str]], ...] = (
    ((datetime.datetime, datetime.date, datetime.time), lambda value: value.isoformat()),
    ((UUID, Decimal), str),
    ((bytes, bytearray, memoryview), lambda value: base64.b64encode(value).decode()),
)


def encode(value: Any) -> bytes:
    """Return any value that can be notified as compact JSON. An object inside a dictionary is its fields. Raises NotPrintable,
    naming the type."""
    with _Named(value):
        return _encoder.encode(_inside(value, ()) if isinstance(value, Mapping) else _printed(value))


def encode_reports(reports: list[Any]) -> bytes:
    """Return what a walk reported, as in the `reports` of its answer. Raises NotPrintable, naming the type."""
    with _Named(reports):
        return _encoder.encode(_printed(reports))


def encode_fields(fields: Mapping[str, Any]) -> bytes:
    """Return fields by their names, as in the `context` of an archetype. Raises NotPrintable, naming the type."""
    with _Named(fields):
        return _encoder.encode({name: _field(value, ()) for name, value in fields.items()})


def encode_body(value: Any) -> bytes:
    """Return what a program puts in place of the whole body: as `encode`, but an object as its fields alone."""
    if not isinstance(value, Obj):
        return encode(value)
    with _Named(value):
        return _encoder.encode(_inside(value, ()))


def answer(status: int, reports: list[Any], returns: list[Any] | None) -> bytes:
    """Return the body that answers a walker: `{"status":200,"reports":[…]}`, with `returns` when these are asked for.

    Raises NotPrintable, naming the type.
    """
    try:
        body: dict[str, Any] = {"status": status, "reports": _printed(reports)}
        if returns is not None:
            body["returns"] = _printed(returns)
        return _encoder.encode(body)
    except (RecursionError, UnicodeError):
        for value in (*reports, *(returns or ())):
            encode(value)  # raises for the one to be named
        raise


class _Named:
    """Turns an error of walking through a value, or of encoding it, into a NotPrintable that names the value's type."""

    __slots__ = ("_value",)

    def __init__(self, value: Any) -> None:
        self._value = value

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        if isinstance(error, RecursionError):
            raise NotPrintable(
                f"A {_type(self._value)} that holds itself, or is nested too deeply, cannot be printed as JSON"
            ) from error
        if isinstance(error, UnicodeError):
            raise NotPrintable(
                f"A {_type(self._value)} with text that is not valid Unicode cannot be printed as JSON"
            ) from error


def _type(value: Any) -> str:
    return type(value).__name__[:80]


def _printed(value: Any) -> Any:
    """What is reported by itself, or in lists and dictionaries: an archetype with its reference, an object too."""
    if type(value) in _EXACT:
        return value
    if isinstance(value, Archetype):
        return _with_reference(value, ())
    if isinstance(value, list):
        return [_printed(one) for one in value]
    if isinstance(value, Mapping):
        return {_key(key): _printed(one) for key, one in value.items()}
    return _inside(value, ())


def _with_reference(archetype: Archetype, above: tuple[int, ...]) -> dict[str, Any]:
    """`above` are the archetypes being printed around this one: one that holds itself is printed without its fields."""
    if id(archetype) in above:
        return {"id": reference_of(archetype)}
    return {"id": reference_of(archetype), "context": _fields(archetype, (*above, id(archetype)))}


def _fields(value: Any, above: tuple[int, ...]) -> dict[str, Any]:
    names = [field.name for field in dataclasses.fields(value)]
    own = vars(value) if hasattr(value, "__dict__") else {name: getattr(value, name) for name in names}
    return {name: _field(own[name], above) for name in names if name in own}


def _field(value: Any, above: tuple[int, ...]) -> Any:
    """What a field holds: an enum is its name here, and its value anywhere else."""
    return value.name if isinstance(value, Enum) else _inside(value, above)


def _inside(value: Any, above: tuple[int, ...]) -> Any:
    """What stands inside a field, or inside a container there: an obj as its fields."""
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


def _special(value: Any, above: tuple[int, ...]) -> Any:
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


def _unsubclassed(value: Any) -> Any:
    return (
        str.__str__(value) if isinstance(value, str) else float(value) if isinstance(value, float) else value
    )


def _key(key: Any) -> str:
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
