"""TypeScript: the types of a program for `clients/js`, and a typed `connect`. The same program gives the same text.

`Any` in this file: JSON Schema.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from walkwire.types.names import TypeNames, lines_of, pascal
from walkwire.types.shapes import DEFINITIONS, ProgramShapes, WalkerShape
from walkwire.walk.walker.printed import Schema

_WORDS = """
Walkers RestWalkers Notifications Notification Client ClientOptions connect connectTo told
any unknown never void null undefined string number boolean bigint symbol object true false
abstract as async await break case catch class const continue debugger declare default delete do else enum export
extends finally for from function get if implements import in infer instanceof interface is keyof let module
namespace new of package private protected public readonly require return satisfies set static super switch this
throw try type typeof unique using var while with yield arguments eval Object Blob
"""
_TAKEN = frozenset(_WORDS.split())
_PLAIN = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")
_SCALARS = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}
_ANY = "unknown"


def typescript_of(shapes: ProgramShapes, title: str, client: str = "walkwire") -> str:
    """Return a module with the types of a program.

    - title: names the program in the first line
    - client: where the module imports the client from
    """
    return _Module(shapes).text(title, client)


class _Module:
    def __init__(self, shapes: ProgramShapes) -> None:
        self._shapes = shapes
        self._names = TypeNames(_TAKEN)
        self._types = TypeText(self._names.of)
        for name in shapes.definitions:
            self._names.of(name)

    def text(self, title: str, client: str) -> str:
        shapes = self._shapes
        on_socket = [one for one in shapes.walkers if one.is_on_socket]
        others = [one for one in shapes.walkers if not one.is_on_socket and one.specs.http_methods]
        has_told = bool(shapes.told)
        parts = [
            f"// The types of {' '.join(lines_of(title))}, made by `walkwire types`. Changes are lost: make the file anew.\n",
            f"import {{ type Client, type ClientOptions, connect as connectTo }} from {_text(client)};\n",
        ]
        parts += [
            self._interface(self._names.of(name), schema) for name, schema in shapes.definitions.items()
        ]
        given = {one.name: self._walker(one, parts) for one in (*on_socket, *others)}
        doc = 'The walkers that clients call by the socket: `client.walk("NAME", fields)`.'
        parts.append(_table("Walkers", doc, [(one, given[one.name]) for one in on_socket]))
        if others:
            doc = "The walkers that are called over REST only."
            parts.append(_table("RestWalkers", doc, [(one, given[one.name]) for one in others]))
        if has_told:
            parts.append(self._notifications())
        types = "Walkers, Notification" if has_told else "Walkers"
        parts.append(
            "/** Connect to the program's server, as `connect` of the client does. */\n"
            f"export function connect(options: ClientOptions): Client<{types}> {{\n"
            f"  return connectTo<{types}>(options);\n}}\n"
        )
        return "\n".join(parts)

    def _interface(self, name: str, schema: Schema) -> str:
        head = _comment(schema.get("description", ""), "")
        if "properties" in schema:
            return f"{head}export interface {name} {self._types.object(schema)}\n"
        return f"{head}export type {name} = {self._types.of(schema)};\n"

    def _walker(self, walker: WalkerShape, parts: list[str]) -> str:
        fields, report = (self._names.new(pascal(walker.name, word)) for word in ("fields", "report"))
        parts.append(f"export interface {fields} {self._types.object(walker.fields)}\n")
        parts.append(f"export type {report} = {self._types.of(walker.report)};\n")
        return f"{{ fields: {fields}; report: {report} }}"

    def _notifications(self) -> str:
        told = "".join(
            f"  {_key(name)}: {self._types.of(schema, '  ')};\n" for name, schema in self._shapes.told.items()
        )
        return _TOLD.replace("TOLD", told)


class TypeText:
    """Types of TypeScript for JSON Schema.

    - name_of: the name of the type for a definition
    - prefix: of references to definitions
    - is_exact: whether fields that may be left out may be undefined as well, for compilers that tell the two apart
    """

    def __init__(
        self, name_of: Callable[[str], str], prefix: str = DEFINITIONS, *, is_exact: bool = True
    ) -> None:
        self._name_of = name_of
        self._or_undefined = " | undefined" if is_exact else ""
        self._prefix = prefix

    def of(self, schema: Any, indent: str = "") -> str:  # noqa: PLR0911 - one for each kind of schema
        """Return the type. `indent`: of the line that it begins in."""
        if not isinstance(schema, dict):
            return _ANY
        if "$ref" in schema:
            return self._name_of(schema["$ref"].removeprefix(self._prefix))
        for key in ("enum", "const"):
            if key in schema:
                values = schema[key] if key == "enum" else [schema[key]]
                return " | ".join(map(_text, values)) or "never"
        for key in ("anyOf", "oneOf"):
            if key in schema:
                return self._union(schema[key], indent)
        if "allOf" in schema:
            return " & ".join(_closed(self.of(one, indent)) for one in schema["allOf"])
        kind = schema.get("type")
        if isinstance(kind, list):
            return self._union([{**schema, "type": one} for one in kind], indent)
        if kind == "string" and (schema.get("format") == "binary" or "contentMediaType" in schema):
            return "Blob"
        if kind == "array":
            return self._array(schema, indent)
        if kind == "object":
            return self._mapping(schema, indent)
        return _SCALARS.get(str(kind), _ANY)

    def _union(self, schemas: list[Any], indent: str) -> str:
        kinds = list(dict.fromkeys(self.of(one, indent) for one in schemas))
        return _ANY if _ANY in kinds else " | ".join(kinds)

    def _array(self, schema: Schema, indent: str) -> str:
        items = schema.get("prefixItems", schema.get("items", {}))
        if isinstance(items, list):
            return f"[{', '.join(self.of(one, indent) for one in items)}]"
        return f"{_closed(self.of(items, indent))}[]"

    def _mapping(self, schema: Schema, indent: str) -> str:
        if "properties" in schema:
            return self.object(schema, indent)
        return f"{{ [key: string]: {self.of(schema.get('additionalProperties', {}), indent)} }}"

    def object(self, schema: Schema, indent: str = "") -> str:
        """Return the type of an object with these properties, one a line."""
        required, inner = schema.get("required", ()), indent + "  "
        lines = []
        for name, one in schema["properties"].items():
            kind = self.of(one, inner)
            comment = "" if "$ref" in one else _comment(one.get("description", ""), inner)
            end = (
                f": {kind};"
                if name in required
                else f"?: {kind if kind == _ANY else kind + self._or_undefined};"
            )
            lines.append(f"{comment}{inner}{_key(name)}{end}\n")
        return f"{{\n{''.join(lines)}{indent}}}" if lines else "{}"


_TOLD = """\
/** What the program's walkers notify, by the type of the notification. */
export interface Notifications {
TOLD}

/** A notification of the program: `if (data.type === "…") data.data`. */
export type Notification = { [Type in keyof Notifications]: { type: Type; data: Notifications[Type] } }[keyof Notifications];

/**
 * Make a handler that calls the one for the type of a notification: `client.on("user", told({ … }))`. Others are passed over.
 *
 * @param handlers - by type: get the data, and the notification's position in its stream
 */
export function told(handlers: {
  [Type in keyof Notifications]?: (data: Notifications[Type], at: string) => void;
}): (message: { data: Notification; at: string }) => void {
  return ({ data, at }) => {
    const type: unknown = (data as { type?: unknown } | null)?.type;
    if (typeof type === "string" && Object.hasOwn(handlers, type)) {
      (handlers as { [type: string]: (data: unknown, at: string) => void })[type]?.(data.data, at);
    }
  };
}
"""


def _table(name: str, doc: str, walkers: list[tuple[WalkerShape, str]]) -> str:
    lines = [f"{_comment(one.description, '  ')}  {_key(one.name)}: {kind};\n" for one, kind in walkers]
    return f"/** {doc} */\nexport interface {name} {{\n{''.join(lines)}}}\n"


def _comment(text: str, indent: str) -> str:
    if not text:
        return ""
    lines = [line.replace("*/", "*\\/") for line in lines_of(text)]
    if len(lines) == 1:
        return f"{indent}/** {lines[0]} */\n"
    return (
        f"{indent}/**\n" + "".join(f"{indent} * {line}".rstrip() + "\n" for line in lines) + f"{indent} */\n"
    )


def _key(name: str) -> str:
    return name if _PLAIN.fullmatch(name) else _text(name)


def _text(value: object) -> str:
    return json.dumps(value)


def _closed(kind: str) -> str:
    return f"({kind})" if " | " in kind or " & " in kind else kind
