"""Frames: what the server sends, as `docs/protocol.md` and `docs/protocol-v2.md` specify it, as JSON Schema."""

from __future__ import annotations

from walkwire.walk.walker.printed import Schema

SCHEMAS = "#/components/schemas/"
OWN = "wire."  # before the names of walkwire's own schemas: a class of a program has no dot in its name

_TEXT: Schema = {"type": "string"}
_NUMBER: Schema = {"type": "integer"}
_OBJECT: Schema = {"type": "object"}
_ANY: Schema = {}
_ID: Schema = {"anyOf": [_NUMBER, _TEXT, {"type": "null"}]}


def _object(required: str, **fields: Schema) -> Schema:
    return {"type": "object", "properties": fields, "required": required.split()}


def _frame(kind: str, required: str = "", **fields: Schema) -> Schema:
    return _object(f"type {required}", type={"const": kind}, **fields)


def _own(name: str) -> Schema:
    return {"$ref": f"{SCHEMAS}{OWN}{name}"}


def frame_schemas() -> dict[str, Schema]:
    """Return the schemas that frames refer to, by name."""
    made = {
        "Connection": _object(
            "client_id root_id channel_id", client_id=_TEXT, root_id=_TEXT, channel_id=_TEXT
        ),
        "Error": _object("code message", code=_TEXT, message=_TEXT, retry_in=_NUMBER),
        "Member": _object("root_id info", root_id=_TEXT, info=_OBJECT),
        "Members": {"type": "array", "items": _own("Member")},
        "Presence": _object("count", users=_own("Members"), count=_NUMBER),
        "Place": _object(
            "recovered",
            at=_TEXT,
            recovered={"type": ["boolean", "null"]},
            reason=_TEXT,
            presence=_own("Presence"),
        ),
        "Streams": _object(
            "user client channels",
            user=_own("Place"),
            client=_own("Place"),
            channels={"type": "object", "additionalProperties": _own("Place")},
        ),
        "Welcome": _object(
            "client_id root_id session session_seconds streams",
            client_id=_TEXT,
            root_id=_TEXT,
            session=_TEXT,
            session_seconds={"type": "number"},
            streams=_own("Streams"),
        ),
        "Notification": _object("at data", at=_TEXT, data=_ANY),
    }
    return {OWN + name: schema for name, schema in made.items()}


_REPLY = (
    "The answer to an event with an `id` that has no walker.",
    _frame("reply", "id ok data", id=_ID, ok={"const": True}, data=_ANY),
)
_REFUSAL = (
    "The answer to an event with an `id` that failed.",
    _frame("reply", "id ok error", id=_ID, ok={"const": False}, error=_own("Error")),
)
_EXPIRING = (
    "The token expires soon: for clients that asked to be told, by `expiring`.",
    _frame("expiring", "data", data=_object("expiration", expiration=_NUMBER)),
)
_CHANNEL_ID_AT = {"channel_id": _TEXT, "at": _TEXT}

# By name: what the frame is for, and its schema.
FRAMES: dict[str, tuple[str, Schema]] = {
    "connection": (
        "The first frame, and the answer to `connection` and `change_user`.",
        _frame("connection", "data", data=_own("Connection")),
    ),
    "reply": _REPLY,
    "refusal": _REFUSAL,
    "failure": (
        "An event without an `id` failed. `error` is a sentence, or a list of validation errors.",
        _object(
            "error", type={"const": "walker"}, error={"anyOf": [_TEXT, {"type": "array", "items": _OBJECT}]}
        ),
    ),
    "expiring": _EXPIRING,
}
FRAMES_2: dict[str, tuple[str, Schema]] = {
    "reply": _REPLY,
    "welcome": (
        "The answer to `connect` and `change_user`.",
        _frame("reply", "id ok data", id=_ID, ok={"const": True}, data=_own("Welcome")),
    ),
    "page": (
        "The answer to `history`.",
        _frame(
            "reply",
            "id ok data",
            id=_ID,
            ok={"const": True},
            data=_object(
                "channel_id messages has_more",
                channel_id=_TEXT,
                messages={"type": "array", "items": _own("Notification")},
                has_more={"type": "boolean"},
            ),
        ),
    ),
    "refusal": _REFUSAL,
    "error": ("An event without an `id` failed.", _frame("error", "error", error=_own("Error"))),
    "channel": (
        "A notification to a channel of the client.",
        _frame("channel", "channel_id at data", **_CHANNEL_ID_AT, data=_ANY),
    ),
    "user": ("A notification to the user.", _frame("user", "at data", at=_TEXT, data=_ANY)),
    "client": ("A notification to this client.", _frame("client", "at data", at=_TEXT, data=_ANY)),
    "resync": (
        "Notifications of a stream were lost; it goes on behind `at`.",
        _frame(
            "resync",
            "stream at reason",
            stream={"enum": ["channel", "user", "client"]},
            **_CHANNEL_ID_AT,
            reason=_TEXT,
        ),
    ),
    "session": ("A newer session token.", _frame("session", "session", session=_TEXT)),
    "presence": (
        "Who is in a channel has changed.",
        _frame(
            "presence",
            "channel_id count",
            channel_id=_TEXT,
            users=_own("Members"),
            joined=_own("Members"),
            left=_own("Members"),
            count=_NUMBER,
        ),
    ),
    "expiring": _EXPIRING,
}
