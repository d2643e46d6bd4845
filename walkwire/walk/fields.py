"""Fields: what pydantic makes of a class's annotations. To and from the store for nodes and edges, from a request for walkers.

A value is stored if it can be read back: what does not fit its annotation is refused before the commit. An annotation that
pydantic cannot read, or that names nothing, stands for any JSON value. A default of None makes a field optional.
"""

from __future__ import annotations

import base64
import dataclasses
import functools
import json
import sys
import types
import typing
from collections import ChainMap
from collections.abc import Callable
from enum import Enum
from typing import Any, NamedTuple

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    Strict,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
    create_model,
)
from pydantic.errors import PydanticUserError
from pydantic_core import CoreConfig, PydanticSerializationError, SchemaSerializer, to_json
from typing_extensions import TypedDict

from walkwire.errors import RecordError
from walkwire.walk.archetype import Archetype, reference_of
from walkwire.walk.obj import Obj
from walkwire.walk.registry import known_classes

# Given to the serializer itself: a TypedDict's own configuration does not reach it.
_WRITTEN = CoreConfig(ser_json_inf_nan="constants", ser_json_timedelta="iso8601")
_NODE, _OBJ = "$node", "$obj"
_LOOSE = (Any, object, list, dict, set, frozenset, tuple)


class Resolve(NamedTuple):
    """What names inside a record stand for: a node's reference, the name of an obj's class (None: there is none)."""

    node: Callable[[str], Any]
    obj: Callable[[str], type | None]


class Codec:
    """To and from the store, for one class. `names` are its fields."""

    def __init__(self, cls: type) -> None:
        fields = [field for field in dataclasses.fields(cls) if not _is_walkwires(field)]
        self.names = tuple(field.name for field in fields)
        self._fields = fields
        hints = annotations_of(cls)
        stored = {field.name: _optional_if_none(field, _stored(hints[field.name])) for field in fields}
        typed_dict: Any = TypedDict  # made from data here, which a type checker cannot follow
        shape = typed_dict(cls.__name__, stored, total=False)
        shape.__pydantic_config__ = ConfigDict(extra="allow")
        self._adapter: TypeAdapter[dict[str, Any]] = TypeAdapter(shape)
        self._serializer = SchemaSerializer(self._adapter.core_schema, _WRITTEN)

    def encode(self, archetype: Any) -> str:
        """The fields as a JSON object. Raises RecordError, naming the field, where a value cannot be stored."""
        values = vars(archetype)
        extras = archetype.__jac__.extras
        if not values and not extras:
            return "{}"
        chosen = {name: values[name] for name in self.names if name in values}
        try:
            data = self._serializer.to_json(chosen | extras, warnings=False, fallback=_tagged)
        except (PydanticSerializationError, UnicodeEncodeError) as error:
            raise RecordError(reference_of(archetype), *self._culprit(chosen, error)) from None
        return data.decode()

    def validate(self, archetype: Any, data: str) -> None:
        """Raise RecordError, naming the field, where `data` could not be read back."""
        if data != "{}":
            self._read(reference_of(archetype), data, _AS_IT_IS)

    def decode(self, archetype: Any, data: str, resolve: Resolve) -> None:
        """Fill a bare instance from its record. Raises RecordError, naming the record and the field."""
        values = self._read(reference_of(archetype), data, resolve) if data != "{}" else {}
        own = vars(archetype)
        for field in self._fields:
            if field.name in values:
                own[field.name] = values.pop(field.name)
            elif field.default is not dataclasses.MISSING:
                own[field.name] = field.default
            elif field.default_factory is not dataclasses.MISSING:
                own[field.name] = field.default_factory()
            elif field.init:
                message = "missing in the record, and the class gives no default"
                raise RecordError(reference_of(archetype), field.name, message)
        archetype.__jac__.extras = values

    def rewritten(self, archetype: Any) -> str:
        """The stored record as the class of today would write it: defaults filled in, extras kept."""
        twin = bare(type(archetype))
        twin.__jac__.id, twin.__jac__.kind = archetype.__jac__.id, archetype.__jac__.kind
        self.decode(twin, archetype.__jac__.stored, _AS_IT_IS)
        return self.encode(twin)

    def _read(self, reference: str, data: str, resolve: Resolve) -> dict[str, Any]:
        try:
            return self._adapter.validate_json(data, context=resolve)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            raise RecordError(
                reference, str(first["loc"][0]), f"{first['msg']} (stored: {first['input']!r:.80})"
            ) from None

    def _culprit(self, values: dict[str, Any], error: Exception) -> tuple[str | None, str]:
        for name, value in values.items():
            try:
                self._serializer.to_json({name: value}, warnings=False, fallback=_tagged)
            except (PydanticSerializationError, UnicodeEncodeError) as found:
                return name, f"cannot be stored: {found}"
        return None, f"cannot be stored: {error}"


_codecs: dict[type, Codec] = {}
_models: dict[type, type[BaseModel]] = {}


def bare(cls: type) -> Any:
    """An instance whose fields are still to be filled; `__init__` is not run."""
    maker: Any = cls.__new__
    return maker(cls)


def codec_of(cls: type) -> Codec:
    """The codec of a class, made once."""
    codec = _codecs.get(cls)
    if codec is None:
        codec = _codecs[cls] = Codec(cls)
    return codec


def model_of(walker: type) -> type[BaseModel]:
    """The model of what a request gives a walker, made once: a field for each of its own that may be given.

    A field of the model has the walker's name for it as its alias; `values_of` gives back the walker's names.
    """
    if walker not in _models:
        _models[walker] = _modelled(walker)
    return _models[walker]


def _modelled(walker: type) -> type[BaseModel]:
    hints = annotations_of(walker)
    fields: dict[str, Any] = {}
    for field in dataclasses.fields(walker):
        if not field.init:
            continue
        annotation = _optional_if_none(field, _requested(hints[field.name]))
        # An alias, so that a field may bear a name that pydantic keeps for itself (`copy`, `json`, `_x`).
        fields[_attribute(field.name)] = (annotation, Field(alias=field.name, **_default_of(field)))
    config = ConfigDict(arbitrary_types_allowed=True, val_json_bytes="base64", populate_by_name=False)
    model: type[BaseModel] = create_model(walker.__name__, __config__=config, **fields)
    return model


def values_of(model: BaseModel) -> dict[str, Any]:
    """What was given, by the walker's own names."""
    fields = type(model).model_fields
    return {field.alias or name: getattr(model, name) for name, field in fields.items()}


def annotations_of(cls: type) -> dict[str, Any]:
    """The annotation of each dataclass field, read in the module of the class that has it; `Any` where it cannot be read."""
    found: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        names = ChainMap(vars(_module_of(base)), known_classes())
        for name, annotation in vars(base).get("__annotations__", {}).items():
            found[name] = _evaluated(annotation, names)
    return {field.name: found.get(field.name, Any) for field in dataclasses.fields(cls)}


def _module_of(cls: type) -> Any:
    return sys.modules.get(cls.__module__, types.SimpleNamespace())


def _evaluated(annotation: Any, names: typing.Mapping[str, Any]) -> Any:
    if not isinstance(annotation, str):
        return annotation
    try:
        return eval(annotation, {}, names)  # noqa: S307 - the program's own code
    except Exception:  # whatever an annotation may do when it is run, the field then holds any value
        return Any


def _is_walkwires(field: dataclasses.Field[Any]) -> bool:
    return field.name == "__jac__"


def _default_of(field: dataclasses.Field[Any]) -> dict[str, Any]:
    if field.default is not dataclasses.MISSING:
        return {"default": field.default}
    if field.default_factory is not dataclasses.MISSING:
        return {"default_factory": field.default_factory}
    return {}


def _attribute(name: str) -> str:
    return f"field_{name}"


def _optional_if_none(field: dataclasses.Field[Any], annotation: Any) -> Any:
    return annotation | None if field.default is None and annotation is not Any else annotation


# An annotation as the store reads it, and as a request does: the same, but for the classes that walkwire knows better.


@functools.cache
def _is_known_to_pydantic(annotation: Any) -> bool:
    try:
        TypeAdapter(annotation)
    except (PydanticUserError, TypeError, NameError, AttributeError, ValueError):
        return False
    return True


def _stored(annotation: Any) -> Any:
    return _rewritten(annotation, _stored_class)


def _requested(annotation: Any) -> Any:
    return _rewritten(annotation, _requested_class)


def _rewritten(annotation: Any, leaf: Callable[[Any], Any]) -> Any:
    arguments = typing.get_args(annotation)
    if not arguments or typing.get_origin(annotation) is typing.Literal:
        result = leaf(annotation)
    elif typing.get_origin(annotation) in (typing.Union, types.UnionType):
        result = typing.Union[tuple(_rewritten(one, leaf) for one in arguments)]  # noqa: UP007 - built, not written
    elif typing.get_origin(annotation) is typing.Annotated:
        result = typing.Annotated[_rewritten(arguments[0], leaf), *arguments[1:]]
    else:
        inner = tuple(one if isinstance(one, list) else _rewritten(one, leaf) for one in arguments)
        origin: Any = typing.get_origin(annotation)
        result = origin[inner]
    return result if _is_request_only(result) or _is_known_to_pydantic(result) else leaf(Any)


def _is_request_only(annotation: Any) -> bool:
    """A class of a web framework (an upload): its own validator is called when a request brings one."""
    return isinstance(annotation, type) and hasattr(annotation, "__get_pydantic_core_schema__")


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
        by_name = PlainValidator(_member(cls, by_name_first=True))
        result = typing.Annotated[Any, by_name, PlainSerializer(_name)]
    return result


def _requested_class(cls: Any) -> Any:
    if not isinstance(cls, type):
        return cls
    if issubclass(cls, Obj):
        return _request_object(cls)
    if issubclass(cls, Archetype):
        return typing.Annotated[str, WithJsonSchema({"type": "string", "description": "a reference"})]
    if issubclass(cls, Enum):
        return typing.Annotated[cls, BeforeValidator(_member(cls, by_name_first=False))]
    return cls


def _request_object(cls: type) -> Any:
    model = model_of(cls)

    def build(value: Any) -> Any:
        return cls(**values_of(model.model_validate(value)))

    return typing.Annotated[Any, PlainValidator(build, json_schema_input_type=model)]


def _member(cls: type[Enum], *, by_name_first: bool) -> Callable[[Any], Any]:
    names = cls.__members__

    def read(value: Any) -> Any:
        if isinstance(value, cls) or (isinstance(value, str) and value in names and by_name_first):
            return names[value] if isinstance(value, str) and not isinstance(value, cls) else value
        try:
            return cls(value)
        except ValueError:
            if isinstance(value, str) and value in names:
                return names[value]
            raise ValueError(f"Input should be one of {', '.join(names)}") from None

    return read


def _name(value: Any) -> Any:
    return value.name if isinstance(value, Enum) else value


def _tagged(value: Any) -> Any:
    """A node inside a field is stored as its reference, an obj as its class and fields."""
    if isinstance(value, dict | None):
        return value
    if isinstance(value, Obj):
        return {_OBJ: type(value).__name__, **json.loads(codec_of(type(value)).encode(value))}
    if isinstance(value, Archetype):
        return {_NODE: reference_of(value)}
    raise TypeError(f"a value of the type {type(value).__name__}")


def _tagged_tree(value: Any) -> Any:
    """As `_tagged`, for what is inside a field whose annotation does not say what it holds."""
    if isinstance(value, dict):
        return {key: _tagged_tree(one) for key, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_tagged_tree(one) for one in value]
    return _tagged(value) if isinstance(value, Archetype) else value


def _base64(value: Any) -> Any:
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


# Where only the record's text matters, a node inside a field stays the reference that it is.
_AS_IT_IS = Resolve(lambda reference: {_NODE: reference}, lambda name: known_classes().get(name))


def _restorer(cls: type) -> Callable[[Any, ValidationInfo], Any]:
    """Reads a field that holds an archetype: an obj of this class or of one derived from it, a node by its reference."""

    def read(value: Any, info: ValidationInfo) -> Any:
        if not isinstance(value, dict) or not (_NODE in value or _OBJ in value):
            raise ValueError(f"Input should be a stored {cls.__name__}")
        return _restored(value, info, cls)

    return read


def _restored(value: Any, info: ValidationInfo, cls: type | None = None) -> Any:
    if isinstance(value, list):
        return [_restored(one, info) for one in value]
    if not isinstance(value, dict):
        return value
    if _NODE in value:
        return typing.cast(Resolve, info.context).node(value[_NODE])
    if _OBJ in value:
        return _restored_obj(value, info, cls)
    return {key: _restored(one, info) for key, one in value.items()}


def _restored_obj(value: dict[str, Any], info: ValidationInfo, declared: type | None) -> Any:
    name, resolve = value[_OBJ], typing.cast(Resolve, info.context)
    cls = _named(declared, name) if declared is not None else resolve.obj(name)
    if cls is None:
        raise ValueError(f"The program has no class {name}")
    restored = bare(cls)
    fields = {key: one for key, one in value.items() if key != _OBJ}
    codec_of(cls).decode(restored, to_json(fields, inf_nan_mode="constants").decode(), resolve)
    return restored


def _named(cls: type, name: str) -> type | None:
    """`cls` or a class derived from it, by name."""
    if cls.__name__ == name:
        return cls
    derived: list[type] = type.__subclasses__(cls)
    return next((found for one in derived if (found := _named(one, name)) is not None), None)
