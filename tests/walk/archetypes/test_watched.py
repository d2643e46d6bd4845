"""Fields with references in them: looked up when they are used, and kept when nothing is found."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from walkwire import Node
from walkwire.walk.archetypes.obj import Obj
from walkwire.walk.graph.codec import Resolve, bare, codec_of


class Part(Obj):
    of: Whole | None = None


class Whole(Node):
    number: int = 0
    one: Whole | None = None
    many: list[Whole | None] = []
    named: dict[str, Any] = {}
    both: tuple[Any, ...] = ()
    part: Part | None = None


class Needed(Node):
    other: Whole


FOUND = Whole(number=7)
REFERENCE = {"$node": f"n:Whole:{FOUND.__jac__.id}"}
ABSENT = {"$node": "n:Whole:" + 24 * "a"}
FIELDS: dict[str, Any] = {
    "number": 1,
    "one": ABSENT,
    "many": [REFERENCE, ABSENT, None, ABSENT],
    "named": {"a": [ABSENT], "b": REFERENCE, "$$node": "a text"},
    "both": [REFERENCE, ABSENT],
    "part": {"$obj": "Part", "of": REFERENCE},
}


def whole(asked: list[str]) -> Whole:
    """An instance that is read from a record."""

    def find_all(references: list[str]) -> list[object]:
        asked.extend(references)
        return [FOUND if reference == REFERENCE["$node"] else None for reference in references]

    made = bare(Whole)
    codec_of(Whole).decode(made, json.dumps(FIELDS), Resolve(find_all, {"Part": Part}.get))
    return made


def encoded(one: Whole) -> dict[str, Any]:
    return dict(json.loads(codec_of(Whole).encode(one)))


def test_nothing_is_looked_up_before_it_is_used() -> None:
    asked: list[str] = []
    one = whole(asked)
    assert one.number == 1
    assert encoded(one) == FIELDS
    assert asked == []
    assert one.part is not None
    assert asked == []
    assert one.part.of is FOUND
    assert one.many == [FOUND, None, None, None]
    assert len(asked) == 4
    assert one.many is one.many
    assert len(asked) == 4


def test_what_was_not_found_is_written_as_it_was_read() -> None:
    one = whole([])
    assert one.one is None
    assert one.many.pop(2) is None
    one.many.append(FOUND)
    assert one.named == {"a": [None], "b": FOUND, "$node": "a text"}
    assert one.both == (FOUND, None)
    expected = FIELDS | {"many": [REFERENCE, ABSENT, None, REFERENCE]}
    assert encoded(one) == expected
    # Only an assignment takes a reference away
    one.one, one.many = None, [None]
    assert encoded(one) == expected | {"one": None, "many": [None]}


def test_the_dictionary_of_an_instance_has_all_fields() -> None:
    one = whole([])
    own = vars(one)
    assert set(own) == set(FIELDS)
    assert own["one"] is None
    assert own["many"] == [FOUND, None, None, None]
    assert dict(own)["both"] == (FOUND, None)
    one = whole([])
    vars(one).update(one=FOUND)
    assert one.one is FOUND
    assert encoded(one)["one"] == REFERENCE
    assert copy.copy(whole([])).both == (FOUND, None)


def test_a_class_without_a_default_still_says_which_field_is_absent() -> None:
    one = bare(Needed)
    codec_of(Needed).decode(
        one, json.dumps({"other": ABSENT}), Resolve(lambda references: [None], lambda name: None)
    )
    assert one.other is None
    with pytest.raises(AttributeError, match="other"):
        _ = bare(Needed).other
    assert set(vars(one)) == {"other"}
