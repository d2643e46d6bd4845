"""How reports are written as JSON."""

from __future__ import annotations

import datetime
import decimal
import enum
import json
import uuid
from dataclasses import dataclass
from typing import Any

import pytest

from walkwire import Edge, Node, Root, Walker
from walkwire.errors import NotPrintable
from walkwire.walk.archetype import reference_of
from walkwire.walk.archetypes.obj import Obj
from walkwire.walk.walker.report import answer, encode, encode_body, encode_reports


class Color(enum.Enum):
    RED = 7


class Address(Obj):
    street: str


class Person(Node):
    name: str
    color: Color = Color.RED
    address: Address | None = None
    friend: Person | None = None
    tags: Any = None


class Knows(Edge):
    since: int = 2020


class greet(Walker):
    word: str = "hi"


@dataclass
class Point:
    x: Any


class IntColor(enum.IntEnum):
    BLUE = 3


class Text(str):
    pass


def test_archetypes_print_with_their_reference_and_inside_a_field_an_obj_is_plain() -> None:
    person = Person("Ada", address=Address("Main"))
    printed = json.loads(encode(person))

    assert printed["id"] == f"n:Person:{person.__jac__.id}"
    assert printed["context"] == {
        "name": "Ada",
        "color": "RED",
        "address": {"street": "Main"},
        "friend": None,
        "tags": None,
    }
    for archetype, letter, name in (
        (Knows(), "e", "Knows"),
        (greet(), "w", "greet"),
        (Address("x"), "o", "Address"),
    ):
        assert json.loads(encode(archetype))["id"] == f"{letter}:{name}:{archetype.__jac__.id}"
    root = Root()
    assert json.loads(encode(root)) == {"id": f"n::{root.__jac__.id}", "context": {}}


def test_a_node_inside_a_field_prints_like_one_and_a_circle_ends() -> None:
    ada, bob = Person("Ada"), Person("Bob")
    ada.friend, bob.friend = bob, ada

    printed = json.loads(encode(ada))

    assert printed["context"]["friend"]["context"]["name"] == "Bob"
    assert printed["context"]["friend"]["context"]["friend"] == {"id": printed["id"]}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Color.RED, "7"),
        ([Color.RED], "[7]"),
        ({"c": Color.RED, Color.RED: [Color.RED]}, '{"c":7,"7":[7]}'),
        ((Color.RED, {Color.RED}), "[7,[7]]"),
        (Point(Color.RED), '{"x":"RED"}'),
        (IntColor.BLUE, "3"),
        (datetime.datetime(2026, 1, 2, 3, 4), '"2026-01-02T03:04:00"'),  # noqa: DTZ001
        (datetime.date(2026, 1, 2), '"2026-01-02"'),
        (datetime.time(3, 4), '"03:04:00"'),
        (datetime.timedelta(hours=1), '"PT3600S"'),
        (uuid.UUID(int=1), '"00000000-0000-0000-0000-000000000001"'),
        (decimal.Decimal("1.20"), '"1.20"'),
        ({1}, "[1]"),
        (frozenset({1}), "[1]"),
        ((1, 2), "[1,2]"),
        (b"\xff\xfe\xfd?", '"//79Pw=="'),
        (float("nan"), "null"),
        (float("-inf"), "null"),
        (2**64, "18446744073709551616"),
        (-(10**30), "-1000000000000000000000000000000"),
        (2**63, "9223372036854775808"),
        (True, "true"),
        ("ä\u2028", '"ä\u2028"'),
        (Text("t"), '"t"'),
        ({2: 2, None: 3, True: 4}, '{"2":2,"null":3,"true":4}'),
        (Point(1), '{"x":1}'),
    ],
)
def test_values(value: Any, expected: str) -> None:
    assert encode(value).decode() == expected


@pytest.mark.parametrize("value", [object(), [lambda: 1], {"a": {object()}}, {object(): 1}])
def test_anything_else_is_refused_with_its_type(value: Any) -> None:
    with pytest.raises(NotPrintable, match=r"type (object|function) "):
        encode(value)


def test_in_a_report_an_obj_in_lists_and_dictionaries_has_its_reference() -> None:
    """As Jac Cloud reports it; in tuples, in fields and in notifications an obj is its fields."""
    street, plain = Address("Main"), {"street": "Main"}
    whole = {"id": reference_of(street), "context": plain}
    person = Person("Ada", address=street)
    person.tags = [Color.RED, {"c": Color.RED, "a": street}]
    reports = [{"a": street, "l": [{"a": street}], "t": (street,), "c": Color.RED}, {"p": person}]

    (first, second) = json.loads(encode_reports(reports))

    assert first == {"a": whole, "l": [{"a": whole}], "t": [plain], "c": 7}
    assert second["p"]["context"]["address"] == plain
    assert second["p"]["context"]["color"] == "RED"
    assert second["p"]["context"]["tags"] == [7, {"c": 7, "a": plain}]
    assert json.loads(answer(200, reports, None))["reports"] == [first, second]
    assert json.loads(encode({"a": street, "c": Color.RED})) == {"a": plain, "c": 7}


def holds_itself() -> list[Any]:
    value: list[Any] = []
    value.append(value)
    return value


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (holds_itself(), r"A list that holds itself, or is nested too deeply"),
        ("\ud800", "A str with text that is not valid Unicode"),
        ({"a": "\ud800"}, "A dict with text that is not valid Unicode"),
    ],
    ids=["recursive", "surrogate", "surrogate inside"],
)
def test_a_value_that_cannot_be_walked_through_or_encoded_is_refused_with_its_type(
    value: Any, why: str
) -> None:
    for write in (
        lambda: encode(value),
        lambda: encode_body(value),
        lambda: answer(200, [1, value], None),
        lambda: answer(200, [1], [value]),
    ):
        with pytest.raises(NotPrintable, match=why):
            write()


def test_an_answer_has_reports_always_and_returns_only_when_asked_for() -> None:
    assert answer(200, [], None) == b'{"status":200,"reports":[]}'
    assert answer(201, [1], [None, "x"]) == b'{"status":201,"reports":[1],"returns":[null,"x"]}'
