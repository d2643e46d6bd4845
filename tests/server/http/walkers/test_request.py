"""Files over REST, and what OpenAPI says of a walker."""

from __future__ import annotations

import asyncio
import json
import threading
from dataclasses import field
from typing import Any

import pytest
from fastapi import UploadFile
from pydantic import BaseModel

from tests.server.conftest import Asked, Serve
from walkwire.errors import StartError
from walkwire.server.http.walkers.request import event_model_of
from walkwire.walk.walker.fields import values_of
from walkwire.walk.walker.specs import Specs, specs
from walkwire.walk.walker.walker import Walker


@specs(auth=False)
class post_files(Walker):
    single: UploadFile
    multiple: list[UploadFile]
    optional: UploadFile | None = None


@specs(auth=False)
class post_file_and_fields(Walker):
    single: UploadFile
    count: int
    label: str = "none"


@specs(auth=False)
class post_file_and_optional_fields(Walker):
    single: UploadFile
    label: str = "none"


FILES = [
    ("single", ("a.txt", b"one", "text/plain")),
    ("multiple", ("b.txt", b"two")),
    ("multiple", ("c.txt", b"three")),
]


async def test_files_come_as_uploads(serve: Serve, asked: Asked) -> None:
    answer = await serve(post_files).post("/walker/post_files", files=FILES)
    assert answer.status_code == 200, answer.text
    (values,) = asked.values
    assert (values["single"].filename, values["single"].content_type, values["single"].size) == (
        "a.txt",
        "text/plain",
        3,
    )
    assert [upload.filename for upload in values["multiple"]] == ["b.txt", "c.txt"]
    assert values["optional"] is None


async def test_a_missing_file_is_told(serve: Serve) -> None:
    answer = await serve(post_files).post("/walker/post_files", files=FILES[1:])
    assert answer.status_code == 422
    assert [(error["type"], error["loc"]) for error in answer.json()["detail"]] == [
        ("missing", ["body", "single"])
    ]


async def test_json_where_files_are_needed_is_told(serve: Serve) -> None:
    answer = await serve(post_files).post("/walker/post_files", json={"single": "x", "multiple": []})
    assert answer.status_code == 422
    assert [error["loc"] for error in answer.json()["detail"]] == [["body", "single"], ["body", "multiple"]]


@pytest.mark.parametrize("as_file", [True, False])
async def test_fields_beside_files_are_a_json_part_named_body(
    as_file: bool, serve: Serve, asked: Asked
) -> None:
    text = '{"count": "7"}'
    files: list[Any] = [FILES[0]]
    files += [("body", ("body.json", text, "application/json"))] if as_file else []
    data = {} if as_file else {"body": text}
    client = serve(post_file_and_fields)
    answer = await client.post("/walker/post_file_and_fields", files=files, data=data)
    assert answer.status_code == 200, answer.text
    (values,) = asked.values
    assert values["count"] == 7
    assert values["single"].filename == "a.txt"


@pytest.mark.parametrize(
    ("text", "kind", "place"),
    [
        (None, "missing", ["body", "body"]),
        ("{", "json_invalid", ["body", "body"]),
        ('{"count":"\\ud800"}', "json_invalid", ["body", "body"]),
        ("{}", "missing", ["body", "body", "count"]),
        ('{"count":"many"}', "int_parsing", ["body", "body", "count"]),
    ],
)
async def test_bad_fields_beside_files_are_told(
    text: str | None, kind: str, place: list[str], serve: Serve, asked: Asked
) -> None:
    data = {} if text is None else {"body": text}
    client = serve(post_file_and_fields)
    answer = await client.post("/walker/post_file_and_fields", files=FILES[:1], data=data)
    assert answer.status_code == 422
    assert [(error["type"], error["loc"]) for error in answer.json()["detail"]] == [(kind, place)]
    assert asked.walkers == []


@specs(auth=False)
class takes_numbers(Walker):
    numbers: list[int]


@specs(auth=False)
class takes_numbers_and_a_file(Walker):
    numbers: list[int]
    single: UploadFile


@pytest.mark.parametrize(("count", "told"), [(100, 100), (101, 1), (100_000, 1)])
async def test_of_very_many_wrong_values_only_their_number_is_told(
    count: int, told: int, serve: Serve
) -> None:
    body = {"numbers": ["x"] * count}
    client = serve(takes_numbers, takes_numbers_and_a_file)
    files = [*FILES[:1], ("body", ("body.json", json.dumps(body)))]
    for answer in (
        await client.post("/walker/takes_numbers", json=body),
        await client.post("/walker/takes_numbers_and_a_file", files=files),
    ):
        assert answer.status_code == 422
        details = answer.json()["detail"]
        assert len(details) == told
        if told == 1:
            assert (details[0]["type"], details[0]["msg"]) == ("too_many_errors", f"{count} values are wrong")


async def test_a_json_part_is_no_longer_than_a_body_may_be(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("walkwire.server.http.walkers.request.PART_LIMIT", 100)
    files = [*FILES[:1], ("body", ("body.json", json.dumps({"numbers": [1] * 100})))]
    answer = await serve(takes_numbers_and_a_file).post("/walker/takes_numbers_and_a_file", files=files)
    assert answer.status_code == 422
    assert [error["type"] for error in answer.json()["detail"]] == ["json_too_large"]


async def test_fields_beside_files_may_be_left_out_when_none_is_required(serve: Serve, asked: Asked) -> None:
    client = serve(post_file_and_optional_fields)
    answer = await client.post("/walker/post_file_and_optional_fields", files=FILES[:1])
    assert answer.status_code == 200, answer.text
    assert set(asked.values[0]) == {"single"}


@specs(methods=["get", "post"], path="{place}", as_query=["page", "tags"])
class described(Walker):
    """Looks around.

    And tells."""

    place: str
    text: str
    page: int = 1
    tags: list[str] = field(default_factory=list)
    limit: float | None = None


async def test_openapi_describes_a_walker_as_it_is(serve: Serve) -> None:
    api = (await serve(described).get("/openapi.json")).json()
    assert set(api["paths"]["/walker/described/{place}"]) == {"get", "post"}
    operation = api["paths"]["/walker/described/{place}/{node}"]["post"]
    assert operation["operationId"] == "post_described_at_node"
    assert operation["description"] == "Looks around.\n\nAnd tells."
    assert operation["tags"] == ["Walker APIs"]
    assert operation["security"] == [{"Bearer": []}]
    parameters = {(one["in"], one["name"], one["required"]) for one in operation["parameters"]}
    assert parameters == {
        ("header", "Idempotency-Key", False),
        ("path", "place", True),
        ("path", "node", True),
        ("query", "page", False),
        ("query", "tags", False),
    }
    assert operation["requestBody"]["required"]
    body = _schema(api, operation["requestBody"]["content"]["application/json"]["schema"])
    assert body["required"] == ["text"]
    assert body["properties"] == {
        "text": {"type": "string", "title": "Text"},
        "limit": {"anyOf": [{"type": "number"}, {"type": "null"}], "title": "Limit"},
    }
    answer = _schema(api, operation["responses"]["200"]["content"]["application/json"]["schema"])
    assert set(answer["properties"]) == {"status", "reports"}
    assert set(operation["responses"]) == {"200", "400", "401", "403", "409", "422", "500", "503", "504"}


async def test_openapi_says_when_nothing_needs_to_be_sent(serve: Serve) -> None:
    @specs(auth=False)
    class free(Walker):
        text: str = "a"

    @specs(auth=False)
    class bare(Walker):
        pass

    paths = (await serve(free, bare).get("/openapi.json")).json()["paths"]
    operation = paths["/walker/free"]["post"]
    assert not operation["requestBody"].get("required", False)
    assert "security" not in operation
    assert "401" not in operation["responses"]
    assert "requestBody" not in paths["/walker/bare"]["post"]


async def test_openapi_describes_files(serve: Serve) -> None:
    api = (await serve(post_file_and_fields, post_files).get("/openapi.json")).json()
    content = api["paths"]["/walker/post_file_and_fields"]["post"]["requestBody"]["content"]
    form = _schema(api, content["multipart/form-data"]["schema"])
    assert set(form["required"]) == {"single", "body"}
    assert _schema(api, form["properties"]["body"])["required"] == ["count"]
    content = api["paths"]["/walker/post_files"]["post"]["requestBody"]["content"]
    form = _schema(api, content["multipart/form-data"]["schema"])
    assert set(form["required"]) == {"single", "multiple"}
    assert form["properties"]["multiple"]["type"] == "array"


async def test_openapi_shows_what_the_specs_say(serve: Serve) -> None:
    @specs(
        auth=False,
        entry_type="root",
        tags=["Documented"],
        summary="A summary",
        description="A description",
        status_code=201,
        response_description="Made",
        responses={"201": {"links": {"a": {"description": "b"}}}, 404: {"description": "Nowhere"}},
        deprecated=True,
        openapi_extra={"x-own": 1},
        response_model=dict[str, int],
    )
    class documented(Walker):
        pass

    @specs(include_in_schema=False)
    class unlisted(Walker):
        pass

    paths = (await serve(documented, unlisted).get("/openapi.json")).json()["paths"]
    assert [path for path in paths if path.startswith("/walker")] == ["/walker/documented"]
    operation = paths["/walker/documented"]["post"]
    assert (operation["tags"], operation["summary"], operation["description"]) == (
        ["Documented"],
        "A summary",
        "A description",
    )
    assert operation["deprecated"]
    assert operation["x-own"] == 1
    made = operation["responses"]["201"]
    assert made["description"] == "Made"
    assert made["links"] == {"a": {"description": "b"}}
    assert made["content"]["application/json"]["schema"]["additionalProperties"] == {"type": "integer"}
    assert operation["responses"]["404"] == {"description": "Nowhere"}


async def test_the_documentation_pages_are_there(serve: Serve) -> None:
    client = serve(described)
    for path in ("/docs", "/redoc"):
        answer = await client.get(path)
        assert answer.status_code == 200
        assert "/openapi.json" in answer.text


def _schema(api: Any, schema: Any) -> Any:
    if "$ref" in schema:
        return api["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


async def test_openapi_is_made_once_and_off_the_loop(serve: Serve) -> None:
    threads: list[threading.Thread] = []

    class Told(BaseModel):
        @classmethod
        def __get_pydantic_json_schema__(cls, *_: Any) -> dict[str, Any]:
            threads.append(threading.current_thread())
            return {"type": "string"}

    @specs(response_model=Told)
    class watched(Walker):
        pass

    client = serve(watched)
    both = await asyncio.gather(client.get("/openapi.json"), client.get("/openapi.yaml"))
    assert both[0].json() == both[1].json()
    made = len(threads)
    await client.get("/openapi.json")
    assert len(threads) == made > 0
    assert threading.current_thread() not in threads
    assert len(set(threads)) == 1


async def test_a_walker_that_takes_files_has_no_key_in_the_body(serve: Serve) -> None:
    @specs(webhook={"type": "body", "name": "key"})
    class wrong(Walker):
        file: UploadFile

    with pytest.raises(StartError, match="Walker wrong, specs: it takes files"):
        serve(wrong)


async def test_an_event_may_set_the_fields_that_rest_takes() -> None:
    class priced(Walker):
        article: str
        price: int = 100

    assert [field.alias for field in event_model_of(priced, Specs()).model_fields.values()] == [
        "article",
        "price",
    ]
    model = event_model_of(priced, Specs(excluded=("price",)))
    assert values_of(model.model_validate({"article": "tea", "price": 1})) == {"article": "tea"}
    with pytest.raises(StartError):  # `article` has no default
        event_model_of(priced, Specs(excluded="*"))


@pytest.mark.parametrize(
    ("excluded", "sentence"),
    [(("prise",), "'excluded' names 'prise', which is no field"), (("article",), "needs a default")],
)
async def test_excluded_fields_of_a_walker_for_events_only_are_checked(
    excluded: tuple[str, ...], sentence: str
) -> None:
    class priced(Walker):
        article: str
        price: int = 100

    with pytest.raises(StartError, match=sentence):
        event_model_of(priced, Specs(excluded=excluded, methods=("websocket",)))
