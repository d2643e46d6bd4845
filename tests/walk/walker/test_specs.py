"""How a walker says the way it is exposed, and what it is told when it says it wrong."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Any, ClassVar

import pytest

from walkwire.errors import StartError
from walkwire.walk.walker.specs import Specs, Webhook, specs, specs_of


def _walker(**keys: Any) -> type:
    return type("greet", (), {"__specs__": type("__specs__", (), keys)})


def test_a_walker_without_specs_is_a_post_for_those_who_signed_in() -> None:
    assert specs_of(type("greet", (), {})) == Specs()
    assert Specs().methods == ("post",)
    assert Specs().auth
    assert Specs().rerun
    assert Specs().tags == ("Walker APIs",)


def test_specs_are_read_from_a_class_inside() -> None:
    class greet:
        class __specs__:
            methods = ("GET", "websocket", "get")
            auth = False
            entry_type = "root"

    read = specs_of(greet)
    assert read.methods == ("get", "websocket")
    assert read.http_methods == ("get",)
    assert not read.auth
    assert read.entry_type == "ROOT"


def test_specs_are_read_from_the_fields_of_a_class_as_jac_makes_it() -> None:
    class greet:
        @dataclass
        class __specs__:
            methods: list[str] = field(default_factory=lambda: ["post", "websocket"])
            excluded: str = "b"
            auth: ClassVar[bool] = False
            status_code: str = "201"

            def postinit(self) -> None: ...

    read = specs_of(greet)
    assert read.methods == ("post", "websocket")
    assert read.excluded == ("b",)
    assert not read.auth
    assert read.status_code == 201


def test_specs_are_given_by_a_decorator() -> None:
    @specs(methods=["put"], path="/a/{x}/{y}", as_query="*")
    class greet: ...

    assert specs_of(greet) == Specs(methods=("put",), path="/a/{x}/{y}", as_query="*")
    assert specs_of(greet).path_fields == ("x", "y")

    @specs
    class wave: ...

    assert specs_of(wave) == Specs()


def test_a_derived_walker_has_the_specs_of_its_base_unless_it_has_its_own() -> None:
    @specs(methods=["get"], auth=False)
    class greet: ...

    class heir(greet): ...

    class own(greet):
        class __specs__:
            methods = ("put",)

    class more(greet):
        class __specs__(greet.__specs__):  # type: ignore[name-defined, misc]
            methods = ("put",)

    assert specs_of(heir) == specs_of(greet)
    assert specs_of(own) == Specs(methods=("put",))
    assert specs_of(more) == Specs(methods=("put",), auth=False)


def test_a_private_walker_has_no_http_methods() -> None:
    assert specs_of(_walker(private=True)).http_methods == ()


def test_an_entry_type_may_be_of_an_enum() -> None:
    class Entry(Enum):
        NODE = "NODE"

    assert specs_of(_walker(entry_type=Entry.NODE)).entry_type == "NODE"


def test_none_is_the_default_where_jac_cloud_took_it() -> None:
    read = specs_of(_walker(tags=None, as_query=None, status_code=None, webhook=None, schedule=None))
    assert read == Specs()


def test_an_unknown_key_is_refused_with_the_walker_and_the_key() -> None:
    with pytest.raises(StartError, match="Walker greet, specs: 'method' is not a key of specs"):
        specs_of(_walker(method=["get"]))
    with pytest.raises(StartError, match="Walker wave, specs: 'method' is not a key of specs"):

        @specs(method=["get"])
        class wave: ...


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("path", 1),
        ("path", "a b"),
        ("path", "a?b"),
        ("path", "{x}/{x}"),
        ("path", "{x"),
        ("path", "{1}"),
        ("methods", "post"),
        ("methods", ["post", "fetch"]),
        ("methods", [1]),
        ("as_query", [1]),
        ("excluded", 1),
        ("auth", "no"),
        ("private", None),
        ("entry_type", "edge"),
        ("rerun", 1),
        ("status_code", 99),
        ("status_code", "ok"),
        ("status_code", True),
        ("tags", "one"),
        ("summary", 1),
        ("responses", []),
        ("openapi_extra", "x"),
        ("deprecated", "yes"),
        ("include_in_schema", "yes"),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused_with_the_walker_and_the_key(key: str, value: object) -> None:
    with pytest.raises(StartError, match=f"Walker greet, specs: '{key}' .*, not "):
        specs_of(_walker(**{key: value}))


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ({}, Webhook("header", "X-API-KEY")),
        ({"type": "QUERY", "name": "k"}, Webhook("query", "k")),
        ({"type": "body"}, Webhook("body", "X-API-KEY")),
        (None, None),
    ],
)
def test_a_webhook_s_key_comes_where_the_specs_say(given: object, read: object) -> None:
    assert specs_of(_walker(webhook=given)).webhook == read


def test_specs_that_are_not_a_class_are_refused() -> None:
    with pytest.raises(StartError, match="Walker greet: __specs__ is a class, not "):
        specs_of(type("greet", (), {"__specs__": {"methods": ["get"]}}))


def test_on_takes_occasions_and_hides_the_walker_from_clients() -> None:
    read = specs_of(_walker(on=["connect", "join:room:*"]))
    assert read.on == ("connect", "join:room:*")
    assert read.methods == ()
    assert specs_of(_walker(on="leave:*", methods=["post"])).methods == ("post",)
    for wrong in ("joins", "join", "join:", "connect:den", 1, ["connect", 1]):
        with pytest.raises(StartError, match="'on' is a list"):
            specs_of(_walker(on=wrong))
