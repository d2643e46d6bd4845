"""How many values a JSON text may hold."""

from __future__ import annotations

import json

import pytest

from walkwire.errors import TooLarge
from walkwire.wire.message import elements

LIMIT = 100

FITTING = [
    b"",
    b"[" + b"1," * 98 + b"1]",
    b'{"a":[' + b"{}," * 48 + b"1]}",
    json.dumps("a, b [c] {d}" * 1000).encode(),  # punctuation in a string is no value
    json.dumps('a \\ "," \\" , ' * 1000).encode(),
    json.dumps("7" * 5000).encode(),
    json.dumps({"a" * 5000: "b" * 5000}).encode(),
    b"[" + b"9" * 1900 + b"]",
]
BEYOND = [
    b"[" + b"1," * 99 + b"1]",
    b'["\\\\",' + b"1," * 100 + b"1]",
    b'["\\"",' + b"1," * 100 + b"1]",
    b'["",' + b'"",' * 99 + b'""]',
    b"[" + b'"",' * 100_000,  # unfinished
    b"{" + b'"a":1,' * 100 + b'"a":1}',
    b"[" * 101,
    b"[" + b"9" * 2100 + b"]",  # 10^2100 takes as long to read as a hundred small numbers
    b"[" + b",".join([b"9" * 1000] * 4) + b"]",
]


@pytest.mark.parametrize("payload", FITTING, ids=lambda payload: payload[:20].decode())
def test_a_text_within_the_limit_passes(payload: bytes) -> None:
    elements.check(payload, LIMIT)


@pytest.mark.parametrize("payload", BEYOND, ids=lambda payload: payload[:20].decode())
def test_a_text_with_more_values_is_refused(payload: bytes) -> None:
    with pytest.raises(TooLarge, match="at most 100 values"):
        elements.check(payload, LIMIT)
