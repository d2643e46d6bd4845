"""Text: checks of JSON that msgspec does not make: UTF-8, depth, digits, surrogates.

msgspec 0.22 checks the syntax and the escapes of a part that it skips (`Raw`, an unknown key), surrogate pairs included. It does
not check UTF-8 or the length of a number there, and limits the depth only by Python's recursion limit.
"""

from __future__ import annotations

import json
import re
from itertools import accumulate
from typing import Any, NoReturn

from walkwire.errors import BadEvent

DEPTH = 64  # levels of nesting
DIGITS = 4300  # of an integer

# Every repeat is possessive, and an unfinished string extends to the end: hostile text takes one pass, never n².
_STRING = re.compile(rb'"[^"\\]*+(?:\\.?[^"\\]*+)*+(?:"|\Z)', re.DOTALL)
_INTEGER = re.compile(rb"(?<![\d.eE+\-])-?\d{%d,}+(?![.eE])" % (DIGITS + 1))
_DIGIT = b"0123456789"
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
# All of a valid text up to a lone surrogate.
_SOUND = re.compile(
    rb"(?:[^\\]++|(?:\\[^u])++|(?:\\u[dD][89abAB]..\\u[dD][c-fC-F]..)++|\\u(?![dD][89a-fA-F])....)*+",
    re.DOTALL,
)
_BRACKET = re.compile(rb"[\[\]{}]")
_STEPS = bytes.maketrans(b"[]{}", b"\x01\xff\x01\xff")  # up, and down: 255 is -1 as a signed byte
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_SHORTEST_DEEP = 2 * (DEPTH + 1)


def check(payload: bytes) -> None:
    """Raise BadEvent if `payload` is not UTF-8, nested deeper than 64, or contains an integer of over 4,300 digits.

    Does not check the syntax. A plain event costs a comparison of its length and one pass.
    """
    if not payload.isascii():
        _check_utf8(payload)
    size = len(payload)
    if size < _SHORTEST_DEEP:
        return
    if payload.count(b"{") + payload.count(b"[") > DEPTH and _is_deep(payload):
        _refuse_deep(payload)
    if size > DIGITS and _has_long_run(payload):
        _refuse_digits(payload)


def loads(payload: bytes) -> Any:
    """Decode a text that has passed `check`. Raises BadEvent unless it is strictly JSON: no NaN, no lone surrogates."""
    try:
        value = json.loads(payload.decode(), parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        at = len(error.doc[: error.pos].encode())
        raise invalid(error.msg.removesuffix(" at"), at) from None
    _check_surrogates(payload)
    return value


def invalid(what: str, at: int) -> BadEvent:
    """Return the error for bytes that are not JSON. `at` is an offset in bytes."""
    return BadEvent(f"Invalid JSON: {what}, at byte {at}")


def _check_utf8(payload: bytes) -> None:
    try:
        payload.decode()
    except UnicodeDecodeError as error:
        raise invalid("not UTF-8", error.start) from None


def _is_deep(payload: bytes) -> bool:
    steps = _STRING.sub(b"", payload).translate(_STEPS, _NOT_BRACKETS)
    return any(map(DEPTH.__lt__, accumulate(memoryview(steps).cast("b"))))


def _refuse_deep(payload: bytes) -> None:
    depth = 0
    for match in _BRACKET.finditer(_blank_strings(payload)):
        depth += 1 if match.group() in b"[{" else -1
        if depth > DEPTH:
            raise invalid(f"nested deeper than {DEPTH}", match.start())


def _has_long_run(payload: bytes) -> bool:
    """Return whether there are more than `DIGITS` digits in a row. Such a run covers one of the offsets that are tested."""
    return any(_run(payload, at) > DIGITS for at in range(DIGITS, len(payload), DIGITS + 1))


def _run(payload: bytes, at: int) -> int:
    left, right = payload[at - DIGITS : at], payload[at : at + DIGITS + 1]
    return len(left) - len(left.rstrip(_DIGIT)) + len(right) - len(right.lstrip(_DIGIT))


def _refuse_digits(payload: bytes) -> None:
    if match := _INTEGER.search(_blank_strings(payload)):
        raise invalid(f"an integer of over {DIGITS} digits", match.start())


def _blank_strings(payload: bytes) -> bytes:
    return _STRING.sub(lambda match: b" " * len(match.group()), payload)


def _check_surrogates(payload: bytes) -> None:
    if not _SURROGATE.search(payload):
        return
    sound = _SOUND.match(payload)
    assert sound is not None  # it matches an empty text as well
    if sound.end() < len(payload):
        raise invalid("a lone surrogate", sound.end())


def _refuse_constant(name: str) -> NoReturn:
    raise BadEvent(f"Invalid JSON: {name} is not JSON")
