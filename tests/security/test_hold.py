"""No input holds the event loop for more than 20 ms: all routes, events and kinds of frames, with inputs at their bounds.

A turn of the loop is measured in the processor time of its thread (`tests/security/probed.py`), in a real server process with the
settings of production. Of an input that is above the bound the shortest of three measurements counts. Each input comes from an
address of its own, so that limits of an address do not hide what it costs. At the end a table of the longest turns is printed.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from websockets.frames import Frame, Opcode

from tests.security.held import LIMIT, MEBIBYTE, Held, serve_held, text
from tests.security.probed import exchange
from tests.security.shapes import CONTEXTS, SHAPES
from walkwire.wire.message.bounds import TARGETS
from walkwire.wire.message.event import EVENTS

pytestmark = [pytest.mark.alone, pytest.mark.long]

FLOOD = MEBIBYTE // 4  # bytes of small frames: what one turn of the loop takes shows in much less


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[Held]:
    yield from serve_held(tmp_path_factory.mktemp("held"), pytestconfig)


@pytest.fixture(scope="module")
def deflating(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[Held]:
    yield from serve_held(tmp_path_factory.mktemp("held"), pytestconfig, compression="true")


WHO = {"a stranger": False, "a user": True}
UNKNOWN = "an unknown type"
PLAIN: dict[str, dict[str, Any]] = {
    "walker": {"walker": "anything"},
    "user": {"root_ids": ["n::000000000000000000000001"]},
    "channel": {"channel_ids": ["a"]},
    "client": {"client_ids": ["a"]},
    "join": {"channel_ids": ["a"]},
    "leave": {"channel_ids": ["a"]},
}


def _event(kind: str, value: bytes) -> bytes:
    """Return an event whose JSON object, or else an unknown field, holds a value."""
    struct = EVENTS.kinds.get(kind)
    raw = [one.name for one in msgspec.structs.fields(struct) if one.type is msgspec.Raw] if struct else []
    start = json.dumps({"type": kind, **PLAIN.get(kind, {})})[:-1].encode()
    return start + (b',"%s":{"data":%s}}' % (raw[0].encode(), value) if raw else b',"x":%s}' % value)


def _kinds() -> Iterator[tuple[str, str]]:
    yield from ((kind, "a user") for kind in [*EVENTS.kinds, UNKNOWN])
    yield from ((kind, "a stranger") for kind in ("walker", "channel", UNKNOWN))  # all are decoded alike


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("kind", "who"), list(_kinds()))
def test_an_event_at_its_bound(held: Held, kind: str, shape: str, who: str) -> None:
    event = _event(kind, SHAPES[shape](LIMIT - 256))
    assert len(event) <= LIMIT
    held.talk(f"event {kind}, {shape}", WHO[who], lambda: text(event))


def _fields() -> Iterator[tuple[str, str]]:
    for kind, struct in EVENTS.kinds.items():
        yield from ((kind, field.encode_name) for field in msgspec.structs.fields(struct))
        yield kind, "type"


VALUES: dict[str, Callable[[], bytes]] = {
    "as many targets as may be": lambda: json.dumps(
        [f"{n:04d}" + "c" * 1000 for n in range(TARGETS)]
    ).encode(),
    "as many roots as may be": lambda: json.dumps([f"n::{n:024x}" for n in range(TARGETS)]).encode(),
    "too many targets": lambda: json.dumps(["aa"] * 170_000).encode(),
    "wrong targets": lambda: b"[%s]" % b",".join([b"1"] * 500_000),
    "objects as targets": lambda: b"[%s]" % b",".join([b"{}"] * 340_000),
    "the same target": lambda: b"[%s]" % b",".join([b'"a"'] * TARGETS),
    "a long text": lambda: SHAPES["a text"](LIMIT - 256),
    "a long text of quotes": lambda: SHAPES["a text of quotes"](LIMIT - 256),
    "a number of many digits": lambda: b"9" * 4300,
    "an object": lambda: SHAPES["keys"](LIMIT - 256),
}


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize(("kind", "field"), list(_fields()), ids=lambda one: one)
def test_a_field_of_an_event_at_its_bound(held: Held, kind: str, field: str, value: str) -> None:
    fields = {"type": kind, "data": {}, **PLAIN.get(kind, {})}
    fields.pop(field, None)
    event = json.dumps(fields)[:-1].encode() + b', "%s":%s}' % (field.encode(), VALUES[value]())
    held.talk(f"event {kind}, {field}: {value}", True, lambda: text(event))


def _flood(*events: Any) -> Callable[[], bytes]:
    said = [one if isinstance(one, bytes) else json.dumps(one).encode() for one in events]
    return lambda: b"".join(map(text, said)) * (FLOOD // sum(len(one) + 6 for one in said) + 1)


EVENT_FLOODS: dict[str, Callable[[], bytes]] = {
    "no JSON": _flood(b"x"),
    "empty texts": _flood(b""),
    "objects without a type": _flood({}),
    "an unknown type": _flood({"type": "x"}),
    "a missing field": _flood({"type": "walker"}),
    "questions for the own ids": _flood({"type": "connection"}),
    "questions with an id": _flood({"type": "connection", "id": 1}),
    "a channel": _flood({"type": "channel", "channel_ids": ["a"], "data": {}}),
    "as many channels as may be": _flood(
        {"type": "channel", "channel_ids": [f"{n:04d}" for n in range(TARGETS)], "data": {}}
    ),
    "as many users as may be": _flood(
        {"type": "user", "root_ids": [f"n::{n:024x}" for n in range(2, TARGETS)], "data": {}}
    ),
    "as many clients as may be": _flood(
        {"type": "client", "client_ids": [f"{n:04d}" for n in range(TARGETS)], "data": {}}
    ),
    "joining and leaving": _flood(
        {"type": "join", "channel_ids": [f"{n:04d}" for n in range(100)]},
        {"type": "leave", "channel_ids": [f"{n:04d}" for n in range(100)]},
    ),
    "joining too many": _flood({"type": "join", "channel_ids": [f"{n:04d}" for n in range(TARGETS)]}),
    "leaving what was not joined": _flood(
        {"type": "leave", "channel_ids": [f"{n:04d}" for n in range(TARGETS)]}
    ),
    "a token that is none": _flood({"type": "change_user", "token": "a.b.c"}),
    "signing out": _flood({"type": "change_user"}),
    "an unknown walker": _flood({"type": "walker", "walker": "nobody", "id": 1}),
    "a walker": _flood({"type": "walker", "walker": "anything"}),
    "a walker with an id": _flood({"type": "walker", "walker": "anything", "id": 1}),
    "a walker at a node that is none": _flood(
        {"type": "walker", "walker": "read_thing", "node": "x", "id": 1}
    ),
    "a walker that lacks a field": _flood({"type": "walker", "walker": "typed", "id": 1}),
}


@pytest.mark.parametrize("who", WHO)
@pytest.mark.parametrize("flood", EVENT_FLOODS)
def test_a_flood_of_events(held: Held, flood: str, who: str) -> None:
    held.talk(f"a flood of events, {flood}", WHO[who], EVENT_FLOODS[flood])


@pytest.mark.parametrize("context", CONTEXTS)
def test_a_walker_of_many_types_over_a_socket(held: Held, context: str) -> None:
    event = b'{"type":"walker","walker":"typed","id":1,"context":%s}' % CONTEXTS[context]
    assert len(event) <= LIMIT
    held.talk(f"walker typed over a socket, {context}", True, lambda: text(event))


def _fragments(piece: bytes, total: int, opcode: Opcode = Opcode.TEXT) -> Callable[[], bytes]:
    def fragments() -> bytes:
        more = text(piece, Opcode.CONT, fin=False) * (total // max(1, len(piece) + 6 * (not piece)))
        return text(piece, opcode, fin=False) + more + text(piece, Opcode.CONT)

    return fragments


FRAMES: dict[str, Callable[[], bytes]] = {
    "binary, as long as may be": lambda: text(b"x" * LIMIT, Opcode.BINARY),
    "binary, too long": lambda: text(b"x" * (LIMIT + 1), Opcode.BINARY),
    "text, no UTF-8 at its end": lambda: text("é".encode() * (LIMIT // 2 - 1) + b"\xff"),
    "fragments without content": _fragments(b"", FLOOD),
    "fragments of one byte": _fragments(b"x", FLOOD // 7),
    "fragments of two bytes, as long as may be": _fragments("é".encode(), LIMIT - 4),
    "fragments of 1,000 bytes, too long": _fragments(b"x" * 1000, LIMIT + 8),
    "fragments of half a character": lambda: (
        text(b"\xc3", fin=False) + text(b"\xa9\xc3", Opcode.CONT, fin=False) * (FLOOD // 8)
    ),
    "fragments of 1,000 bytes": _fragments(b"x" * 1000, LIMIT - 2000),
    "fragments, binary": _fragments(b"xx", FLOOD // 7, Opcode.BINARY),
    "pings without content": lambda: text(b"", Opcode.PING) * (FLOOD // 6),
    "pings as long as may be": lambda: text(b"x" * 125, Opcode.PING) * (FLOOD // 131),
    "pings between fragments": lambda: (
        (text(b"x", fin=False) + text(b"", Opcode.PING))
        + (text(b"x", Opcode.CONT, fin=False) + text(b"", Opcode.PING)) * (FLOOD // 13)
    ),
    "pongs without content": lambda: text(b"", Opcode.PONG) * (FLOOD // 6),
    "pongs as long as may be": lambda: text(b"x" * 125, Opcode.PONG) * (FLOOD // 131),
    "a ping that is too long": lambda: b"\x89\xfe\x00\x7emask" + b"x" * 126,
    "close frames": lambda: text(b"\x03\xe8bye", Opcode.CLOSE) * 1000,
    "a close frame of one byte": lambda: text(b"\x03", Opcode.CLOSE),
    "a close frame that is no UTF-8": lambda: text(b"\x03\xe8\xff", Opcode.CLOSE),
    "a frame without a mask": lambda: Frame(Opcode.TEXT, b"x" * LIMIT).serialize(mask=False),
    "reserved bits": lambda: b"\xf1" + text(b"x" * LIMIT)[1:],
    "an unknown kind": lambda: b"\x83" + text(b"x" * LIMIT)[1:],
    "a length of 63 bits": lambda: b"\x81\xff\x7f" + b"\xff" * 7 + b"x" * LIMIT,
    "a length that is longer than needed": lambda: b"\x81\xff" + bytes(7) + b"\x01maskx" + b"x" * LIMIT,
    "a text within a text": lambda: text(b"x", fin=False) + text(b"x"),
    "a continuation of nothing": lambda: text(b"x", Opcode.CONT),
    "no frames at all": lambda: b"x" * MEBIBYTE,
    "zeroes": lambda: bytes(MEBIBYTE),
    "an end inside a frame": lambda: text(b"x" * LIMIT)[:-1],
}


@pytest.mark.parametrize("who", WHO)
@pytest.mark.parametrize("frames", FRAMES)
def test_frames_of_every_kind(held: Held, frames: str, who: str) -> None:
    held.talk(f"frames, {frames}", WHO[who], FRAMES[frames])


def _deflated(payload: bytes, count: int = 1) -> Callable[[], bytes]:
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    small = (deflate.compress(payload) + deflate.flush(zlib.Z_SYNC_FLUSH)).removesuffix(b"\x00\x00\xff\xff")
    return lambda: (b"\xc1" + text(small)[1:]) * count  # RFC 7692, 6: with the first reserved bit


BOMBS: dict[str, Callable[[], bytes]] = {
    "as long as may be": _deflated(b" " * LIMIT),
    "too long": _deflated(b" " * 64 * MEBIBYTE),
    "numbers, then a nest that is too deep": _deflated(
        SHAPES["numbers, then a nest that is too deep"](LIMIT)
    ),
    "objects, then no JSON": _deflated(SHAPES["objects, then no JSON"](LIMIT)),
    "many as long as may be": _deflated(b" " * LIMIT, 20),
    "many small ones": _deflated(b"{}", 20_000),
}


@pytest.mark.parametrize("who", WHO)
@pytest.mark.parametrize("bomb", BOMBS)
def test_compressed_messages(deflating: Held, bomb: str, who: str) -> None:
    offer = (
        "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover"
    )
    greeting = exchange(deflating.server.port, deflating.upgrade(WHO[who], offer), b"\r\n\r\n")
    assert b"permessage-deflate" in greeting
    deflating.talk(f"compressed, {bomb}", WHO[who], BOMBS[bomb], offer)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_large_answer(held: Held, shape: str) -> None:
    event = b'{"type":"walker","walker":"echo","id":1,"context":{"data":%s}}' % SHAPES[shape](LIMIT - 256)
    held.talk(f"an answer over a socket, {shape}", True, lambda: text(event))
