"""Which bytes count as JSON."""

from __future__ import annotations

import json
import time

import pytest

from walkwire.errors import BadEvent
from walkwire.wire.message.text import check, loads


def read(payload: bytes) -> object:
    check(payload)
    return loads(payload)


def refusal(payload: bytes) -> str:
    with pytest.raises(BadEvent) as raised:
        read(payload)
    return raised.value.message


def test_64_levels_are_taken_and_65_are_not() -> None:
    check(b"[" * 64 + b"]" * 64)
    check(b'{"a":' * 64 + b"1" + b"}" * 64)
    assert refusal(b"[" * 65 + b"]" * 65) == "Invalid JSON: nested deeper than 64, at byte 64"
    assert "deeper" in refusal(b'{"a":[' * 33 + b"]}" * 33)


def test_many_brackets_side_by_side_are_not_deep() -> None:
    check(json.dumps([[{}]] * 500).encode())


def test_brackets_in_strings_do_not_count() -> None:
    check(json.dumps({"a": "[" * 500, 'b"\\': "{\\" * 500, "c": '\\"[' * 300}).encode())


@pytest.mark.parametrize("size", [1, 1000, 70_000])
def test_the_first_bracket_that_is_too_deep_is_named_wherever_it_stands(size: int) -> None:
    before = b"[" + b'{"a":"[]]}\\\\"},' * size
    payload = before + b"[" * 64 + b"]" * 64
    assert refusal(payload) == f"Invalid JSON: nested deeper than 64, at byte {len(before) + 63}"
    check(before + b"[" * 63 + b"]" * 63)


def test_an_integer_may_have_4300_digits_and_no_more() -> None:
    check(b'{"a":-' + b"7" * 4300 + b"}")
    assert (
        refusal(b'{"a":-' + b"7" * 4301 + b"}") == "Invalid JSON: an integer of over 4300 digits, at byte 5"
    )


@pytest.mark.parametrize("at", [*range(6), 4299, 4300, 4301, 8601, 8602, 9000])
def test_a_long_integer_is_found_wherever_it_stands(at: int) -> None:
    for digits, is_refused in ((4300, False), (4301, True), (4302, True)):
        payload = b"[" + b" " * at + b"7" * digits + b"," + b"1234567890," * 1000 + b"1]"
        if is_refused:
            assert refusal(payload).startswith("Invalid JSON: an integer of over 4300 digits")
        else:
            check(payload)


@pytest.mark.parametrize("number", [b"0.%b", b"%b.5", b"%be2", b"1e-%b", b'"%b"', b'"\\"%b"'])
def test_long_digits_that_are_no_integer_are_taken(number: bytes) -> None:
    check(b'{"a":' + number % (b"7" * 5000) + b"}")


def test_what_is_not_utf8_is_refused_with_its_place() -> None:
    assert refusal(b'{"a":"\xff"}') == "Invalid JSON: not UTF-8, at byte 6"
    assert refusal(b'{"a":"\xed\xa0\x80"}') == "Invalid JSON: not UTF-8, at byte 6"


@pytest.mark.parametrize("half", [r"\ud800", r"\uDC00", r"\ud83d\ud83d\ude00", r"\ude00\ud83d", r"\\\ud800"])
def test_half_a_surrogate_pair_is_refused(half: str) -> None:
    assert "a lone surrogate" in refusal(f'{{"a":"x{half}"}}'.encode())


@pytest.mark.parametrize("whole", [r"\ud83d\ude00", r"\\ud800", r"\u00e9", r"\\\ud83d\uDE00"])
def test_a_whole_pair_and_an_escaped_backslash_are_taken(whole: str) -> None:
    payload = f'{{"a":"{whole}"}}'.encode()
    check(payload)
    assert loads(payload) == json.loads(payload)


@pytest.mark.parametrize(
    "payload", [b"", b" ", b"{", b'{"a":NaN}', b"[1,]", b"\xef\xbb\xbf{}", b"{}x", b"01"]
)
def test_what_is_not_json_is_refused(payload: bytes) -> None:
    assert refusal(payload).startswith("Invalid JSON: ")


def test_the_place_of_an_error_is_counted_in_bytes() -> None:
    assert refusal('{"é":x}'.encode()).endswith("at byte 6")


@pytest.mark.parametrize(
    "hostile",
    [
        b'"' + b'\\"' * 500_000 + b"[" * 100,
        b'"' + b'\\"' * 500_000 + b"[" * 100 + b"\\",
        b"[" * 1_000_000,
        b"[" + b"{}," * 349_000 + b"[" * 64,
        b"[" + b'"[",' * 260_000 + b"[" * 64,
        (b"[" * 64 + b"]" * 64) * 8000,
        (b"7" * 4300 + b",") * 240,
        (b"-" * 4300 + b"7") * 240,
        b'"' + b"\\\\" * 500_000 + b'\\ud800"',
    ],
)
def test_hostile_text_costs_one_pass_not_its_square(hostile: bytes) -> None:
    start = time.process_time()
    with pytest.raises(BadEvent):
        read(hostile)
    assert time.process_time() - start < 5  # a square would be minutes
