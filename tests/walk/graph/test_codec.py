"""Fields to and from the store: what comes back is what went in, and what does not fit is never overwritten."""

from __future__ import annotations

import datetime
import decimal
import enum
import logging
import uuid
from typing import Any

import pytest

from walkwire import Node, Root, Walker, jid, on_entry
from walkwire.errors import RecordError
from walkwire.walk.archetypes.obj import Obj
from walkwire.walk.graph.codec import codec_of


class Color(enum.Enum):
    RED = 1
    BLUE = ("b", 2)


class Address(Obj):
    street: str
    since: datetime.date | None = None


class Everything(Node):
    moment: datetime.datetime
    day: datetime.date
    span: datetime.timedelta
    key: uuid.UUID
    price: decimal.Decimal
    color: Color
    colors: list[Color]
    address: Address | None
    addresses: list[Address]
    loose: list[Any]
    names: dict[int, str]
    tags: set[str]
    pair: tuple[int, str]
    blob: bytes
    big: int
    nan: float
    nothing: str = None  # type: ignore[assignment]
    friend: Everything = None  # type: ignore[assignment]


def everything() -> Everything:
    return Everything(
        moment=datetime.datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=datetime.UTC),
        day=datetime.date(2026, 1, 2),
        span=datetime.timedelta(days=1, microseconds=5),
        key=uuid.UUID(int=7),
        price=decimal.Decimal("1.20"),
        color=Color.BLUE,
        colors=[Color.RED],
        address=Address("Main Street", datetime.date(2020, 1, 1)),
        addresses=[Address("Side Street")],
        loose=[
            1,
            "a",
            None,
            {"k": [True]},
            Address("Nowhere"),
            {"$node": "a", "$$obj": {"$obj": 1}, "$in": [2]},
        ],
        names={1: "one"},
        tags={"x"},
        pair=(1, "a"),
        blob=b"\xff\x00\xfe",
        big=10**40,
        nan=float("nan"),
    )


class store_everything(Walker):
    @on_entry
    def make(self, here: Root) -> None:
        node = here.connect(everything())
        node.friend = node
        self.report(jid(node))


async def test_every_kind_of_value_comes_back_as_it_was(world: Any) -> None:
    class compare(Walker):
        @on_entry
        def all(self, here: Everything) -> None:
            expected = everything()
            assert here.friend is here
            here_fields, fields = dict(vars(here)), dict(vars(expected))
            for one in (here_fields, fields):
                one["friend"] = None
                one["nan"] = str(one["nan"])
                one["address"] = repr(one["address"])
                one["addresses"] = repr(one["addresses"])
                one["loose"] = repr(one["loose"])
            assert here_fields == fields
            self.report("same")

    (reference,) = await world.reports(store_everything)

    assert await world.reports(compare, reference) == ["same"]
    (record,) = world.store.load_nodes([reference.split(":")[2]])
    assert record.version == 1, "reading wrote something"


def put(world: Any, kind: str, data: str) -> str:
    from walkwire.ids import PUBLIC_ROOT, new_id
    from walkwire.store import Changes, NodeRecord, Reads

    id = new_id()
    world.store.commit(Reads(), Changes(new_nodes=[NodeRecord(id, kind, PUBLIC_ROOT, 1, data)]), lambda: None)
    return f"n:{kind}:{id}"


class Person(Node):
    name: str
    age: int = 30


class older(Walker):
    @on_entry
    def birthday(self, here: Person) -> None:
        here.age += 1
        self.report(here)


async def test_a_field_added_to_a_class_takes_its_default_and_a_removed_one_is_kept(world: Any) -> None:
    old = put(world, "Person", '{"name":"Ada","nickname":"A"}')

    (seen,) = await world.reports(older, old)

    assert seen["context"] == {"name": "Ada", "age": 31}
    (record,) = world.store.load_nodes([old.split(":")[2]])
    assert record.data == '{"name":"Ada","age":31,"nickname":"A"}'


async def test_a_record_that_no_longer_fits_is_an_error_that_names_it_and_is_not_overwritten(
    world: Any,
) -> None:
    for data, field in (('{"name":"Ada","age":"old"}', "age"), ('{"age":3}', "name")):
        reference = put(world, "Person", data)

        with pytest.raises(RecordError, match=f"{reference}, field '{field}'"):
            await world.reports(older, reference)

        (record,) = world.store.load_nodes([reference.split(":")[2]])
        assert record.data == data


async def test_a_value_that_does_not_fit_its_field_is_refused_before_the_commit(world: Any) -> None:
    class spoil(Walker):
        value: Any

        @on_entry
        def age(self, here: Person) -> None:
            here.age = self.value

    reference = put(world, "Person", '{"name":"Ada"}')
    for value in ("old", [1], object()):
        with pytest.raises(RecordError, match="field 'age'"):
            await world.reports(spoil, reference, value=value)


async def test_a_node_whose_class_is_gone_is_a_plain_node_and_keeps_its_record(world: Any) -> None:
    class visit_all(Walker):
        @on_entry
        def around(self, here: Node) -> None:
            self.report(here)

    gone = put(world, "Vanished", '{"a":1}')

    assert await world.reports(visit_all, gone) == [{"id": gone, "context": {}}]


def test_fields_that_hide_what_pydantic_would_warn_of_are_ordinary_fields(caplog: Any) -> None:
    class Odd(Node):
        json: str = "j"
        copy: int = 1
        _hidden: int = 2
        model_config: str = "m"

    with caplog.at_level(logging.WARNING):
        text = codec_of(Odd).encode(Odd())

    assert text == '{"json":"j","copy":1,"_hidden":2,"model_config":"m"}'
