"""What a walker declares to report is in OpenAPI, and what it answers fits it."""

from __future__ import annotations

from typing import Any

import jsonschema_rs
import pytest

from tests.server.conftest import Serve
from walkwire.errors import StartError
from walkwire.walk.archetypes.node import Node
from walkwire.walk.walker.specs import specs
from walkwire.walk.walker.walker import Walker


class Shelf(Node):
    name: str
    beside: Shelf | None = None


@specs(methods=["get", "post"], reports=list[Shelf], status_code=201)
class shelve(Walker):
    pass


@specs(reports=int, response_model=dict[str, int])
class own_model(Walker):
    pass


@specs(reports=int, openapi_extra={"x-own": True})
class own_extra(Walker):
    pass


@specs(reports=Shelf)
class by_itself(Walker, background=True):
    pass


class untold(Walker):
    pass


@specs(tells={"moved": "Nobody"}, methods=["websocket"])
class wrong(Walker):
    pass


def _answer(description: Any, path: str, method: str = "post", status: str = "200") -> Any:
    return description["paths"][path][method]["responses"][status]["content"]["application/json"]["schema"]


async def test_reports_are_typed_where_they_are_declared(serve: Serve) -> None:
    http = serve(shelve, own_model, own_extra, by_itself, untold)
    description = (await http.get("/openapi.json")).json()
    for method in ("get", "post"):
        for path in ("/walker/shelve", "/walker/shelve/{node}"):
            schema = _answer(description, path, method, "201")
            assert schema == {"$ref": "#/components/schemas/answer.shelve"}
    assert _answer(description, "/walker/own_model")["type"] == "object"
    assert _answer(description, "/walker/own_extra") == {"$ref": "#/components/schemas/answer.own_extra"}
    assert description["paths"]["/walker/own_extra"]["post"]["x-own"] is True
    assert _answer(description, "/walker/by_itself") == {"$ref": "#/components/schemas/WalkerId"}
    assert _answer(description, "/walker/untold") == {"$ref": "#/components/schemas/WalkerAnswer"}


@pytest.mark.parametrize(
    ("body", "fits"),
    [
        ({"status": 201, "reports": [[{"id": "n:Shelf:1", "context": {"name": "a", "beside": None}}]]}, True),
        ({"status": 201, "reports": []}, True),
        ({"status": 201, "reports": [1]}, False),
        ({"status": 201}, False),
    ],
)
async def test_the_schema_fits_answers(serve: Serve, body: Any, fits: bool) -> None:
    description = (await serve(shelve).get("/openapi.json")).json()
    schema = {"$ref": "#/components/schemas/answer.shelve", "components": description["components"]}
    assert jsonschema_rs.validator_for(schema).is_valid(body) is fits


def test_a_declaration_that_names_nothing_stops_the_start(serve: Serve) -> None:
    with pytest.raises(
        StartError, match=r"Walker wrong, specs: 'tells' of 'moved' is 'Nobody', which names no type"
    ):
        serve(wrong)
