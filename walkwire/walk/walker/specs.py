"""Specs: how a walker is exposed. Read from a class `__specs__` inside the walker, or given by the decorator `specs`.

The values of keys are checked here, when the program is loaded. A derived walker inherits its base's specs unless it has its own,
as with any class attribute.
"""

from __future__ import annotations

import dataclasses
import logging
import math
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import FunctionType
from typing import Any, Literal, NewType, TypeVar, overload
from weakref import WeakSet

from walkwire.errors import StartError
from walkwire.walk.mistake import where_of
from walkwire.walk.walker.timetable import Timetable, timetable

EntryType = Literal["ROOT", "NODE", "BOTH"]
Every = Literal["*"]

METHODS = ("get", "post", "put", "patch", "delete", "head", "options", "trace", "websocket")

_NAME = "__specs__"
TAGS = ("Walker APIs",)
_PATH_FIELD = re.compile(r"\{([^{}]*)\}")

W = TypeVar("W", bound=type)

_log = logging.getLogger("walkwire.program")
_warned: WeakSet[type] = WeakSet()  # several parts of a server read the specs; one warning is enough

UNDECLARED: object = object()  # None is a type, that of null

KeyPlace = Literal["header", "query", "path", "body"]


@dataclass(frozen=True, slots=True)
class Webhook:
    """Where a webhook request carries its key, and under which name."""

    place: KeyPlace = "header"
    name: str = "X-API-KEY"


@dataclass(frozen=True, slots=True)
class Specs:
    """A walker's exposure, as `docs/protocol.md` lists its keys ("REST").

    - path: "", or a path with or without a leading "/"
    - methods: in lower case
    - as_query, excluded: names of fields; "*" for all
    - on: the occasions on which the server runs the walker: `connect`, `disconnect`, `join:…` and `leave:…` with a pattern of
      channel ids. Without `methods` such a walker cannot be called
    - reports: the type of each value that the walker reports; UNDECLARED: any. Types may be texts, as annotations may
    - tells: the types of what its notifications carry as `data`, by their `type`
    - rerun: whether the walk may be retried after a conflict
    - seconds: the time limit of the walk; None: the configured one
    - status_code: the status of an answer if the walker sets none; None: 200
    - response_model and all that follow: the walker's description in OpenAPI, as FastAPI takes it
    """

    path: str = ""
    methods: tuple[str, ...] = ("post",)
    as_query: tuple[str, ...] | Every = ()
    excluded: tuple[str, ...] | Every = ()
    auth: bool = True
    private: bool = False
    entry_type: EntryType = "BOTH"
    webhook: Webhook | None = None
    schedule: Timetable | None = None
    on: tuple[str, ...] = ()
    reports: object = UNDECLARED
    tells: Mapping[str, object] = field(default_factory=dict)
    rerun: bool = True
    seconds: float | None = None
    response_model: object = None
    status_code: int | None = None
    response_class: object = None
    tags: tuple[str, ...] = TAGS
    summary: str | None = None
    description: str | None = None
    name: str | None = None
    deprecated: bool | None = None
    responses: Mapping[int | str, dict[str, object]] | None = None
    response_description: str = "Successful Response"
    include_in_schema: bool = True
    openapi_extra: Mapping[str, object] | None = None

    @property
    def http_methods(self) -> tuple[str, ...]:
        """The methods that REST serves; none for a private walker."""
        return () if self.private else tuple(method for method in self.methods if method != "websocket")

    def excludes(self, field: str) -> bool:
        """Return whether callers may not set this field."""
        return self.excluded == "*" or field in self.excluded

    @property
    def path_fields(self) -> tuple[str, ...]:
        """The names of the fields in the path: x for each {x}."""
        return tuple(_PATH_FIELD.findall(self.path))


def specs_of(walker: type) -> Specs:
    """Return the specs of a walker class. Raises StartError, which names the walker and the key."""
    given: object = getattr(walker, _NAME, None)
    if given is not None and not isinstance(given, type):
        raise StartError(f"Walker {walker.__name__}: {_NAME} is a class, not {given!r}")
    keys = {} if given is None else _keys_of(given)
    unknown = keys.keys() - _READERS.keys()
    if unknown and not _is_jac(given):
        raise _unknown(walker, unknown)
    if unknown and given is not None:
        _warn(walker, given, unknown)
    # Any: each reader returns what its field holds, which a dictionary of readers cannot say
    read: dict[str, Any] = {
        key: _read_key(walker, key, value) for key, value in keys.items() if key not in unknown
    }
    if read.get("on"):
        read.setdefault("methods", ())
    return Specs(**read)


@overload
def specs(walker: W, /) -> W: ...
@overload
def specs(**keys: object) -> Callable[[W], W]: ...
def specs(walker: W | None = None, /, **keys: object) -> W | Callable[[W], W]:
    """Set the specs of a walker: `@specs(methods=["get", "websocket"], auth=False)`. Raises StartError for a wrong key."""

    def give(target: W) -> W:
        if unknown := keys.keys() - _READERS.keys():
            raise _unknown(target, unknown)
        setattr(target, _NAME, type(_NAME, (), {"__module__": target.__module__, **keys}))
        specs_of(target)
        return target

    return give if walker is None else give(walker)


def _keys_of(given: type) -> dict[str, object]:
    """Return the attributes of a class `__specs__`, and the defaults of its fields if it is a dataclass, as Jac's are."""
    found: dict[str, object] = {}
    for base in reversed(given.__mro__):
        if base is not object and not base.__module__.startswith("walkwire."):
            found.update(vars(base))
    if dataclasses.is_dataclass(given):
        for field in dataclasses.fields(given):
            if field.default_factory is not dataclasses.MISSING:
                found[field.name] = field.default_factory()
    return {key: value for key, value in found.items() if not key.startswith("_") and not _is_method(value)}


def _is_jac(given: type | None) -> bool:
    """Return whether a class `__specs__` is written in Jac: Jac Cloud ignored unknown keys, so programs have some."""
    return given is not None and _file_of(given).endswith(".jac")


def _file_of(cls: type) -> str:
    return getattr(sys.modules.get(cls.__module__), "__file__", None) or ""


def _warn(walker: type, given: type, unknown: Iterable[str]) -> None:
    if given in _warned:
        return
    _warned.add(given)
    from difflib import get_close_matches  # few programs need it

    file = Path(_file_of(walker)).name
    for key in sorted(unknown):
        close = get_close_matches(key, _READERS, 1, 0.5)
        advice = f" Is {close[0]!r} meant?" if close else ""
        _log.warning(
            "%s: Walker %s, specs: %r is not a key of specs, and is passed over.%s",
            file,
            walker.__name__,
            key,
            advice,
        )


def _unknown(walker: type, unknown: Iterable[str]) -> StartError:
    return _wrong(walker, min(unknown), f"is not a key of specs. There are: {', '.join(_READERS)}")


def _is_method(value: object) -> bool:
    return isinstance(value, FunctionType | classmethod | staticmethod | property)


def _read_key(walker: type, key: str, value: object) -> object:
    try:
        return _READERS[key](value)
    except ValueError as error:
        raise _wrong(walker, key, f"{error}, not {value!r}") from None
    except NotImplementedError as error:
        raise _wrong(walker, key, str(error)) from None


def _wrong(walker: type, key: str, message: str) -> StartError:
    return specs_mistake(walker, f"{key!r} {message}")


def specs_mistake(walker: type, what: str) -> StartError:
    """Return the error for specs that are wrong: where the walker is, and what is wrong."""
    return StartError(f"{where_of(walker)}: Walker {walker.__name__}, specs: {what}")


def _path(value: object) -> str:
    if not isinstance(value, str) or re.search(r"[\s?#\\]", value):
        raise ValueError("is a path of a URL")
    fields = _PATH_FIELD.findall(value)
    if not all(name.isidentifier() for name in fields) or len(set(fields)) < len(fields):
        raise ValueError("holds names of fields in braces, each once")
    if set("{}") & set(_PATH_FIELD.sub("", value)):
        raise ValueError("holds names of fields in braces, each once")
    return value


def _methods(value: object) -> tuple[str, ...]:
    methods = tuple(name.lower() for name in _names(value))
    if not set(methods) <= set(METHODS):
        raise ValueError(f"is a list of {', '.join(METHODS)}")
    return tuple(dict.fromkeys(methods))


def _entry_type(value: object) -> EntryType:
    match str(getattr(value, "value", value)).upper():  # of an Enum, or a string
        case "ROOT" | "NODE" | "BOTH" as entry_type:
            return entry_type
    raise ValueError("is ROOT, NODE or BOTH")


def _fields(value: object) -> tuple[str, ...] | Every:
    if value is None:
        return ()
    if value == "*":
        return "*"
    return (value,) if isinstance(value, str) else _names(value)


def _names(value: object) -> tuple[str, ...]:
    if isinstance(value, Iterable) and not isinstance(value, str | Mapping):
        names = tuple(value)
        if all(isinstance(name, str) for name in names):
            return names
    raise ValueError("is a list of strings")


def _on(value: object) -> tuple[str, ...]:
    occasions = _names((value,) if isinstance(value, str) else value)
    for occasion in occasions:
        kind, _, pattern = occasion.partition(":")
        if kind not in ("join", "leave") if pattern else occasion not in ("connect", "disconnect"):
            raise ValueError("is a list of connect, disconnect, join:PATTERN and leave:PATTERN")
    return tuple(dict.fromkeys(occasions))


def _tags(value: object) -> tuple[str, ...]:
    return TAGS if value is None else _names(value)


def _bool(value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise ValueError("is True or False")


def _seconds(value: object) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf:
        return float(value)
    raise ValueError("is a number of seconds")


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    raise ValueError("is a string")


def _status(value: object) -> int:
    # Jac programs give it as digits too
    if isinstance(value, int) or str(value).isdecimal():
        status = int(str(value)) if not isinstance(value, int) else int(value)
        if 200 <= status <= 599:
            return status
    raise ValueError("is an HTTP status from 200 to 599")


def _mapping(value: object) -> Mapping[object, object]:
    if isinstance(value, Mapping):
        return value
    raise ValueError("is a dictionary")


def _type(value: object) -> object:
    if (
        value is None
        or isinstance(value, str | type)
        or hasattr(value, "__origin__")
        or hasattr(value, "__args__")
    ):
        return value
    if isinstance(value, NewType | TypeVar) or hasattr(value, "__value__") or value is Any:
        return value
    raise ValueError("is a type, or the text of one")


def _tells(value: object) -> Mapping[str, object]:
    if not isinstance(value, Mapping) or not all(isinstance(name, str) and name for name in value):
        raise ValueError("is a dictionary of types by the names of notifications")
    return {name: _type(one) for name, one in value.items()}


def _webhook(value: object) -> Webhook | None:
    if value is None:
        return None
    if isinstance(value, Mapping) and set(value) <= {"type", "name"}:
        name = value.get("name", "X-API-KEY")
        match str(value.get("type", "header")).lower():
            case "header" | "query" | "path" | "body" as place if isinstance(name, str) and name:
                return Webhook(place, name)
    raise ValueError("is a dictionary with type (header, query, path or body) and name")


def _optional(reader: Callable[[object], object]) -> Callable[[object], object]:
    return lambda value: None if value is None else reader(value)


_READERS: dict[str, Callable[[object], object]] = {
    "path": _path,
    "methods": _methods,
    "as_query": _fields,
    "excluded": _fields,
    "auth": _bool,
    "private": _bool,
    "entry_type": _entry_type,
    "webhook": _webhook,
    "schedule": timetable,
    "on": _on,
    "reports": _type,
    "tells": _tells,
    "rerun": _bool,
    "seconds": _optional(_seconds),
    "response_model": lambda value: value,
    "status_code": _optional(_status),
    "response_class": lambda value: value,
    "tags": _tags,
    "summary": _optional(_text),
    "description": _optional(_text),
    "name": _optional(_text),
    "deprecated": _optional(_bool),
    "responses": _optional(_mapping),
    "response_description": _text,
    "include_in_schema": _bool,
    "openapi_extra": _optional(_mapping),
}
