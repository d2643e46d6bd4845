"""What the server says, byte for byte."""

from __future__ import annotations

import json

from websockets.frames import Frame, Opcode
from websockets.protocol import OPEN, Protocol, Side

from walkwire.errors import (
    BadEvent,
    Conflict,
    Internal,
    Limited,
    NoAccess,
    PublicError,
    Unauthenticated,
    UnknownWalker,
)
from walkwire.wire.message import frame

CLIENT = "1730887348:f46d85203c704c099e9f44e948322a20"
CHANNEL = "1730887348:796ad2e9fa3e484ebe01f071c381b7e8"
SEED = (
    b'{"type":"connection","data":{"client_id":"1730887348:f46d85203c704c099e9f44e948322a20",'
    b'"root_id":"n::672b35cec309e5ef8469c372","channel_id":"1730887348:796ad2e9fa3e484ebe01f071c381b7e8"}}'
)


def test_a_connection_frame_is_the_seeds() -> None:
    assert frame.connection(frame.who(CLIENT, "672b35cec309e5ef8469c372", CHANNEL)) == SEED


def test_frames_are_compact_utf8_and_not_ascii_escaped() -> None:
    assert '"channel_id":"Café \\"x\\""' in frame.who("c", "a", 'Café "x"').decode()


def test_replies_carry_the_id_as_it_was_given() -> None:
    assert frame.reply(7) == b'{"type":"reply","id":7,"ok":true,"data":null}'
    assert frame.reply("x", b'{"a": 1}') == b'{"type":"reply","id":"x","ok":true,"data":{"a": 1}}'
    assert frame.reply(2**70) == b'{"type":"reply","id":1180591620717411303424,"ok":true,"data":null}'
    assert json.loads(frame.refusal("é", PublicError("sold_out", "No tickets left"))) == {
        "type": "reply",
        "id": "é",
        "ok": False,
        "error": {"code": "sold_out", "message": "No tickets left"},
    }


def test_errors_of_version_1_look_as_the_protocol_says() -> None:
    assert frame.error(UnknownWalker(), True) == (
        b'{"type":"walker","error":"Invalid request! Please use valid walker event!"}'
    )
    assert json.loads(frame.error(Unauthenticated("tour"), True)) == {
        "type": "walker",
        "error": "Event tour requires to be authenticated!",
    }
    assert json.loads(frame.error(NoAccess("n:Thing:" + "a" * 24), True)) == {
        "type": "walker",
        "error": f"You don't have access on target entry n:Thing:{'a' * 24}!",
    }
    assert json.loads(frame.error(Conflict(), True))["type"] == "walker"
    assert set(json.loads(frame.error(Conflict(), False))) == {"error"}
    fault = Internal()
    assert json.loads(frame.error(fault, True)) == {"error": f"Internal error, reference {fault.reference}"}


def test_details_are_told_as_they_are_for_walkers_too() -> None:
    details = [
        {
            "type": "missing",
            "loc": ["text"],
            "msg": "Field required",
            "input": {"n": 2**70, "f": float("inf")},
        }
    ]
    told = frame.error(BadEvent("text: Field required", details), True)
    assert told == (
        b'{"error":[{"type":"missing","loc":["text"],"msg":"Field required","input":{"n":1180591620717411303424,"f":null}}]}'
    )


def test_much_that_was_sent_is_not_quoted_back() -> None:
    for size, is_quoted in ((60_000, True), (70_000, False)):
        sent = {"type": "shout", "x": "x" * size}
        details = [{"type": "union_tag_invalid", "loc": ["event"], "msg": "Unknown", "input": sent}]
        (told,) = json.loads(frame.error(BadEvent("event: Unknown", details)))["error"]
        assert told == details[0] | {"input": sent if is_quoted else None}


def test_details_that_hold_what_is_not_json_are_told_all_the_same() -> None:
    details = [
        {"type": "value_error", "loc": ["n"], "msg": "no", "input": 1, "ctx": {"error": ValueError("no")}}
    ]
    assert json.loads(frame.error(BadEvent("n: no", details)))["error"][0]["ctx"] == {"error": "no"}


def test_a_sentence_of_a_program_cannot_break_the_frame() -> None:
    assert json.loads(frame.error(PublicError("odd", "\ud800"), True))["error"] == "?"
    assert json.loads(frame.refusal(1, PublicError("\udc00", "x")))["error"]["code"] == "?"


def test_a_text_frame_is_read_by_a_clients_library() -> None:
    client = Protocol(Side.CLIENT, state=OPEN, max_size=None)
    payloads = [bytes(size) for size in (*range(300), 512, frame.SMALL, frame.SMALL + 1, 70_000)]
    client.receive_data(b"".join(map(frame.text, payloads)) + frame.PING)
    said = client.events_received()
    assert [
        event.data for event in said if isinstance(event, Frame) and event.opcode is Opcode.TEXT
    ] == payloads
    assert isinstance(said[-1], Frame)
    assert said[-1].opcode is Opcode.PING


def test_a_refusal_says_when_a_retry_may_succeed_if_that_is_known() -> None:
    error = json.loads(frame.refusal(1, Limited("Too much", retry_in=1500)))["error"]
    assert error == {"code": "limited", "message": "Too much", "retry_in": 1500}
    assert "retry_in" not in json.loads(frame.refusal(1, Limited("Too much")))["error"]
