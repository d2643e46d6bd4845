"""Ids and references."""

from __future__ import annotations

import re

import pytest

from walkwire.errors import BadReference
from walkwire.ids import ServerIds, new_id, parse_reference, parse_root, root_reference, server_of

HEX = "672b35cec309e5ef8469c372"


def test_object_ids_are_24_lower_case_hex_digits_and_differ() -> None:
    made = {new_id() for _ in range(1000)}

    assert len(made) == 1000
    assert all(re.fullmatch("[0-9a-f]{24}", id) for id in made)


def test_object_ids_sort_in_the_order_in_which_they_were_made() -> None:
    made = [new_id() for _ in range(1000)]

    assert sorted(made) == made


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"n:Thing:{HEX}", ("n", "Thing", HEX)),
        (f"e::{HEX}", ("e", "", HEX)),
        (HEX, ("n", "", HEX)),
        (HEX.upper(), ("n", "", HEX)),
        (f"w:send chat:{HEX}", ("w", "send chat", HEX)),
    ],
)
def test_references_are_read(text: str, expected: tuple[str, str, str]) -> None:
    assert parse_reference(text) == expected


@pytest.mark.parametrize(
    "text", ["", "n:", f"x:Thing:{HEX}", HEX[:-1], HEX + "0", f"n:a:b:{HEX}", f" {HEX}", f"{HEX}\n", None, 7]
)
def test_anything_else_is_a_bad_reference(text: object) -> None:
    with pytest.raises(BadReference):
        parse_reference(text)


def test_a_root_is_named_both_ways() -> None:
    assert parse_root(HEX) == parse_root(root_reference(HEX)) == parse_root(f"n:Root:{HEX}") == HEX
    with pytest.raises(BadReference):
        parse_root(f"e::{HEX}")


def test_made_ids_name_the_server_that_made_them() -> None:
    here, there = ServerIds(), ServerIds()
    made = here.new()

    assert re.fullmatch(r"\d+:[0-9a-f]{32}", made)
    assert server_of(made) == here.server != there.server
    assert server_of("a channel that a client chose") is None
    assert server_of(made + "0") is None
