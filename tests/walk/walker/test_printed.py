"""The schema of an annotation fits what is printed for its values."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal, NamedTuple, NewType, NotRequired, TypedDict
from uuid import UUID

import jsonschema_rs
import pytest
from pydantic import BaseModel
from typing_extensions import TypeAliasType

from walkwire.errors import StartError
from walkwire.walk.archetypes.edge import Edge
from walkwire.walk.archetypes.node import Node
from walkwire.walk.archetypes.obj import Obj
from walkwire.walk.archetypes.root import Root
from walkwire.walk.walker.printed import Printer, declared
from walkwire.walk.walker.report import encode, encode_reports
from walkwire.walk.walker.specs import specs, specs_of
from walkwire.walk.walker.walker import Walker


class Colour(Enum):
    RED = "red"
    BLUE = 2


class Remark(Obj):
    """What is said."""

    text: str
    answers: list[Remark] = []


class Place(Node):
    name: str
    colour: Colour = Colour.RED
    colours: list[Colour] = []
    remark: Remark | None = None
    by_name: dict[str, Remark] = {}
    next: Place | None = None
    unknown: Nothing = None  # type: ignore[name-defined]  # noqa: F821 - a name that is not there


class Near(Place):
    metres: float = 0.0


class Way(Edge):
    likes: int = 0


@dataclasses.dataclass
class Point:
    x: int
    y: float | None = None


class Pair(NamedTuple):
    left: str
    right: int


class Wish(TypedDict):
    place: Place
    remark: NotRequired[Remark]


class Setting(BaseModel):
    colour: Colour
    name: str = ""


Name = NewType("Name", str)
REMARK = Remark("hello", [Remark("you")])

PRINTED: list[tuple[Any, object]] = [
    (str, "a"),
    (int, 2**70),
    (float, 0.5),
    (bool, True),
    (None, None),
    (int | None, None),
    ("int | str", "a"),
    (Any, object()),
    (bytes, b"abc"),
    (datetime, datetime(2026, 1, 1, tzinfo=UTC)),
    (date, date(2026, 1, 1)),
    (time, time(1)),
    (timedelta, timedelta(1)),
    (UUID, UUID(int=1)),
    (Decimal, Decimal("0.1")),
    (Name, "a"),
    (Annotated[int, "so many"], 1),
    (Literal["a", 1], 1),
    (TypeAliasType("Alias", list[int]), [1]),
    (Colour, Colour.BLUE),
    (list[Colour], [Colour.RED]),
    (Place, Place("a", remark=REMARK, colours=[Colour.BLUE], by_name={"b": REMARK}, next=Place("b"))),
    (Place, Near("a")),
    (Root, Root()),
    (Way, Way(1)),
    (Remark, REMARK),
    (list[Remark], [REMARK]),
    (dict[str, list[Remark]], {"a": [REMARK]}),
    (Mapping[str, int], {"a": 1}),
    (tuple[Remark, int], (REMARK, 1)),
    (tuple[int, ...], (1, 2, 3)),
    (tuple[()], ()),
    (set[int], {1}),
    (Sequence[int], [1]),
    (list["Remark"], [REMARK]),
    (Point, Point(1)),
    (Pair, Pair("a", 1)),
    (Wish, {"place": Place("a"), "remark": REMARK}),
    (Setting, Setting(colour=Colour.BLUE)),
    (list, [1, "a"]),
    (dict, {"a": 1}),
]


def _name(value: object) -> str:
    return str(getattr(value, "__name__", type(value).__name__))


def _owner() -> type:
    return Place


@pytest.mark.parametrize(("annotation", "value"), PRINTED, ids=_name)
def test_a_reported_value_fits_the_schema(annotation: Any, value: object) -> None:
    printer = Printer()
    schema = printer.reported(annotation, _owner())
    if annotation is Any:
        assert schema == {}
        return
    _check(schema, printer, json.loads(encode_reports([value]))[0])
    if annotation is not dict:
        assert not jsonschema_rs.validator_for(_whole(schema, printer)).is_valid({"odd": ["value"]})


@pytest.mark.parametrize(
    ("annotation", "value"),
    [one for one in PRINTED if one[0] is not Any],
    ids=_name,
)
def test_a_notified_value_fits_the_schema(annotation: Any, value: object) -> None:
    printer = Printer()
    schema = printer.notified(annotation, _owner())
    _check(schema, printer, json.loads(encode({"data": value}))["data"])


def _whole(schema: dict[str, Any], printer: Printer) -> dict[str, Any]:
    return {**schema, "$defs": printer.definitions}


def _check(schema: dict[str, Any], printer: Printer, value: Any) -> None:
    jsonschema_rs.validate(_whole(schema, printer), value)


def test_an_object_has_an_id_where_it_is_reported_and_none_inside_fields() -> None:
    printer = Printer()
    assert printer.reported(Remark, Place) == {"$ref": "#/$defs/RemarkObject"}
    assert printer.notified(Remark, Place) == {"$ref": "#/$defs/Remark"}
    assert printer.definitions["Remark"]["description"] == "What is said."
    assert printer.definitions["Place" if "Place" in printer.definitions else "Remark"]["type"] == "object"


def test_a_dictionary_has_two_forms_only_if_they_differ() -> None:
    class Plain(TypedDict):
        text: str

    printer = Printer()
    assert printer.reported(Plain, Place) == printer.notified(Plain, Place) == {"$ref": "#/$defs/Plain"}
    assert list(printer.definitions) == ["Plain"]
    assert printer.reported(Wish, Place) != printer.notified(Wish, Place)


def test_classes_of_one_name_are_told_apart() -> None:
    other: type = type("Point", (), {"__annotations__": {"z": int}})
    printer = Printer("#/x/")
    assert printer.reported(Point, Place) == {"$ref": "#/x/Point"}
    assert printer.reported(dataclasses.dataclass(other), Place) == {"$ref": "#/x/Point2"}
    assert printer.reported(Point, Place) == {"$ref": "#/x/Point"}


def test_what_is_declared_is_evaluated_in_the_walkers_module() -> None:
    @specs(reports="list[Later]", tells={"moved": "Remark", "none": None})
    class telling(Walker):
        pass

    class Later(Node):
        pass

    found = declared(telling, specs_of(telling))
    assert found.has_reports
    assert found.reports == list[Later]
    assert found.tells == {"moved": Remark, "none": None}

    @specs(tells={"moved": "Nobody"})
    class wrong(Walker):
        pass

    with pytest.raises(
        StartError, match=r"Walker wrong, specs: 'tells' of 'moved' is 'Nobody', which names no type"
    ):
        declared(wrong, specs_of(wrong))


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ({"reports": 1}, "'reports' is a type, or the text of one, not 1"),
        ({"tells": Remark}, "'tells' is a dictionary of types by the names of notifications"),
        ({"tells": {"": int}}, "'tells' is a dictionary of types"),
        ({"tells": {"a": [int]}}, "'tells' is a type, or the text of one"),
    ],
)
def test_what_is_no_declaration_is_refused(keys: dict[str, Any], sentence: str) -> None:
    class odd(Walker):
        pass

    with pytest.raises(StartError, match=sentence):
        specs(**keys)(odd)
