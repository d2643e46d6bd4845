"""Events: whatever a client sends is decoded to an event or to an error that can be sent, and nothing is raised."""

from __future__ import annotations

import json

import msgspec

from walkwire.wire.message import frame
from walkwire.wire.message.event import EVENTS, BaseEvent, Unreadable

WORDS = (
    *(f'"{kind}"'.encode() for kind in EVENTS.kinds),
    *(
        f'"{field.encode_name}":'.encode()
        for struct in EVENTS.kinds.values()
        for field in msgspec.structs.fields(struct)
    ),
    b'"type":', b'"a"', b'["a"]', b"[", b"]", b"{", b"}", b",", b":", b'"', b"\\u", b"\\ud800", b"\\udc00", b"\\\\",
    b"null", b"true", b"false", b"NaN", b"-0", b"1e999", b"0.1", b"9" * 20, b"[" * 32, b'{"a":' * 32, b"\xc3\xa9",
    b"\xed\xa0\x80", b"\xf0\x9f\x98\x80", b"\x00", b" " * 64,
)  # fmt: skip


def check(data: bytes) -> None:
    """Decode one message, and encode what is answered."""
    event = EVENTS.decode(data)
    if isinstance(event, Unreadable):
        json.loads(frame.error(event.error))
        json.loads(frame.refusal(event.id, event.error))
        return
    assert isinstance(event, BaseEvent)
    said = json.loads(data)  # what is accepted is JSON in the eyes of others, too
    assert isinstance(said, dict)
    assert said["type"] in EVENTS.kinds
    for field in msgspec.structs.fields(event):
        value = getattr(event, field.name)
        if isinstance(value, msgspec.Raw):
            assert isinstance(json.loads(bytes(value)), dict)
    answer = json.loads(frame.reply(event.id))
    assert answer["id"] == event.id
