"""Preconditions and ranges, line by line of RFC 9110."""

from __future__ import annotations

import pytest

from walkwire.server.http.files.conditions import Unsatisfiable, part_for, status_for

TAG = '"1-a"'
MODIFIED = 784111777  # Sun, 06 Nov 1994 08:49:37 GMT
DATE, BEFORE, AFTER = (f"Sun, 06 Nov 1994 08:49:{second} GMT" for second in (37, 36, 38))


def _status(**headers: str) -> int:
    return status_for({name.replace("_", "-"): value for name, value in headers.items()}.get, TAG, MODIFIED)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"if_none_match": TAG}, 304),
        ({"if_none_match": f'"x", W/{TAG}'}, 304),
        ({"if_none_match": "*"}, 304),
        ({"if_none_match": '"x"'}, 200),
        ({"if_none_match": "1-a"}, 200),
        ({"if_modified_since": DATE}, 304),
        ({"if_modified_since": AFTER}, 304),
        ({"if_modified_since": BEFORE}, 200),
        ({"if_modified_since": "Sunday, 06-Nov-94 08:49:37 GMT"}, 304),
        ({"if_modified_since": "no date"}, 200),
        ({"if_modified_since": "1" * 65}, 200),
        ({"if_modified_since": "Sun, 06 Nov 99999 08:49:37 GMT"}, 200),
        ({"if_none_match": '"x"', "if_modified_since": DATE}, 200),  # the date does not count
        ({"if_match": TAG}, 200),
        ({"if_match": "*"}, 200),
        ({"if_match": f"W/{TAG}"}, 412),  # a weak tag never matches strongly
        ({"if_match": '"x"'}, 412),
        ({"if_unmodified_since": BEFORE}, 412),
        ({"if_unmodified_since": DATE}, 200),
        ({"if_match": TAG, "if_unmodified_since": BEFORE}, 200),
        ({"if_match": TAG, "if_none_match": TAG}, 304),
    ],
)
def test_preconditions_decide(headers: dict[str, str], status: int) -> None:
    assert _status(**headers) == status


def _part(given: str, size: int = 10, **more: str) -> tuple[int, int] | None:
    headers = {"range": given} | {name.replace("_", "-"): value for name, value in more.items()}
    return part_for(headers.get, TAG, MODIFIED, size)


@pytest.mark.parametrize(
    ("given", "part"),
    [
        ("bytes=0-0", (0, 1)),
        ("bytes=2-4", (2, 5)),
        ("bytes=2-", (2, 10)),
        ("bytes=-3", (7, 10)),
        ("bytes=-99", (0, 10)),
        ("bytes=5-99", (5, 10)),
        ("BYTES= 1-2 ", (1, 3)),
        ("bytes=0-1,3-4", None),
        ("bytes=0-1,99-", None),
        ("lines=0-1", None),
        ("bytes", None),
        ("bytes=", None),
        ("bytes=-", None),
        ("bytes=4-2", None),
        ("bytes=a-b", None),
        ("bytes=" + "9" * 30 + "-", None),
        ("bytes=" + "0-1," * 200, None),
    ],
)
def test_a_range_is_a_part_and_all_else_the_whole(given: str, part: tuple[int, int] | None) -> None:
    assert _part(given) == part


@pytest.mark.parametrize(
    ("given", "size"), [("bytes=10-", 10), ("bytes=-0", 10), ("bytes=10-,11-", 10), ("bytes=0-", 0)]
)
def test_a_range_without_a_byte_of_the_file_is_refused(given: str, size: int) -> None:
    with pytest.raises(Unsatisfiable):
        _part(given, size)


@pytest.mark.parametrize(
    ("condition", "part"),
    [
        (TAG, (0, 1)),
        (DATE, (0, 1)),
        (f"W/{TAG}", None),
        ('"x"', None),
        (AFTER, None),
        (BEFORE, None),
        ("odd", None),
    ],
)
def test_a_range_counts_if_the_file_is_the_same(condition: str, part: tuple[int, int] | None) -> None:
    assert _part("bytes=0-0", if_range=condition) == part


def test_there_may_be_no_range() -> None:
    assert part_for({}.get, TAG, MODIFIED, 10) is None
