"""Text: checks of JSON that msgspec does not make: UTF-8, depth, digits, surrogates.

msgspec 0.22 checks the syntax and the escapes of a part that it skips (`Raw`, an unknown key), surrogate pairs included. It does
not check UTF-8 or the length of a number there, and limits the depth only by Python's recursion limit.

No check loops in Python over brackets or strings: a mebibyte may hold a million of them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import accumulate
from operator import add
from typing import Any, NoReturn

from walkwire.errors import BadEvent

DEPTH = 64  # levels of nesting
DIGITS = 4300  # of an integer

_DIGIT = b"0123456789"
_AS_ZERO = bytes(ord("0") if byte in _DIGIT else byte for byte in range(256))
_ZEROS = re.compile(rb"0++")
_BEFORE_PART = frozenset(
    b"%c" % byte for byte in b"0123456789.eE+-"
)  # before digits that are only part of a number
_BEHIND_PART = frozenset((b".", b"e", b"E"))
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
# All of a valid text up to a lone surrogate.
_SOUND = re.compile(
    rb"(?:[^\\]++|(?:\\[^u])++|(?:\\u[dD][89abAB]..\\u[dD][c-fC-F]..)++|\\u(?![dD][89a-fA-F])....)*+",
    re.DOTALL,
)
_BITS = bytes.maketrans(b"[{]}", b"1100")
_BRACKETS = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS = bytes(set(range(256)) - set(b'[]{}"'))
_STRETCH = 64 * 1024  # brackets that are looked at together: deep text is refused by the first stretch
# Eight brackets are a byte, a bit for each, 1 opens: by how much they change the depth, and how high above its start it gets.
_CHANGES = bytes((2 * byte.bit_count() - 8) & 0xFF for byte in range(256))
_TOPS = bytes(
    max(accumulate((1 if byte >> bit & 1 else -1 for bit in range(7, -1, -1)), initial=0))
    for byte in range(256)
)
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


def runs_of_digits(payload: bytes, least: int) -> Iterator[tuple[int, int]]:
    """Yield the start and the end of each run of at least so many digits. Takes linear time, about 1 ms a mebibyte."""
    zeros, run, end = payload.translate(_AS_ZERO), b"0" * least, 0
    while (start := zeros.find(run, end)) >= 0:
        found = _ZEROS.match(zeros, start)
        assert found is not None
        end = found.end()
        yield start, end


def invalid(what: str, at: int) -> BadEvent:
    """Return the error for bytes that are not JSON. `at` is an offset in bytes."""
    return BadEvent(f"Invalid JSON: {what}, at byte {at}")


def _check_utf8(payload: bytes) -> None:
    try:
        payload.decode()
    except UnicodeDecodeError as error:
        raise invalid("not UTF-8", error.start) from None


def _is_deep(payload: bytes) -> bool:
    return _first_deep(_brackets_outside_strings(payload)) is not None


def _refuse_deep(payload: bytes) -> None:
    text = _blank_strings(payload).translate(_BRACKETS)
    number = _first_deep(text.translate(None, _NO_BRACKETS + b'"'))
    if number is not None:
        raise invalid(f"nested deeper than {DEPTH}", _place_of_bracket(text, number))


def _first_deep(brackets: bytes) -> int | None:
    """Return the index of the first bracket that is deeper than allowed, None if there is none."""
    depth = 0
    for start in range(0, len(brackets), _STRETCH):
        stretch = brackets[start : start + _STRETCH]
        filled = stretch.translate(_BITS) + b"0" * (-len(stretch) % 8)
        packed = int(filled, 2).to_bytes(len(filled) // 8, "big")
        changes = memoryview(packed.translate(_CHANGES)).cast("b")
        if max(map(add, accumulate(changes, initial=depth), packed.translate(_TOPS))) > DEPTH:
            steps = (1 if bracket in b"[{" else -1 for bracket in stretch)
            return next(
                start + at for at, now in enumerate(accumulate(steps, initial=depth), -1) if now > DEPTH
            )
        depth += 2 * stretch.count(b"[") + 2 * stretch.count(b"{") - len(stretch)
    return None


def _place_of_bracket(text: bytes, number: int) -> int:
    """Return the offset of a bracket in a text without other kinds of brackets, by halving."""
    start, end = 0, len(text)
    while end - start > 1:
        middle = (start + end) // 2
        before = text.count(b"[", start, middle) + text.count(b"]", start, middle)
        if number < before:
            end = middle
        else:
            start, number = middle, number - before
    return start


def _brackets_outside_strings(payload: bytes) -> bytes:
    kept = _hide_escapes(payload).translate(None, _NO_BRACKETS)
    # Two neighbouring quotes are a string without wanted bytes, or nothing between two strings: neither changes what is outside.
    kept = kept.replace(b'""', b"")
    return b"".join(kept.split(b'"')[::2]) if b'"' in kept else kept


def _blank_strings(payload: bytes) -> bytes:
    """Return a text of the same length with zeros for the content of strings. An unfinished string extends to the end."""
    parts = _hide_escapes(payload).split(b'"')
    parts[1::2] = map(bytes, map(len, parts[1::2]))
    return b'"'.join(parts)


def _hide_escapes(payload: bytes) -> bytes:
    """Replace escaped backslashes and quotes by text of the same length: the quotes that are left delimit strings."""
    return payload.replace(rb"\\", b"--").replace(rb"\"", b"--") if b"\\" in payload else payload


def _has_long_run(payload: bytes) -> bool:
    """Return whether there are more than `DIGITS` digits in a row. Such a run covers one of the offsets that are tested."""
    return any(_run(payload, at) > DIGITS for at in range(DIGITS, len(payload), DIGITS + 1))


def _run(payload: bytes, at: int) -> int:
    left, right = payload[at - DIGITS : at], payload[at : at + DIGITS + 1]
    return len(left) - len(left.rstrip(_DIGIT)) + len(right) - len(right.lstrip(_DIGIT))


def _refuse_digits(payload: bytes) -> None:
    plain = _blank_strings(payload)
    for start, end in runs_of_digits(plain, DIGITS + 1):
        first = start - 1 if plain[max(start - 1, 0) : start] == b"-" else start
        is_part = plain[max(first - 1, 0) : first] in _BEFORE_PART or plain[end : end + 1] in _BEHIND_PART
        if not is_part:
            raise invalid(f"an integer of over {DIGITS} digits", first)


def _check_surrogates(payload: bytes) -> None:
    if not _SURROGATE.search(payload):
        return
    sound = _SOUND.match(payload)
    assert sound is not None  # it matches an empty text as well
    if sound.end() < len(payload):
        raise invalid("a lone surrogate", sound.end())


def _refuse_constant(name: str) -> NoReturn:
    raise BadEvent(f"Invalid JSON: {name} is not JSON")
