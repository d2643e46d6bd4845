"""Python: the types of a program for `walkwire.client`, and its walkers as methods. The same program gives the same text.

`Any` in this file: JSON Schema.
"""

from __future__ import annotations

import keyword
import unicodedata
from typing import Any

from walkwire.types.names import TypeNames, lines_of, pascal
from walkwire.types.shapes import DEFINITIONS, ProgramShapes, WalkerShape
from walkwire.walk.walker.printed import Schema

_WORDS = """
Any Callable Client Literal NotRequired StreamMessage SyncClient TypeAlias TypedDict WalkReply annotations cast
Walkers SyncWalkers Notification Notifications notification told Handlers str int float bool list dict object
"""
_TAKEN = frozenset([*_WORDS.split(), *keyword.kwlist])
_OPTIONS = """\
        *,
        node: str | None = None,
        key: str | Literal[False] | None = None,
        resend: bool | None = None,
"""
_SCALARS = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}

_HEAD = '''\
"""The types of TITLE, made by `walkwire types`. Changes are lost: make the file anew."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NotRequired, TypeAlias, TypedDict, cast

from walkwire.client import Client, StreamMessage, WalkReply
from walkwire.client.sync import SyncClient
'''
_TOLD = '''\
def notification(message: StreamMessage) -> Notification:
    """Return what a message carries, with its type: `data = notification(message)`, then `data["type"] == "…"`."""
    return cast("Notification", message.data)


def told(handlers: Handlers) -> Callable[[StreamMessage], None]:
    """Return a handler of messages that calls the one for the type of a notification. Others are passed over."""
    by_type = cast("dict[str, Callable[[Any], object]]", handlers)

    def hear(message: StreamMessage) -> None:
        data = message.data
        kind = data.get("type") if isinstance(data, dict) else None
        if isinstance(kind, str) and kind in by_type:
            by_type[kind](data.get("data"))

    return hear
'''


def python_of(shapes: ProgramShapes, title: str) -> str:
    """Return a module with the types of a program. `title` names the program in its first line."""
    return _Module(shapes).text(title)


class _Module:
    def __init__(self, shapes: ProgramShapes) -> None:
        self._shapes = shapes
        self._names = TypeNames(_TAKEN)
        self._parts: list[str] = []
        for name in shapes.definitions:
            self._names.of(name)

    def text(self, title: str) -> str:
        shapes = self._shapes
        self._parts.append(_HEAD.replace("TITLE", _escaped(" ".join(lines_of(title)))))
        for name, schema in shapes.definitions.items():
            self._define(self._names.of(name), schema)
        walkers = [self._walker(one) for one in shapes.walkers if one.is_on_socket]
        self._parts.append(_class("Walkers", "Client", "async ", "await ", walkers))
        self._parts.append(_class("SyncWalkers", "SyncClient", "", "", walkers))
        if shapes.told:
            self._notifications()
        return "\n\n".join(self._parts)

    def _walker(self, walker: WalkerShape) -> tuple[WalkerShape, str, str]:
        fields, report = (self._names.new(pascal(walker.name, word)) for word in ("fields", "report"))
        if walker.fields["properties"]:
            self._define(fields, walker.fields)
        if walker.report:
            self._define(report, walker.report)
        return walker, fields, report if walker.report else "Any"

    def _notifications(self) -> None:
        kinds, handlers = [], {}
        for name, schema in self._shapes.told.items():
            kind = self._names.new(pascal(name, "notification"))
            data = self._type(schema, pascal(name, "data"))
            fields = {"type": f"Literal[{_text(name)}]", "data": data}
            self._parts.append(self._dictionary(kind, fields, ("type", "data"), ""))
            kinds.append(kind)
            handlers[name] = f"Callable[[{data}], object]"
        self._parts.append(f'Notification: TypeAlias = "{" | ".join(kinds)}"\n')
        doc = "Handlers by the type of a notification: they get what it carries."
        self._parts.append(self._dictionary("Handlers", handlers, (), doc))
        self._parts.append(_TOLD)

    def _define(self, name: str, schema: Schema) -> None:
        if "properties" not in schema:
            self._parts.append(f"{name}: TypeAlias = {_text(self._type(schema, name))}\n")
            return
        fields = {key: self._type(one, pascal(name, key)) for key, one in schema["properties"].items()}
        self._parts.append(
            self._dictionary(name, fields, schema.get("required", ()), schema.get("description", ""))
        )

    def _type(self, schema: Any, name: str) -> str:  # noqa: PLR0911 - one for each kind of schema
        """Return the type. `name`: of a class that has to be made for it."""
        if not isinstance(schema, dict):
            return "Any"
        if "$ref" in schema:
            return self._names.of(schema["$ref"].removeprefix(DEFINITIONS))
        for key in ("enum", "const"):
            if key in schema:
                return _literal(schema[key] if key == "enum" else [schema[key]])
        for key in ("anyOf", "oneOf"):
            if key in schema:
                return self._union(schema[key], name)
        kind = schema.get("type")
        if isinstance(kind, list):
            return self._union([{**schema, "type": one} for one in kind], name)
        if kind == "array":
            if "prefixItems" in schema:  # JSON knows no tuples
                items = self._union(schema["prefixItems"], name) if schema["prefixItems"] else "Any"
                return f"list[{items}]"
            return f"list[{self._type(schema.get('items', {}), pascal(name, 'item'))}]"
        if kind == "object":
            if "properties" in schema:
                made = self._names.new(name)
                self._define(made, schema)
                return made
            return f"dict[str, {self._type(schema.get('additionalProperties', {}), pascal(name, 'value'))}]"
        return _SCALARS.get(str(kind), "Any")

    def _union(self, schemas: list[Any], name: str) -> str:
        kinds = list(dict.fromkeys(self._type(one, name) for one in schemas))
        return "Any" if "Any" in kinds else " | ".join(kinds)

    def _dictionary(self, name: str, fields: dict[str, str], required: Any, description: str) -> str:
        typed = {key: kind if key in required else f"NotRequired[{kind}]" for key, kind in fields.items()}
        if not all(_is_attribute(key) and not self._names.is_taken(key) for key in fields):
            body = "".join(f"        {_text(key)}: {_text(kind)},\n" for key, kind in typed.items())
            return f'{name} = TypedDict(\n    "{name}",\n    {{\n{body}    }},\n)\n'
        lines = [f"    {key}: {kind}\n" for key, kind in typed.items()] or ["    pass\n"]
        return f"class {name}(TypedDict):\n{_docstring(description, '    ', end=True)}{''.join(lines)}"


def _class(
    name: str, client: str, prefix: str, wait: str, walkers: list[tuple[WalkerShape, str, str]]
) -> str:
    names = TypeNames(_TAKEN.union(*(one[1:] for one in walkers)))
    parts = [
        f'class {name}:\n    """The walkers of the program, as methods of a client: `{name}(client).NAME(…)`."""\n\n'
        f"    def __init__(self, client: {client}) -> None:\n        self._walkwire_client = client\n"
    ]
    for walker, fields, report in walkers:
        given, value = "", "None"
        if walker.fields["properties"]:
            is_optional = not walker.fields.get("required")
            given = (
                f"        fields: {fields} | None = None,\n"
                if is_optional
                else f"        fields: {fields},\n"
            )
            value = "fields"
        method = names.new(walker.name if not walker.name.startswith("_") else f"walker{walker.name}")
        call = f"{wait}self._walkwire_client.walk({_text(walker.name)}, {value}, node=node, key=key, resend=resend)"
        returned = (
            call
            if report == "Any"
            else f'cast(\n            "WalkReply[{report}]",\n            {call},\n        )'
        )
        parts.append(
            f"    {prefix}def {method}(\n        self,\n{given}{_OPTIONS}    ) -> WalkReply[{report}]:\n"
            f"{_docstring(walker.description, '        ')}        return {returned}\n"
        )
    return "\n".join(parts)


def _docstring(text: str, indent: str, *, end: bool = False) -> str:
    """Return a docstring, "" for no text. `end`: with an empty line behind it."""
    if not text:
        return ""
    first, *others = [_escaped(line) for line in lines_of(text)]
    rest = "".join(f"{indent}{line}".rstrip() + "\n" for line in others)
    closed = f'\n{rest}{indent}"""\n' if others else '"""\n'
    return f'{indent}"""{first}{closed}' + ("\n" if end else "")


def _escaped(line: str) -> str:
    return (
        line.replace("\\", "\\\\").replace('"', '\\"')
        if '"""' in line or "\\" in line or line.endswith('"')
        else line
    )


def _literal(values: list[Any]) -> str:
    """Return a literal type. Python has none of fractions."""
    if any(isinstance(one, float) for one in values):
        return "float"
    return (
        f"Literal[{', '.join(_text(one) if isinstance(one, str) else repr(one) for one in values)}]"
        if values
        else "Any"
    )


def _text(text: str) -> str:
    """Return the literal of a text, in ASCII."""
    literal = ascii(text)
    return literal if '"' in text else f'"{literal[1:-1]}"'


def _is_attribute(name: str) -> bool:
    """Return whether a class may have it as an annotated name, and it stays what it is."""
    is_plain = name.isidentifier() and unicodedata.normalize("NFKC", name) == name
    return is_plain and not keyword.iskeyword(name) and not name.startswith("__")
