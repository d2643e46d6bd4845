"""Shapes: what walkers take and report, what nodes and edges look like, and what is notified, as JSON Schema.

`Any` in this file: JSON Schema.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from pydantic.json_schema import GenerateJsonSchema

from walkwire.walk.archetypes.root import Root
from walkwire.walk.registry import Registry
from walkwire.walk.walker.fields import model_of
from walkwire.walk.walker.printed import Printer, Schema, any_of, declared, described
from walkwire.walk.walker.specs import Specs, specs_of

DEFINITIONS = "#/$defs/"

_PYDANTICS = "#/$defs/"
_FILE = "application/octet-stream"


class WalkerShape(NamedTuple):
    """A walker that can be called.

    - fields: the schema of an object: what a call gives
    - report: the schema of each report; {}: any value
    - is_on_socket: whether clients call it by events
    - has_files: whether it takes files, which only REST can bring
    - is_background: whether it is answered before it runs
    """

    name: str
    description: str
    fields: Schema
    report: Schema
    specs: Specs
    is_on_socket: bool
    has_files: bool
    is_background: bool


class ProgramShapes(NamedTuple):
    """A program's classes, each list sorted by name.

    - archetypes: the names of the definitions of nodes and edges
    - told: the schema of what each notification carries, by its type
    - definitions: the schemas that others refer to, by name
    """

    walkers: list[WalkerShape]
    archetypes: list[str]
    told: dict[str, Schema]
    definitions: dict[str, Schema]


def shapes_of(registry: Registry, prefix: str = DEFINITIONS) -> ProgramShapes:
    """Return the shapes of a program. Raises StartError for wrong specs.

    - prefix: of references to definitions
    """
    printer = Printer(prefix)
    classes = [*registry.classes("node"), *registry.classes("edge")]
    archetypes = [printer.archetype(cls) for cls in sorted(classes, key=_name) if cls is not Root]
    inputs = _Inputs(printer)
    walkers: list[WalkerShape] = []
    told: dict[str, Schema] = {}
    for walker in sorted(registry.walkers.values(), key=_name):
        specs = specs_of(walker)
        found = declared(walker, specs)
        for name, annotation in found.tells.items():
            schema = printer.notified(annotation, walker)
            told[name] = any_of([told[name], schema]) if name in told else schema
        if specs.private or not specs.methods:
            continue
        fields = inputs.fields_of(walker, specs)
        has_files = any(map(_takes_file, fields["properties"].values()))
        report = printer.reported(found.reports, walker) if found.has_reports else {}
        is_on_socket = "websocket" in specs.methods and not has_files
        description = described(walker)
        is_background = bool(getattr(walker, "__jac_async__", False))
        walkers.append(
            WalkerShape(
                walker.__name__, description, fields, report, specs, is_on_socket, has_files, is_background
            )
        )
    names = sorted(one["$ref"].removeprefix(prefix) for one in archetypes)
    return ProgramShapes(
        walkers, names, dict(sorted(told.items())), dict(sorted(printer.definitions.items()))
    )


class _Inputs:
    """Makes the schemas of what calls give. They share the names of a printer's definitions."""

    def __init__(self, printer: Printer) -> None:
        self._printer = printer
        self._names: dict[str, str] = {}  # by the JSON of a definition

    def fields_of(self, walker: type, specs: Specs) -> Schema:
        """Return the schema of the fields that a call may give."""
        schema = model_of(walker).model_json_schema(
            ref_template=_PYDANTICS + "{model}", schema_generator=_Lenient
        )
        definitions: dict[str, Schema] = schema.get("$defs", {})
        given = {name: one for name, one in schema.get("properties", {}).items() if not specs.excludes(name)}
        properties = {name: self._plain(one, definitions) for name, one in given.items()}
        required = [name for name in schema.get("required", ()) if name in properties]
        made: Schema = {"type": "object", "properties": properties}
        return made | {"required": required} if required else made

    def _plain(self, schema: Any, definitions: dict[str, Schema]) -> Any:
        """Return the schema without pydantic's titles and defaults, with its definitions among those of the printer."""
        if isinstance(schema, list):
            return [self._plain(one, definitions) for one in schema]
        if not isinstance(schema, dict):
            return schema
        if "$ref" in schema:
            return self._defined(schema["$ref"].removeprefix(_PYDANTICS), definitions)
        made = {}
        for key, value in schema.items():
            if key == "properties":
                made[key] = {name: self._plain(one, definitions) for name, one in value.items()}
            elif key in ("enum", "const"):
                made[key] = value
            elif key not in ("title", "default", "discriminator"):
                made[key] = self._plain(value, definitions)
        return made

    def _defined(self, name: str, definitions: dict[str, Schema]) -> Schema:
        definition = definitions[name]
        if "enum" in definition:
            return {"enum": definition["enum"]}
        text = repr(definition)
        if text not in self._names:
            own = self._names[text] = self._printer.free_name(f"{definition.get('title', name)}Input")
            self._printer.definitions[own] = {}  # it may refer to itself
            self._printer.definitions[own] = self._plain(definition, definitions)
        return {"$ref": self._printer.prefix + self._names[text]}


class _Lenient(GenerateJsonSchema):
    """Any value, where pydantic knows no schema."""

    def handle_invalid_for_json_schema(self, schema: Any, error_info: str) -> Schema:
        return {}


def _takes_file(schema: Any) -> bool:
    if isinstance(schema, list):
        return any(map(_takes_file, schema))
    if not isinstance(schema, dict):
        return False
    return (
        schema.get("contentMediaType") == _FILE
        or schema.get("format") == "binary"
        or any(map(_takes_file, schema.values()))
    )


def _name(cls: type) -> str:
    return cls.__name__
