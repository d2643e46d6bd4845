"""AsyncAPI: the description of the WebSocket: events of clients, answers of walkers, frames and notifications (version 3.0).

The events come from the structs that decode them. `Any` in this file: JSON Schema, and the document.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable
from typing import Any

import msgspec

from walkwire.server.http.pages.frames import FRAMES, FRAMES_2, OWN, SCHEMAS, frame_schemas
from walkwire.types.shapes import ProgramShapes, WalkerShape, shapes_of
from walkwire.walk.registry import Registry
from walkwire.walk.walker.printed import Schema
from walkwire.wire.message.event import EVENTS, BaseEvent, WalkerEvent
from walkwire.wire.message.lenient import raw_fields
from walkwire.wire.sessions.events import EVENTS_2

_CHANNELS = {
    "v1": ("Version 1", "walkwire.v1, or no subprotocol", EVENTS, FRAMES),
    "v2": ("Version 2", "walkwire.v2", EVENTS_2, FRAMES_2),
}
_ODD = re.compile(r"[^A-Za-z0-9_-]")
_ID: Schema = {"anyOf": [{"type": "integer"}, {"type": "string", "maxLength": 64}, {"type": "null"}]}


def describe_socket(registry: Registry, title: str, *, has_streams: bool = True) -> bytes:
    """Return the AsyncAPI document of a program's WebSocket, JSON. Raises StartError for wrong specs.

    - has_streams: whether the server speaks version 2
    """
    versions = ("v1", "v2") if has_streams else ("v1",)
    return msgspec.json.encode(_Document(shapes_of(registry, SCHEMAS), title, versions).made())


class _Document:
    def __init__(self, shapes: ProgramShapes, title: str, versions: tuple[str, ...]) -> None:
        self._title = title
        self._versions = versions
        self._walkers = [one for one in shapes.walkers if one.is_on_socket]
        self._told = shapes.told
        self._messages: dict[str, dict[str, Any]] = {}
        self._operations: dict[str, dict[str, Any]] = {}
        self._schemas: dict[str, Schema] = frame_schemas() | shapes.definitions

    def made(self) -> dict[str, Any]:
        channels = {key: self._channel(key) for key in self._versions}
        return {
            "asyncapi": "3.0.0",
            "info": {
                "title": self._title,
                "version": "1",
                "description": "The WebSocket of the server: one connection for walkers, users, channels and clients.",
            },
            "defaultContentType": "application/json",
            "channels": channels,
            "operations": self._operations,
            "components": {"schemas": _draft_7(self._schemas), "messages": self._messages},
        }

    def _channel(self, key: str) -> dict[str, Any]:
        title, subprotocol, events, frames = _CHANNELS[key]
        said = [
            self._event(key, kind, struct)
            for kind, struct in events.kinds.items()
            if struct is not WalkerEvent
        ]
        heard = [self._message(f"{key}.{name}", name, *given) for name, given in frames.items()]
        told = [self._notification(name, schema) for name, schema in self._told.items()]
        called = [self._call(one) for one in self._walkers]
        self._add(key, "say", "receive", f"{title}: events of clients", said)
        self._add(key, "hear", "send", f"{title}: frames of the server", heard)
        self._add(key, "tell", "send", f"{title}: notifications of the program", told)
        answers = []
        for walker, call in zip(self._walkers, called, strict=True):
            reply = [self._answer(walker), f"{key}.refusal"]
            answers.append(reply[0])
            self._add(key, f"walk.{_key(walker.name)}", "receive", f"{title}: {walker.name}", [call], reply)
        names = list(dict.fromkeys((*said, *called, *answers, *heard, *told)))
        return {
            "address": "/websocket",
            "title": title,
            "description": f"Subprotocol: {subprotocol}.",
            "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names},
            "bindings": {"ws": {"method": "GET"}},
        }

    def _add(
        self,
        channel: str,
        name: str,
        action: str,
        summary: str,
        messages: list[str],
        reply: list[str] | None = None,
    ) -> None:
        if not messages:
            return
        at = {"$ref": f"#/channels/{channel}"}
        made: dict[str, Any] = {
            "action": action,
            "channel": at,
            "summary": summary,
            "messages": _refer(channel, messages),
        }
        if reply is not None:
            made["reply"] = {"channel": at, "messages": _refer(channel, reply)}
        self._operations[f"{channel}.{name}"] = made

    def _event(self, channel: str, kind: str, struct: type[BaseEvent]) -> str:
        return self._message(
            f"{channel}.event.{kind}", kind, inspect.getdoc(struct) or "", self._schema_of(struct)
        )

    def _schema_of(self, struct: type[BaseEvent]) -> Schema:
        """Return a reference to the schema of an event."""
        for name, definition in _definitions_of(struct).items():
            self._schemas[OWN + name] = definition
        return {"$ref": f"{SCHEMAS}{OWN}{struct.__name__}"}

    def _call(self, walker: WalkerShape) -> str:
        fields: dict[str, Schema] = _definitions_of(WalkerEvent)["WalkerEvent"]["properties"]
        required = ["type", "walker"]
        if walker.fields.get("required"):
            required.append("context")
        entry = walker.specs.entry_type
        if entry == "NODE":
            required.append("node")
        fields = {name: one for name, one in fields.items() if entry != "ROOT" or name != "node"}
        fields |= {"walker": {"const": walker.name}, "context": walker.fields}
        payload = {"type": "object", "properties": fields, "required": required}
        return self._message(f"walker.{_key(walker.name)}", walker.name, walker.description, payload)

    def _answer(self, walker: WalkerShape) -> str:
        reports = {"type": "array", "items": walker.report} if walker.report else {"type": "array"}
        body: Schema = {
            "type": "object",
            "properties": {"status": {"type": "integer"}, "reports": reports},
            "required": ["status", "reports"],
        }
        if walker.is_background:
            body = {
                "type": "object",
                "properties": {"walker_id": {"type": "string"}},
                "required": ["walker_id"],
            }
        reply = {
            "type": "object",
            "properties": {"type": {"const": "reply"}, "id": _ID, "ok": {"const": True}, "data": body},
            "required": ["type", "id", "ok", "data"],
        }
        about = "To an event with an `id`; without one, in version 1 and with `response`, `data` alone."
        return self._message(f"answer.{_key(walker.name)}", f"answer of {walker.name}", about, reply)

    def _notification(self, name: str, schema: Schema) -> str:
        payload = {
            "type": "object",
            "properties": {"type": {"const": name}, "data": schema},
            "required": ["type", "data"],
        }
        about = "In version 2 it is the `data` of a frame `channel`, `user` or `client`."
        return self._message(f"told.{_key(name)}", name, about, payload)

    def _message(self, key: str, name: str, description: str, payload: Schema) -> str:
        made: dict[str, Any] = {"name": name, "title": name, "payload": _draft_7(payload)}
        self._messages[key] = made | ({"description": description} if description else {})
        return key


def _definitions_of(struct: type[BaseEvent]) -> dict[str, Schema]:
    """Return the schemas of an event and of all that it holds, by the names of the structs."""
    raw = raw_fields(struct)
    fields: list[Any] = [
        (field.encode_name, dict if field.name in raw else field.type)
        if field.required
        else (field.encode_name, dict if field.name in raw else field.type, None)
        for field in msgspec.structs.fields(struct)
    ]
    # A twin, as msgspec describes no raw JSON. What is not required has any default: it is left out.
    tag = struct.__struct_config__.tag
    twin = msgspec.defstruct(struct.__name__, fields, tag_field="type", tag=tag, kw_only=True)
    _, definitions = msgspec.json.schema_components([twin], ref_template=f"{SCHEMAS}{OWN}{{name}}")
    return {name: _plain(definition) for name, definition in definitions.items()}


def _refer(channel: str, messages: Iterable[str]) -> list[dict[str, str]]:
    return [{"$ref": f"#/channels/{channel}/messages/{name}"} for name in messages]


def _key(name: str) -> str:
    """Return a name as a key of the document, where letters beyond ASCII have no place. Each name has one of its own."""
    return _ODD.sub(lambda match: f".{ord(match[0]):x}.", name)


def _plain(schema: Any) -> Any:
    """Return the schema without titles and defaults."""
    if isinstance(schema, list):
        return [_plain(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: {name: _plain(one) for name, one in value.items()} if key == "properties" else _plain(value)
        for key, value in schema.items()
        if key not in ("title", "default")
    }


def _draft_7(schema: Any) -> Any:
    """Return the schema in the words of JSON Schema's draft 7, which AsyncAPI builds on."""
    if isinstance(schema, list):
        return [_draft_7(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    made = {}
    for key, value in schema.items():
        if key in ("enum", "const", "required"):
            made[key] = value
        elif key == "prefixItems":
            made["items"] = [_draft_7(one) for one in value]
        else:
            made[key] = _draft_7(value)
    return made
