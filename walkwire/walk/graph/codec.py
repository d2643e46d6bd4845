"""Codec: the fields of nodes, edges, walkers and objects, as JSON text in the store.

A value that could not be read back, because it does not fit its annotation, is rejected before the commit. A node inside a field
is stored as its reference, `{"$node": …}`, an obj as its class and fields, `{"$obj": …}`. A program's own key of these names is
stored with one sign more, wherever a field may hold a dictionary. A reference is looked up when the program first uses its field.

`Any` in this file: annotations, for which Python has no common type, and validators that pydantic calls with any value.
"""

from __future__ import annotations

import base64
import dataclasses
import json
import re
import typing
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, TypeVar, cast

from pydantic import (
    AfterValidator,
    ConfigDict,
    PlainSerializer,
    PlainValidator,
    Strict,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
)
from pydantic_core import CoreConfig, PydanticSerializationError, SchemaSerializer, to_json
from typing_extensions import TypedDict

from walkwire.errors import RecordError
from walkwire.walk.archetype import Archetype, reference_of
from walkwire.walk.archetypes.annotation import annotations_of, member_of, optional_if_none, rewritten
from walkwire.walk.archetypes.obj import Obj
from walkwire.walk.archetypes.watched import (
    Deferred,
    FindAll,
    Unresolved,
    holds_unresolved,
    own_fields,
    watch,
    watch_fields,
)
from walkwire.walk.mistake import functions_around, writers_of
from walkwire.walk.registry import known_classes

# Given to the serializer itself: a TypedDict's own configuration does not reach it.
_WRITTEN = CoreConfig(ser_json_inf_nan="constants", ser_json_timedelta="iso8601")
_NODE, _OBJ = "$node", "$obj"
# A program's own key of that kind is stored with one sign more.
_OWN_KEY = re.compile(r"\$+(node|obj)\Z")
_NOTHING: dict[str, object] = {}
_LOOSE = (Any, object, list, dict, set, frozenset, tuple)


class Resolve:
    """Look-ups for names inside records.

    - find_all: finds nodes by their references, once the program uses them
    - obj: returns a class by its name; None: there is no such class
    - met: counts the references that were read
    """

    __slots__ = ("find_all", "met", "obj")

    def __init__(self, find_all: FindAll, obj: Callable[[str], type | None]) -> None:
        self.find_all = find_all
        self.obj = obj
        self.met = 0

    def unresolved(self, reference: str) -> Unresolved:
        """Return a mark for a reference that is to be looked up later."""
        self.met += 1
        return Unresolved(reference)


class Codec:
    """The codec of one class. `names` are its fields."""

    def __init__(self, cls: type) -> None:
        fields = [field for field in dataclasses.fields(cls) if not _is_walkwires(field)]
        self.names = tuple(field.name for field in fields)
        self._defaults = tuple((field.name, _maker(field), field.init) for field in fields)
        hints = annotations_of(cls)
        stored = {
            field.name: optional_if_none(
                field, rewritten(hints[field.name], _stored_class, _stored_key_class)
            )
            for field in fields
        }
        typed_dict: Any = TypedDict  # made from data here, which a type checker cannot follow
        shape = typed_dict(cls.__name__, stored, total=False)
        shape.__pydantic_config__ = ConfigDict(extra="allow")
        self._adapter: TypeAdapter[dict[str, object]] = TypeAdapter(shape)
        self._validate = self._adapter.validator.validate_json
        self._serializer = SchemaSerializer(self._adapter.core_schema, _WRITTEN)

    def encode(self, archetype: Archetype, values: Mapping[str, object] | None = None) -> str:
        """Return the fields, or `values` in their place, as a JSON object. Raises RecordError, which names the field."""
        anchor = archetype.__jac__
        extras, deferred = anchor.extras, anchor.deferred
        if deferred is not None:
            values = deferred.stored(own_fields(archetype) if values is None else dict(values))
        elif values is None:
            values = vars(archetype)
        if not values and not extras:
            return "{}"
        chosen = {name: values[name] for name in self.names if name in values}
        try:
            data = self._serializer.to_json(chosen | extras, warnings=False, fallback=_tagged)
        except (PydanticSerializationError, UnicodeEncodeError) as error:
            field, message = self._culprit(chosen, error)
            message += _see(type(archetype), field)
            raise RecordError(reference_of(archetype), field, message) from None
        return data.decode()

    def validate(self, archetype: Archetype, data: str) -> None:
        """Raise RecordError, which names the field, unless `data` can be read back."""
        if data != "{}":
            self._decode_json(archetype, data, _as_it_is())

    def decode(self, archetype: Archetype, data: str, resolve: Resolve) -> None:
        """Fill an instance from its record. Raises RecordError, which names the record and the field.

        Fields with references in them are deferred: no record is read for them here.
        """
        met = resolve.met
        values = self._decode_json(archetype, data, resolve) if data != "{}" else {}
        anchor, held = archetype.__jac__, _NOTHING
        if resolve.met != met:
            held = {name: values.pop(name) for name in self.names if holds_unresolved(values.get(name))}
        is_plain = not held and anchor.deferred is None
        own = vars(archetype) if is_plain else own_fields(archetype)
        for name, default, is_needed in self._defaults:
            if name in values:
                own[name] = values.pop(name)
            elif name in held:
                own.pop(name, None)
            elif default is not None:
                own[name] = default()
            elif is_needed:
                message = "missing in the record, and the class gives no default"
                raise RecordError(reference_of(archetype), name, message)
        anchor.extras = values
        if not is_plain:
            anchor.deferred = Deferred(held, resolve.find_all) if held else None
            watch(type(archetype), self.names)
            watch_fields(archetype, own)

    def fit(self, archetype: Archetype, data: str) -> None:
        """Raise RecordError, which names the field, unless an instance can be filled from `data`. No reference is looked up."""
        self.decode(archetype, data, _as_it_is())

    def rewritten(self, archetype: Archetype) -> str:
        """Return the stored record as the present class would write it: missing fields get defaults, extras stay."""
        twin: Archetype = bare(type(archetype))
        twin.__jac__.id, twin.__jac__.kind = archetype.__jac__.id, archetype.__jac__.kind
        self.decode(twin, archetype.__jac__.stored or "{}", _as_it_is())
        return self.encode(twin)

    def _decode_json(self, archetype: Archetype, data: str, resolve: Resolve) -> dict[str, object]:
        try:
            return cast("dict[str, object]", self._validate(data, context=resolve))
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            raise RecordError(
                reference_of(archetype),
                str(first["loc"][0]),
                f"{first['msg']} (stored: {first['input']!r:.80})",
            ) from None

    def _culprit(self, values: dict[str, object], error: Exception) -> tuple[str | None, str]:
        for name, value in values.items():
            try:
                self._serializer.to_json({name: value}, warnings=False, fallback=_tagged)
            except (PydanticSerializationError, UnicodeEncodeError) as found:
                return name, f"cannot be stored: {found}"
        return None, f"cannot be stored: {error}"


def _see(cls: type, field: str | None) -> str:
    """Return where the program sets a field, to be added to a sentence; "" if that is not known."""
    if field is None:
        return ""
    found = writers_of(field, functions_around(known_classes().values()), cls.__name__)
    return f"; see {', '.join(found)}" if found else ""


AnyClass = TypeVar("AnyClass")

_codecs: dict[type, Codec] = {}
_kept: dict[type, tuple[Callable[[Any], object], Callable[[Any], object]]] = {}


def keep_class(cls: type, write: Callable[[Any], object], read: Callable[[Any], object]) -> None:
    """Let fields hold instances of a class that pydantic cannot store. `write` returns JSON data for one, `read` the inverse."""
    _kept[cls] = write, read


def codec_of(cls: type) -> Codec:
    """Return the codec of a class, made once."""
    codec = _codecs.get(cls)
    if codec is None:
        codec = _codecs[cls] = Codec(cls)
    return codec


def bare(cls: type[AnyClass]) -> AnyClass:
    """Return an instance without fields. `__init__` is not run."""
    return cls.__new__(cls)


def _is_walkwires(field: dataclasses.Field[object]) -> bool:
    return field.name == "__jac__"


def _maker(field: dataclasses.Field[object]) -> Callable[[], object] | None:
    """Return a function that makes a field's default; None if it has none."""
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory
    default = field.default
    return None if default is dataclasses.MISSING else lambda: default


def _stored_class(cls: Any) -> Any:
    result = cls
    if cls in _LOOSE:
        result = typing.Annotated[cls, AfterValidator(_restored), PlainSerializer(_tagged_tree)]
    elif cls is bytes:
        result = typing.Annotated[bytes, PlainValidator(base64.b64decode), PlainSerializer(_base64)]
    elif cls is int:
        result = int | typing.Annotated[float, Strict()]  # Jac does not hold a program to `int`
    elif isinstance(cls, type) and issubclass(cls, Archetype):
        result = typing.Annotated[Any, PlainValidator(_restorer(cls)), PlainSerializer(_tagged)]
    elif isinstance(cls, type) and issubclass(cls, Enum):
        by_name = PlainValidator(member_of(cls, by_name_first=True))
        result = typing.Annotated[Any, by_name, PlainSerializer(_name)]
    elif isinstance(cls, type):
        for kept, (write, read) in _kept.items():
            if issubclass(cls, kept):
                result = typing.Annotated[Any, PlainValidator(read), PlainSerializer(write)]
    return result


def _stored_key_class(cls: Any) -> Any:
    """As `_stored_class`, for the keys of a dictionary."""
    if cls is str or cls in (Any, object):
        return typing.Annotated[cls, AfterValidator(_restored_key), PlainSerializer(_stored_key)]
    return _stored_class(cls)


def _name(value: object) -> object:
    return value.name if isinstance(value, Enum) else _escaped(value)


def _tagged(value: object) -> object:
    """Return a node inside a field as its reference, an obj as its class and fields. Raises TypeError for anything else."""
    if isinstance(value, Obj):
        return {_OBJ: type(value).__name__, **json.loads(codec_of(type(value)).encode(value))}
    if isinstance(value, Archetype):
        return {_NODE: reference_of(value)}
    if isinstance(value, Unresolved):
        return {_NODE: value.reference}
    if isinstance(value, dict | None):
        return _escaped(value)
    raise TypeError(f"a value of the type {type(value).__name__}")


def _tagged_tree(value: object) -> object:
    """As `_tagged`, for all values inside a field whose annotation does not say what it holds."""
    if isinstance(value, dict):
        return {_stored_key(key): _tagged_tree(one) for key, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_tagged_tree(one) for one in value]
    return _tagged(value) if isinstance(value, Archetype | Unresolved) else value


def _escaped(value: object) -> object:
    """Return a value that does not fit its annotation: a dictionary so that it cannot be taken for a node or an obj."""
    return _tagged_tree(value) if isinstance(value, dict) else value


def _stored_key(key: object) -> object:
    return f"${key}" if isinstance(key, str) and _OWN_KEY.match(key) else key


def _restored_key(key: Any) -> Any:
    return key[1:] if isinstance(key, str) and key.startswith("$$") and _OWN_KEY.match(key) else key


def _base64(value: object) -> object:
    return base64.b64encode(value).decode() if isinstance(value, bytes) else _escaped(value)


def _as_it_is() -> Resolve:
    """Return look-ups for uses of a record's text alone: references stay references."""
    return Resolve(lambda references: [None] * len(references), lambda name: known_classes().get(name))


def _restorer(cls: type) -> Callable[[Any, ValidationInfo], object]:
    """Return a reader for a field that holds an obj of this class or of a derived one, or a node by its reference."""

    def read(value: Any, info: ValidationInfo) -> object:
        if not isinstance(value, dict) or not (_is_reference(value) or _OBJ in value):
            raise ValueError(f"Input should be a stored {cls.__name__}")
        return _restored(value, info, cls)

    return read


def _is_reference(value: dict[str, Any]) -> bool:
    return len(value) == 1 and isinstance(value.get(_NODE), str)


def _restored(value: Any, info: ValidationInfo, cls: type | None = None) -> object:
    if isinstance(value, list):
        return [_restored(one, info) for one in value]
    if isinstance(value, tuple):
        return tuple(_restored(one, info) for one in value)
    if not isinstance(value, dict):
        return value
    if _is_reference(value):
        return cast("Resolve", info.context).unresolved(value[_NODE])
    if _OBJ in value:
        return _restored_obj(value, info, cls)
    return {_restored_key(key): _restored(one, info) for key, one in value.items()}


def _restored_obj(value: dict[str, Any], info: ValidationInfo, declared: type | None) -> object:
    name, resolve = value[_OBJ], cast("Resolve", info.context)
    cls = _named(declared, name) if declared is not None else resolve.obj(name)
    if cls is None:
        raise ValueError(f"The program has no class {name}")
    restored: Archetype = bare(cls)
    fields = {key: one for key, one in value.items() if key != _OBJ}
    codec_of(cls).decode(restored, to_json(fields, inf_nan_mode="constants").decode(), resolve)
    return restored


def _named(cls: type, name: str) -> type | None:
    """Return `cls` or the class derived from it that has this name; None if there is none."""
    if cls.__name__ == name:
        return cls
    derived: list[type] = type.__subclasses__(cls)
    return next((found for one in derived if (found := _named(one, name)) is not None), None)
