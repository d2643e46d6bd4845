"""What a request may give a walker."""

from __future__ import annotations

import datetime
import enum
from typing import Any, ClassVar

import pytest
from pydantic import ValidationError

from walkwire import Node, Walker
from walkwire.walk.archetypes.obj import Obj
from walkwire.walk.walker.fields import holds_files, model_of, values_of


class Color(enum.Enum):
    RED = 1
    BLUE = "b"


class Address(Obj):
    street: str
    number: int = 1


class File:
    """Stands for a web framework's upload."""


class order(Walker):
    name: str
    color: Color = Color.RED
    colors: list[Color] = []
    address: Address | None = None
    when: datetime.date | None = None
    target: Node | None = None
    copy: int = 1
    loose: list = []  # type: ignore[type-arg]
    note: str = None  # type: ignore[assignment]


def given(**fields: Any) -> dict[str, Any]:
    return values_of(model_of(order).model_validate(fields))


def test_fields_are_read_by_the_walker_s_own_names_and_defaults() -> None:
    values = given(name="x", copy=2, when="2026-01-02", color="b", colors=["RED", 1], note=None, unknown=1)

    assert values == {
        "name": "x",
        "copy": 2,
        "when": datetime.date(2026, 1, 2),
        "color": Color.BLUE,
        "colors": [Color.RED, Color.RED],
        "address": None,
        "target": None,
        "loose": [],
        "note": None,
    }
    assert given(name="x")["loose"] is not given(name="x")["loose"]


def test_an_object_is_made_of_its_fields() -> None:
    address = given(name="x", address={"street": "Main"})["address"]

    assert isinstance(address, Address)
    assert (address.street, address.number) == ("Main", 1)


@pytest.mark.parametrize(
    ("fields", "loc", "kind"),
    [
        ({}, ("name",), "missing"),
        ({"name": 1}, ("name",), "string_type"),
        ({"name": "x", "color": "GREEN"}, ("color",), "value_error"),
        ({"name": "x", "address": {"number": 1}}, ("address", "street"), "missing"),
        ({"name": "x", "copy": "many"}, ("copy",), "int_parsing"),
    ],
)
def test_what_does_not_fit_is_named(fields: Any, loc: tuple[str, ...], kind: str) -> None:
    with pytest.raises(ValidationError) as refused:
        given(**fields)

    (error,) = refused.value.errors()
    assert (error["loc"], error["type"]) == (loc, kind)


def test_an_enum_is_described_by_its_values_and_an_object_by_its_fields() -> None:
    schema = model_of(order).model_json_schema()

    assert schema["$defs"]["Color"] == {"enum": [1, "b"], "title": "Color"}
    assert "street" in str(schema["$defs"]["Address"]["properties"])


def test_a_walker_with_a_file_is_known_by_it() -> None:
    class upload(Walker):
        image: File | None = None

    class plain(Walker):
        image: str

    assert not holds_files(plain, File)
    assert not holds_files(order, File)
    assert holds_files(upload, File) or "File" not in str(model_of(upload))


def test_what_is_the_class_s_own_is_one_for_all_instances_and_no_field() -> None:
    class Counted(Obj):
        seen: ClassVar[list[int]] = []
        mine: list[int] = []

    first, second = Counted(), Counted()
    first.seen.append(1)
    first.mine.append(2)
    assert (second.seen, second.mine) == ([1], [])
    assert repr(first).endswith("Counted(mine=[2])")


class Twig(Obj):
    length: int
    next: Twig | None = None


class prune(Walker):
    twig: Twig


def test_an_object_may_hold_another_of_its_class() -> None:
    model = model_of(prune)
    (twig,) = values_of(model.model_validate({"twig": {"length": 1, "next": {"length": 2}}})).values()
    assert (twig.length, twig.next.length, twig.next.next) == (1, 2, None)
    with pytest.raises(ValidationError, match="Field required"):
        model.model_validate({"twig": {"length": 1, "next": {}}})
    assert model.model_json_schema()["$defs"].keys() == {"Twig"}
