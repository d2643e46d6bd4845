"""What a client may say, and what it is told about the rest."""

from __future__ import annotations

import json
from typing import Annotated, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta, Raw

from walkwire.wire.message.event import (
    EVENTS,
    BaseEvent,
    ChangeUserEvent,
    ChannelEvent,
    ClientEvent,
    ConnectionEvent,
    Event,
    Events,
    JoinEvent,
    LeaveEvent,
    Unreadable,
    UserEvent,
    WalkerEvent,
)

decode = EVENTS.decode


def read(event: Any) -> Event:
    return decode(json.dumps(event).encode())


def problems(event: Any) -> list[dict[str, Any]]:
    found = read(event)
    assert isinstance(found, Unreadable)
    assert found.error.details is not None
    return list(found.error.details)


GOOD: list[tuple[dict[str, Any], type[Event]]] = [
    ({"type": "connection"}, ConnectionEvent),
    ({"type": "walker", "walker": "tour"}, WalkerEvent),
    ({"type": "walker", "walker": "tour", "node": None, "response": True, "context": {"a": 1}}, WalkerEvent),
    ({"type": "user", "root_ids": ["n::1"], "data": {}}, UserEvent),
    ({"type": "channel", "channel_ids": ["a", "b"], "data": {"x": [1]}}, ChannelEvent),
    ({"type": "client", "client_ids": ["a"], "data": {}}, ClientEvent),
    ({"type": "join", "channel_ids": ["a"]}, JoinEvent),
    ({"type": "leave", "channel_ids": ["a"]}, LeaveEvent),
    ({"type": "change_user"}, ChangeUserEvent),
    ({"type": "change_user", "token": None}, ChangeUserEvent),
    ({"type": "change_user", "token": "Bearer x"}, ChangeUserEvent),
]


@pytest.mark.parametrize(("event", "kind"), GOOD)
def test_each_event_of_the_protocol_is_read(event: dict[str, Any], kind: type[Event]) -> None:
    assert type(read(event)) is kind


@pytest.mark.parametrize(("event", "kind"), GOOD)
def test_unknown_keys_are_ignored(event: dict[str, Any], kind: type[Event]) -> None:
    assert read({"new": {"deep": []}, **event}) == read(event)


@pytest.mark.parametrize(("event", "kind"), GOOD)
@pytest.mark.parametrize("event_id", [0, -7, 2**80, "", "x" * 64, None])
def test_an_id_is_an_integer_or_a_short_string(
    event: dict[str, Any], kind: type[Event], event_id: Any
) -> None:
    found = read({**event, "id": event_id})
    assert type(found) is kind
    assert found.id == event_id
    assert type(found.id) is type(event_id)


@pytest.mark.parametrize("event_id", [True, 1.0, "x" * 65, [], {}, 1e400])
def test_any_other_id_is_a_wrong_shape_answered_without_id(event_id: Any) -> None:
    found = decode(json.dumps({"type": "connection", "id": event_id}).replace("Infinity", "1e400").encode())
    assert isinstance(found, Unreadable)
    assert found.id is None
    assert found.error.details is not None
    assert [each["loc"] for each in found.error.details] == [["event", "connection", "id"]]


def test_the_id_of_an_event_of_wrong_shape_is_found() -> None:
    found = read({"type": "walker", "id": 7})
    assert isinstance(found, Unreadable)
    assert (found.id, found.error.message) == (7, "walker: Field required")


def test_data_and_context_are_the_very_bytes() -> None:
    told = decode(b'{"type":"channel","channel_ids":["a"],"data":  {"b" : 1e2,\n "a":"\\u00e9"} }')
    assert isinstance(told, ChannelEvent)
    assert bytes(told.data) == b'{"b" : 1e2,\n "a":"\\u00e9"}'
    call = decode(b'{"type":"walker","walker":"x","response":"true","context": {"b" : 1e999}}')
    assert isinstance(call, WalkerEvent)
    assert bytes(call.context) == b'{"b" : 1e999}'


@pytest.mark.parametrize(
    ("said", "meant"), [("true", True), (1, True), ("false", False), (0, False), (True, True)]
)
def test_booleans_are_taken_as_the_seed_took_them(said: Any, meant: bool) -> None:
    found = read({"type": "walker", "walker": "x", "response": said})
    assert isinstance(found, WalkerEvent)
    assert found.response is meant


def test_of_a_repeated_key_the_last_counts() -> None:
    found = decode(
        b'{"type":"user","id":1,"walker":5,"walker":"x","context":1,"context":{"a":1},"id":2,"type":"walker"}'
    )
    assert isinstance(found, WalkerEvent)
    assert (found.id, found.walker, bytes(found.context)) == (2, "x", b'{"a":1}')


@pytest.mark.parametrize(
    ("event", "kind", "loc"),
    [
        ({}, "union_tag_not_found", ["event"]),
        ({"walker": "x"}, "union_tag_not_found", ["event"]),
        ({"type": "x"}, "union_tag_invalid", ["event"]),
        ({"type": None}, "union_tag_invalid", ["event"]),
        ({"type": ["walker"]}, "union_tag_invalid", ["event"]),
        ([1], "model_attributes_type", ["event"]),
        (None, "model_attributes_type", ["event"]),
        ({"type": "walker"}, "missing", ["event", "walker", "walker"]),
        ({"type": "walker", "walker": 5}, "string_type", ["event", "walker", "walker"]),
        ({"type": "walker", "walker": None}, "string_type", ["event", "walker", "walker"]),
        ({"type": "walker", "walker": "x", "node": 5}, "string_type", ["event", "walker", "node"]),
        (
            {"type": "walker", "walker": "x", "response": "maybe"},
            "bool_parsing",
            ["event", "walker", "response"],
        ),
        ({"type": "walker", "walker": "x", "context": None}, "dict_type", ["event", "walker", "context"]),
        ({"type": "walker", "walker": "x", "context": [1]}, "dict_type", ["event", "walker", "context"]),
        ({"type": "user", "data": {}}, "missing", ["event", "user", "root_ids"]),
        ({"type": "user", "root_ids": [], "data": {}}, "too_short", ["event", "user", "root_ids"]),
        ({"type": "user", "root_ids": ["a"]}, "missing", ["event", "user", "data"]),
        ({"type": "user", "root_ids": "a", "data": {}}, "list_type", ["event", "user", "root_ids"]),
        ({"type": "user", "root_ids": ["a", 5], "data": {}}, "string_type", ["event", "user", "root_ids", 1]),
        ({"type": "channel", "channel_ids": ["a"], "data": []}, "dict_type", ["event", "channel", "data"]),
        ({"type": "channel", "channel_ids": ["a"], "data": "{}"}, "dict_type", ["event", "channel", "data"]),
        (
            {"type": "channel", "channel_ids": ["a"] * 1001, "data": {}},
            "too_long",
            ["event", "channel", "channel_ids"],
        ),
        ({"type": "channel", "channel_ids": [1] * 101, "data": {}}, "too_many_errors", ["event"]),
        ({"type": "client", "client_ids": [], "data": {}}, "too_short", ["event", "client", "client_ids"]),
        ({"type": "join", "channel_ids": []}, "too_short", ["event", "join", "channel_ids"]),
        (
            {"type": "join", "channel_ids": ["a", "b" * 1025]},
            "string_too_long",
            ["event", "join", "channel_ids", 1],
        ),
        (
            {"type": "leave", "channel_ids": ["b" * 1025]},
            "string_too_long",
            ["event", "leave", "channel_ids", 0],
        ),
        (
            {"type": "channel", "channel_ids": ["b" * 1025], "data": {}},
            "string_too_long",
            ["event", "channel", "channel_ids", 0],
        ),
        ({"type": "leave"}, "missing", ["event", "leave", "channel_ids"]),
        ({"type": "change_user", "token": 5}, "string_type", ["event", "change_user", "token"]),
    ],
)
def test_a_wrong_shape_is_told_in_pydantics_words(event: Any, kind: str, loc: list[Any]) -> None:
    found = problems(event)
    assert [(each["type"], each["loc"]) for each in found] == [(kind, loc)]
    assert "url" not in found[0]
    assert "input" in found[0]


def test_lists_hold_a_thousand() -> None:
    assert isinstance(read({"type": "client", "client_ids": ["a"] * 1000, "data": {}}), ClientEvent)
    assert isinstance(read({"type": "join", "channel_ids": ["\N{GRINNING FACE}" * 1024]}), JoinEvent)


@pytest.mark.parametrize(
    ("payload", "sentence"),
    [
        (b"", "Invalid JSON: Expecting value, at byte 0"),
        (b"{'a'}", "Invalid JSON: Expecting property name enclosed in double quotes, at byte 1"),
        (b'{"type":"connection"} 1', "Invalid JSON: Extra data, at byte 22"),
        (b'{"type":"connection","x":NaN}', "Invalid JSON: NaN is not JSON"),
        (b'{"type":"connection","x":"\xff"}', "Invalid JSON: not UTF-8, at byte 26"),
        (b'{"type":"connection","x":"\\udc00"}', "Invalid JSON: a lone surrogate, at byte 26"),
        (b'{"type":"walker","walker":"\\udc00"}', "Invalid JSON: a lone surrogate, at byte 27"),
        (
            b'{"type":"connection","x":' + b"[" * 64 + b"]" * 64 + b"}",
            "Invalid JSON: nested deeper than 64, at byte 88",
        ),
        (
            b'{"type":"connection","id":' + b"1" * 5000 + b"}",
            "Invalid JSON: an integer of over 4300 digits, at byte 26",
        ),
    ],
)
def test_what_is_not_json_is_told_in_one_sentence(payload: bytes, sentence: str) -> None:
    found = decode(payload)
    assert isinstance(found, Unreadable)
    assert (found.error.message, found.error.details, found.id) == (sentence, None, None)


def test_the_data_of_an_event_may_be_63_deep_the_event_is_a_level_itself() -> None:
    data = b'{"a":' * 63 + b"1" + b"}" * 63
    assert isinstance(decode(b'{"type":"client","client_ids":["a"],"data":%b}' % data), ClientEvent)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
events = st.fixed_dictionaries(
    {
        "type": st.sampled_from(
            ["connection", "walker", "user", "channel", "client", "join", "leave", "change_user"]
        )
    },
    optional={
        "id": json_values,
        "walker": json_values,
        "node": json_values,
        "response": st.booleans() | json_values,
        "context": st.dictionaries(st.text(), json_values) | json_values,
        "data": st.dictionaries(st.text(), json_values) | json_values,
        "root_ids": st.lists(st.text()) | json_values,
        "channel_ids": st.lists(st.text()) | json_values,
        "client_ids": st.lists(st.text()) | json_values,
        "token": st.text() | json_values,
    },
)


@given(events, st.booleans())
def test_both_readings_say_the_same(event: dict[str, Any], is_ascii: bool) -> None:
    """Given any JSON, when the fast reading takes it, then the lenient one reads the same; else it alone decides."""
    try:
        payload = json.dumps(event, ensure_ascii=is_ascii).encode()
    except UnicodeEncodeError:
        return  # half a surrogate pair, which only ASCII can carry
    found = decode(payload)
    if isinstance(found, Unreadable):
        return
    kind, fields = EVENTS.lenient.decode(payload)
    assert kind == event["type"]
    for name, value in fields.items():
        mine = getattr(found, name)
        assert bytes(mine) == bytes(value) if isinstance(value, msgspec.Raw) else mine == value


@given(st.binary())
def test_reading_never_raises(payload: bytes) -> None:
    assert isinstance(decode(payload), Event)


def test_the_struct_is_the_whole_declaration_of_an_event() -> None:
    class PokeEvent(BaseEvent, frozen=True, kw_only=True, tag="poke"):
        times: Annotated[int, Meta(ge=1, le=3)]
        gently: bool = False
        notes: Raw = Raw(b"{}")

    events = Events((*EVENTS.kinds.values(), PokeEvent))
    assert events.decode(b'{"type":"poke","times":2}') == PokeEvent(times=2)
    found = events.decode(b'{"type":"poke","id":"x","times":"3","gently":"yes","notes": {"b" : 1e2}}')
    assert isinstance(found, PokeEvent)
    assert (found.id, found.times, found.gently, bytes(found.notes)) == ("x", 3, True, b'{"b" : 1e2}')
    for wrong, kind, loc in (
        (b'{"type":"poke"}', "missing", "times"),
        (b'{"type":"poke","times":4}', "less_than_equal", "times"),
        (b'{"type":"poke","times":1,"notes":[]}', "dict_type", "notes"),
    ):
        refused = events.decode(wrong)
        assert isinstance(refused, Unreadable)
        assert refused.error.details is not None
        assert [(each["type"], each["loc"]) for each in refused.error.details] == [
            (kind, ["event", "poke", loc])
        ]
    assert isinstance(events.decode(b'{"type":"connection"}'), ConnectionEvent)
    assert isinstance(decode(b'{"type":"poke","times":2}'), Unreadable)
