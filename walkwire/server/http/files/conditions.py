"""Conditions: what the headers of a request ask of a file: preconditions (RFC 9110, §13) and ranges (§14). Sans I/O."""

from __future__ import annotations

import re
from collections.abc import Callable
from email.utils import parsedate_to_datetime

RANGES = 100  # in a header: beyond it, the whole file is sent

_TAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"')
_ONE_RANGE = re.compile(r"([0-9]{0,18})-([0-9]{0,18})")
_LONGEST_DATE = 64

Headers = Callable[[str], str | None]  # returns the value of a header by its name in lower case


class Unsatisfiable(Exception):
    """Raised for a range that has no byte of the file."""


def status_for(headers: Headers, tag: str, modified: int) -> int:
    """Return how to answer GET or HEAD: 200, 304 (the client has it already) or 412 (it is another file by now).

    - tag: the entity tag, with its quotes; strong
    - modified: Unix seconds
    """
    if (given := headers("if-match")) is not None:
        if not _matches(given, tag, is_weak=False):
            return 412
    elif (since := _seconds(headers("if-unmodified-since"))) is not None and modified > since:
        return 412
    if (given := headers("if-none-match")) is not None:
        return 304 if _matches(given, tag, is_weak=True) else 200
    since = _seconds(headers("if-modified-since"))
    return 304 if since is not None and modified <= since else 200


def part_for(headers: Headers, tag: str, modified: int, size: int) -> tuple[int, int] | None:
    """Return the first byte that GET asks for, and the one after the last. None: all of the file.

    Several ranges, ranges in another unit and what is no range are answered with all of the file, as RFC 9110 allows or
    demands. Raises Unsatisfiable.
    """
    given, condition = headers("range"), headers("if-range")
    if given is None or (condition is not None and not _is_same(condition, tag, modified)):
        return None
    unit, equals, rest = given.partition("=")
    if not equals or unit.strip().lower() != "bytes" or rest.count(",") >= RANGES:
        return None
    found = [_ONE_RANGE.fullmatch(one.strip()) for one in rest.split(",") if one.strip()]
    if not found:
        return None
    parts = []
    for one in found:
        if one is None or one[0] == "-" or (one[1] and one[2] and int(one[2]) < int(one[1])):
            return None
        first = int(one[1]) if one[1] else max(0, size - int(one[2]))
        end = min(size, int(one[2]) + 1) if one[1] and one[2] else size
        if first < end:
            parts.append((first, end))
    if not parts:
        raise Unsatisfiable
    return parts[0] if len(found) == 1 else None


def _is_same(condition: str, tag: str, modified: int) -> bool:
    """Return whether an `If-Range` holds: a strong tag that is equal, or the very date."""
    return condition.strip() == tag if '"' in condition else _seconds(condition) == modified


def _matches(given: str, tag: str, *, is_weak: bool) -> bool:
    if given.strip() == "*":
        return True
    tags = _TAG.findall(given)
    return tag in tags or (is_weak and f"W/{tag}" in tags)


def _seconds(date: str | None) -> int | None:
    """Return the Unix seconds of a date; None if it is none."""
    if date is None or len(date) > _LONGEST_DATE:
        return None
    try:
        return int(parsedate_to_datetime(date).timestamp())
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
