"""Walkers over REST: where they are, who may call them, what they are given, what is answered."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import field
from enum import Enum
from typing import Any

import pytest
from fastapi import routing
from fastapi.exceptions import FastAPIError
from starlette.responses import PlainTextResponse

from tests.server.conftest import Asked, Serve
from walkwire.config import Config
from walkwire.dialect.traverse import traverse
from walkwire.errors import (
    BadReference,
    Busy,
    Conflict,
    Internal,
    NoAccess,
    PublicError,
    StartError,
    TimedOut,
)
from walkwire.ids import PUBLIC_ROOT
from walkwire.server.http import route
from walkwire.store import Store
from walkwire.walk.archetypes.obj import Obj
from walkwire.walk.run.answer import WalkAnswer
from walkwire.walk.walker.specs import specs
from walkwire.walk.walker.walker import Walker

Bearer = Callable[[], Awaitable[dict[str, str]]]
NODE = "n:Thing:" + "a" * 24


@specs(auth=False)
class open_one(Walker):
    text: str = "hello"
    count: int = 1


class closed_one(Walker):
    text: str


class Colour(Enum):
    RED = 1


class Box(Obj):
    size: int


@specs(auth=False)
class typed(Walker):
    colour: Colour
    box: Box
    boxes: dict[str, list[int]]
    copy: str = "a name that pydantic keeps for itself"


async def test_the_answer_of_the_walk_is_the_body_as_it_is(serve: Serve, asked: Asked) -> None:
    asked.answer = WalkAnswer(201, b'{"status":201,"reports":[{"a":1}]}')
    answer = await serve(open_one).post("/walker/open_one", json={})
    assert (answer.status_code, answer.content) == (201, asked.answer.body)
    assert answer.headers["content-type"] == "application/json"
    assert (asked.walkers, asked.nodes) == ([open_one], [None])


async def test_a_response_of_the_program_is_sent_as_it_is(serve: Serve, asked: Asked) -> None:
    asked.answer = WalkAnswer(200, b"", PlainTextResponse("mine", 203, {"X-Mine": "yes"}))
    answer = await serve(open_one).post("/walker/open_one")
    assert (answer.status_code, answer.text, answer.headers["x-mine"]) == (203, "mine", "yes")


async def test_an_answer_without_content_has_none(serve: Serve, asked: Asked) -> None:
    asked.answer = WalkAnswer(204, b'{"status":204,"reports":[]}')
    answer = await serve(open_one).post("/walker/open_one")
    assert (answer.status_code, answer.content) == (204, b"")


async def test_a_status_that_ends_no_answer_is_a_fault(
    serve: Serve, asked: Asked, caplog: pytest.LogCaptureFixture
) -> None:
    asked.answer = WalkAnswer(100, b"{}")
    answer = await serve(open_one).post("/walker/open_one")
    assert answer.status_code == 500
    assert "set the status 100" in caplog.text


async def test_a_walk_begins_at_the_root_or_at_the_node_of_the_path(serve: Serve, asked: Asked) -> None:
    client = serve(open_one)
    for node in (NODE, "a" * 24, "n::" + "A" * 24):
        assert (await client.post(f"/walker/open_one/{node}")).status_code == 200
    assert asked.nodes == [NODE, "a" * 24, "n::" + "A" * 24]


@pytest.mark.parametrize(
    "node", ["x", "n:Thing:abc", "e:Road:" + "a" * 24, "w::" + "a" * 24, "a" * 25, "%20" + "a" * 24]
)
async def test_a_malformed_node_is_refused_as_bad_input(node: str, serve: Serve, asked: Asked) -> None:
    answer = await serve(open_one).post(f"/walker/open_one/{node}")
    assert answer.status_code == 422
    assert [(error["type"], error["loc"]) for error in answer.json()["detail"]] == [
        ("string_pattern_mismatch", ["path", "node"])
    ]
    assert asked.walkers == []


@pytest.mark.parametrize(
    ("entry_type", "served"), [("ROOT", (200, 404)), ("NODE", (404, 200)), ("BOTH", (200, 200))]
)
async def test_the_entry_type_says_where_a_walk_may_begin(
    entry_type: str, served: tuple[int, int], serve: Serve
) -> None:
    class entering(Walker):
        pass

    client = serve(specs(entry_type=entry_type, auth=False)(entering))
    at_root = await client.post("/walker/entering")
    at_node = await client.post(f"/walker/entering/{NODE}")
    assert (at_root.status_code, at_node.status_code) == served


async def test_who_signed_in_walks_as_their_root(
    serve: Serve, asked: Asked, bearer: Bearer, store: Store
) -> None:
    headers = await bearer()
    answer = await serve(closed_one).post("/walker/closed_one", json={"text": "a"}, headers=headers)
    assert answer.status_code == 200
    user = store.user_by_email("ada@example.com")
    assert user is not None
    assert asked.roots == [user.root_id]


async def test_a_walker_without_auth_runs_as_the_public_user_whoever_calls(
    serve: Serve, asked: Asked, bearer: Bearer
) -> None:
    client = serve(open_one)
    for headers in (await bearer(), {"Authorization": "Bearer nonsense"}, {}):
        assert (await client.post("/walker/open_one", headers=headers)).status_code == 200
    assert asked.roots == [PUBLIC_ROOT] * 3


@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": ""}, {"Authorization": "Bearer"}, {"Authorization": "Basic YTpi"}]
)
async def test_without_a_token_one_is_not_authenticated(
    headers: dict[str, str], serve: Serve, asked: Asked
) -> None:
    answer = await serve(closed_one).post("/walker/closed_one", json={"text": "a"}, headers=headers)
    assert (answer.status_code, answer.json()) == (403, {"detail": "Not authenticated"})
    assert asked.walkers == []


async def test_with_a_bad_token_one_is_unauthorized(serve: Serve, asked: Asked) -> None:
    headers = {"Authorization": "Bearer nonsense"}
    answer = await serve(closed_one).post("/walker/closed_one", json={"text": "a"}, headers=headers)
    assert (answer.status_code, answer.json()) == (401, {"detail": "Unauthorized"})
    assert answer.headers["www-authenticate"] == "Bearer"
    assert asked.walkers == []


async def test_the_scheme_is_taken_in_any_case(serve: Serve, bearer: Bearer) -> None:
    token = (await bearer())["Authorization"].removeprefix("Bearer ")
    for scheme in ("bearer", "BEARER"):
        headers = {"Authorization": f"{scheme} {token}"}
        answer = await serve(closed_one).post("/walker/closed_one", json={"text": "a"}, headers=headers)
        assert answer.status_code == 200


async def test_only_what_was_given_is_handed_on(serve: Serve, asked: Asked) -> None:
    client = serve(open_one)
    await client.post("/walker/open_one")
    await client.post("/walker/open_one", json={})
    await client.post("/walker/open_one", json={"count": "7", "other": 1})
    assert asked.values == [{}, {}, {"count": 7}]


async def test_fields_have_their_annotations(serve: Serve, asked: Asked) -> None:
    body = {"colour": 1, "box": {"size": 2}, "boxes": {"a": [1, "2"]}, "copy": "x"}
    answer = await serve(typed).post("/walker/typed", json=body)
    assert answer.status_code == 200, answer.text
    (values,) = asked.values
    assert isinstance(values["box"], Box)
    assert values["box"].size == 2
    assert values["colour"] is Colour.RED
    assert values["boxes"] == {"a": [1, 2]}
    assert values["copy"] == "x"


async def test_missing_and_wrong_fields_are_told_one_by_one(serve: Serve) -> None:
    @specs(auth=False)
    class needs(Walker):
        text: str
        count: int

    answer = await serve(needs).post("/walker/needs", json={"count": "many"})
    assert answer.status_code == 422
    assert answer.json()["detail"] == [
        {"type": "missing", "loc": ["body", "text"], "msg": "Field required", "input": {"count": "many"}},
        {
            "type": "int_parsing",
            "loc": ["body", "count"],
            "msg": "Input should be a valid integer, unable to parse string as an integer",
            "input": "many",
        },
    ]


@pytest.mark.parametrize(
    ("body", "at"),
    [
        (b"{", 1),
        (b'{"text": }', 9),
        (b"[" * 65 + b"]" * 65, 64),
        (b'{"count":' + b"9" * 4301 + b"}", 9),
        (b'{"text":"\\ud800"}', 9),
        (b'{"text":"\xff"}', 9),
        (b'{"text":NaN}', 0),
    ],
)
async def test_what_is_not_json_is_refused_with_its_place(
    body: bytes, at: int, serve: Serve, asked: Asked
) -> None:
    headers = {"Content-Type": "application/json"}
    answer = await serve(open_one).post("/walker/open_one", content=body, headers=headers)
    assert answer.status_code == 422
    (error,) = answer.json()["detail"]
    assert (error["type"], error["loc"]) == ("json_invalid", ["body", at])
    assert asked.walkers == []


async def test_a_body_of_another_kind_is_refused(serve: Serve) -> None:
    answer = await serve(closed_one, open_one).post(
        "/walker/open_one", content=b"\xff\xfe", headers={"Content-Type": "x/y"}
    )
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body"]


async def test_a_body_over_the_limit_is_refused_before_it_is_read_whole(serve: Serve, asked: Asked) -> None:
    client = serve(open_one, config=Config(body_limit=1024))
    answer = await client.post("/walker/open_one", json={"text": "x" * 1024})
    assert (answer.status_code, answer.json()) == (
        413,
        {"detail": {"error": "The body has at most 1024 bytes"}},
    )
    assert asked.walkers == []


async def test_a_long_body_is_not_quoted_back_for_each_of_its_errors(serve: Serve) -> None:
    answer = await serve(open_one).post("/walker/open_one", json={"count": "x" * 1_000_000})
    assert answer.status_code == 422
    assert len(answer.content) < 1000


async def test_unknown_private_and_socket_walkers_are_not_found(serve: Serve, bearer: Bearer) -> None:
    @specs(private=True)
    class hidden(Walker):
        pass

    @specs(methods=["websocket"])
    class only_socket(Walker):
        pass

    client = serve(open_one, hidden, only_socket)
    for path in (
        "/walker/hidden",
        "/walker/only_socket",
        "/walker/nothing",
        "/walker",
        "/walker/",
        "/nothing",
    ):
        answer = await client.post(path, headers=await bearer() if path == "/walker/hidden" else {})
        assert (answer.status_code, answer.json()) == (404, {"detail": "Not Found"}), path


async def test_another_method_is_not_allowed_and_those_that_are_are_named(serve: Serve) -> None:
    @specs(methods=["get", "post"], auth=False)
    class two(Walker):
        pass

    answer = await serve(two).put("/walker/two")
    assert (answer.status_code, answer.json()) == (405, {"detail": "Method Not Allowed"})
    assert answer.headers["allow"] == "GET, POST"


@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete", "head", "options", "trace"])
async def test_a_walker_is_called_by_every_method_it_lists(method: str, serve: Serve, asked: Asked) -> None:
    class any_way(Walker):
        text: str = ""

    client = serve(specs(methods=[method.upper(), "websocket"], auth=False)(any_way))
    answer = await client.request(method.upper(), "/walker/any_way", json={"text": "a"})
    assert answer.status_code == 200
    assert asked.values == [{"text": "a"}]


async def test_fields_travel_in_the_query(serve: Serve, asked: Asked) -> None:
    @specs(methods=["get"], as_query=["a", "many", "node"], auth=False)
    class asking(Walker):
        a: int
        b: str = "b"
        many: list[str] = field(default_factory=list)
        node: str = ""

    client = serve(asking)
    params = {"a": "1", "many": ["x", "y"], "node": "n", "b": "ignored"}
    answer = await client.request("GET", f"/walker/asking/{NODE}", params=params, json={"b": "c"})
    assert answer.status_code == 200, answer.text
    assert asked.values == [{"a": 1, "many": ["x", "y"], "node": "n", "b": "c"}]
    assert asked.nodes == [NODE]
    answer = await client.get("/walker/asking")
    assert answer.json()["detail"][0]["loc"] == ["query", "a"]


async def test_a_get_walker_takes_its_query(serve: Serve, asked: Asked) -> None:
    @specs(methods=["get", "post"], auth=False)
    class looking(Walker):
        a: int
        many: list[str] = field(default_factory=list)
        b: bool | None = None

    client = serve(looking)
    params = {"a": "1", "many": ["x", "y"], "b": "true"}
    assert (await client.get("/walker/looking", params=params)).status_code == 200
    assert (await client.get("/walker/looking")).json()["detail"][0]["loc"] == ["query", "a"]
    told = await client.request("GET", "/walker/looking?a=7", json={"a": 1, "many": ["x"], "b": None})
    assert told.status_code == 200  # as clients of Jac Cloud send them
    assert (await client.post("/walker/looking?a=7", json={"a": 2})).status_code == 200
    assert asked.values == [
        {"a": 1, "many": ["x", "y"], "b": True},
        {"a": 1, "many": ["x"], "b": None},
        {"a": 2},
    ]
    described = (await client.get("/openapi.json")).json()["paths"]["/walker/looking"]
    assert [one["name"] for one in described["get"]["parameters"] if one["in"] == "query"] == [
        "a",
        "many",
        "b",
    ]
    assert "requestBody" not in described["get"]
    assert "requestBody" in described["post"]


async def test_a_get_walker_with_a_field_that_no_query_can_carry_takes_a_body(
    serve: Serve, asked: Asked
) -> None:
    @specs(methods=["get"], auth=False)
    class looking(Walker):
        a: int
        by: dict[str, int] = field(default_factory=dict)

    body = {"a": 1, "by": {"x": 2}}
    answer = await serve(looking).request("GET", "/walker/looking", json=body)
    assert (answer.status_code, asked.values) == (200, [body])


async def test_a_star_puts_all_fields_into_the_query(serve: Serve, asked: Asked) -> None:
    @specs(methods=["get"], as_query="*", auth=False)
    class asking(Walker):
        a: int
        b: str = "b"

    assert (await serve(asking).get("/walker/asking", params={"a": 1})).status_code == 200
    assert asked.values == [{"a": 1, "b": "b"}]


@pytest.mark.parametrize("excluded", ["b", ["b"]])
async def test_an_excluded_field_is_not_taken(excluded: Any, serve: Serve, asked: Asked) -> None:
    class without(Walker):
        a: str
        b: str = "kept"

    client = serve(specs(excluded=excluded, auth=False)(without))
    assert (await client.post("/walker/without", json={"a": "1", "b": "2"})).status_code == 200
    assert asked.values == [{"a": "1"}]


async def test_a_star_excludes_all(serve: Serve, asked: Asked) -> None:
    @specs(excluded="*", auth=False)
    class without(Walker):
        a: str = ""

    assert (await serve(without).post("/walker/without", json={"a": "1"})).status_code == 200
    assert asked.values == [{}]


async def test_a_path_with_fields_is_under_the_walker(serve: Serve, asked: Asked) -> None:
    @specs(path="of/{a}/{b}", auth=False)
    class parts(Walker):
        a: str
        b: int

    client = serve(parts)
    assert (await client.post("/walker/parts/of/x/7")).status_code == 200
    assert (await client.post(f"/walker/parts/{NODE}/of/x/7")).status_code == 200
    assert asked.values == [{"a": "x", "b": 7}] * 2
    assert asked.nodes == [None, NODE]
    assert (await client.post("/walker/parts/of/x/y")).json()["detail"][0]["loc"] == ["path", "b"]
    assert (await client.post("/walker/parts")).status_code == 404


async def test_a_path_from_the_top_is_there_and_where_jac_cloud_put_it(serve: Serve, asked: Asked) -> None:
    @specs(path="/shop/{item}", auth=False)
    class buy(Walker):
        item: str

    client = serve(buy)
    for path in ("/shop/tea", f"/shop/tea/{NODE}", "/walker/buy/shop/tea", f"/walker/buy/{NODE}/shop/tea"):
        assert (await client.post(path)).status_code == 200, path
    assert asked.values == [{"item": "tea"}] * 4
    assert asked.nodes == [None, NODE] * 2
    paths = (await client.get("/openapi.json")).json()["paths"]
    assert [path for path in paths if "item" in path] == ["/shop/{item}", "/shop/{item}/{node}"]


async def test_a_path_that_takes_anything_does_not_hide_the_other_walkers(serve: Serve, asked: Asked) -> None:
    @specs(path="/{a}/{b}", auth=False, entry_type="ROOT")
    class greedy(Walker):
        a: str
        b: str

    client = serve(greedy, open_one)
    await client.post("/walker/open_one")
    await client.post("/user/login", json={})
    await client.post("/x/y")
    assert asked.walkers == [open_one, greedy]


@pytest.mark.parametrize("path", ["/openapi.json", "/openapi.yaml", "/docs", "/healthz", "/util/traverse"])
async def test_a_path_that_takes_anything_does_not_hide_what_the_server_serves(
    path: str, serve: Serve, asked: Asked, bearer: Bearer
) -> None:
    @specs(path="/{a}", methods=["get"], auth=False)
    class greedy(Walker):
        a: str

    @specs(path="/{a}/{b}", methods=["get"], auth=False)
    class greedier(Walker):
        a: str
        b: str

    client = serve(greedy, greedier)
    await client.get(path, headers=await bearer())
    assert asked.walkers in ([], [traverse])


@pytest.mark.parametrize("path", ["/user/login", "/{a}"])
async def test_a_path_from_the_top_that_is_taken_leaves_the_walker_under_its_name(
    path: str, serve: Serve, asked: Asked, caplog: pytest.LogCaptureFixture
) -> None:
    @specs(path="/{a}", auth=False, entry_type="ROOT")
    class first(Walker):
        a: str

    class second(Walker):
        a: str = ""

    client = serve(first, specs(path=path, auth=False, entry_type="ROOT")(second))
    own = f"/walker/second{path}"
    assert (await client.post(own.format(a="x"))).status_code == 200
    assert asked.walkers == [second]
    assert f"Walker second is not at {path}, which is taken already; it is at {own}" in caplog.text
    assert own in (await client.get("/openapi.json")).json()["paths"]


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ({"as_query": ["c"]}, "'as_query' names 'c', which is no field"),
        ({"excluded": ["c"]}, "'excluded' names 'c', which is no field"),
        ({"path": "{c}"}, "'path' names 'c', which is no field"),
        ({"excluded": ["a"]}, "the excluded field 'a' needs a default"),
        ({"excluded": ["b"], "path": "{b}"}, "'b' is excluded and in the path"),
        ({"method": []}, "'method' is not a key"),
    ],
)
async def test_specs_that_do_not_fit_stop_the_start_with_the_walker_named(
    keys: dict[str, Any], sentence: str, serve: Serve
) -> None:
    inner = type("__specs__", (), keys)

    class wrong(Walker):
        a: str
        b: str = ""
        __specs__ = inner

    with pytest.raises(StartError, match=f"Walker wrong, specs: {sentence}"):
        serve(wrong)


async def test_a_field_that_cannot_travel_in_the_query_stops_the_start(serve: Serve) -> None:
    @specs(as_query=["table"])
    class wrong(Walker):
        table: dict[str, int]

    with pytest.raises(StartError, match=r"Walker wrong cannot be served at /walker/wrong: .*table"):
        serve(wrong)


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ({"status_code": 204}, "204 must not have a response body"),
        ({"response_model": Iterator[object]}, "Iterator"),
        ({"responses": {404: {"model": Iterator[object]}}}, "Iterator"),
    ],
)
async def test_an_answer_that_cannot_be_described_stops_the_start(
    keys: dict[str, Any], sentence: str, serve: Serve
) -> None:
    @specs(**keys)
    class wrong(Walker):
        pass

    with pytest.raises((StartError, FastAPIError), match=sentence):
        serve(wrong)


async def test_the_models_of_answers_are_made_for_the_description_only(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For 100 walkers they would take a second of each start."""
    made: list[str] = []
    make = routing.create_model_field

    def counted(name: str, **options: Any) -> Any:
        made.append(name)
        return make(name=name, **options)

    monkeypatch.setattr(routing, "create_model_field", counted)

    class plain(Walker):
        pass

    client = serve(plain)
    assert made == []
    described = (await client.get("/openapi.json")).json()["paths"]["/walker/plain"]["post"]["responses"]
    assert {"Response_post_plain", "Response_403_post_plain"} <= set(made)
    assert {"200", "403", "500"} <= described.keys()


async def test_a_route_of_walkwires_own_is_read_when_it_is_asked_for(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []

    class Counted(route.Route):
        def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
            read.append(path)
            super().__init__(path, endpoint, **options)

    monkeypatch.setattr(route, "Route", Counted)

    class plain(Walker):
        pass

    client = serve(plain)
    assert read == []
    refused = await client.head("/util/traverse")
    assert (refused.status_code, refused.headers["allow"], read) == (405, "GET", [])
    for _ in range(2):
        assert (await client.post("/user/login", json={})).status_code == 422
    assert read == ["/user/login"]


@pytest.mark.parametrize(
    ("error", "status", "body"),
    [
        (NoAccess(NODE), 403, {"detail": {"error": f"You don't have access on target entry {NODE}!"}}),
        (Conflict(), 409, {"detail": {"error": Conflict().message}}),
        (Busy(), 503, {"detail": {"error": Busy().message}}),
        (TimedOut(), 504, {"detail": {"error": TimedOut().message}}),
        (BadReference("x"), 400, {"detail": {"error": "Not a valid reference: 'x'"}}),
        (PublicError("sold_out", "No tickets left"), 400, {"detail": {"error": "No tickets left"}}),
        (PublicError("gone", "Gone", 410), 410, {"detail": {"error": "Gone"}}),
        (PublicError("odd", "Odd", 200), 400, {"detail": {"error": "Odd"}}),
    ],
)
async def test_a_public_error_has_its_status_and_its_sentence(
    error: PublicError, status: int, body: Any, serve: Serve, asked: Asked
) -> None:
    asked.answer = error
    answer = await serve(open_one).post("/walker/open_one")
    assert (answer.status_code, answer.json()) == (status, body)
    assert ("retry-after" in answer.headers) is (status == 503)


async def test_an_internal_error_shows_its_reference_and_no_more(
    serve: Serve, asked: Asked, caplog: pytest.LogCaptureFixture
) -> None:
    asked.answer = told = Internal()
    answer = await serve(open_one).post("/walker/open_one")
    assert (answer.status_code, answer.json()) == (
        500,
        {"errors": [f"Internal error, reference {told.reference}"]},
    )
    assert caplog.text == ""  # whoever made it has logged it


async def test_any_other_error_is_logged_under_a_reference(
    serve: Serve, asked: Asked, caplog: pytest.LogCaptureFixture
) -> None:
    asked.answer = ZeroDivisionError("a secret of the house")
    answer = await serve(open_one).post("/walker/open_one")
    assert answer.status_code == 500
    (sentence,) = answer.json()["errors"]
    reference = sentence.removeprefix("Internal error, reference ")
    assert len(reference) == 8
    assert "house" not in answer.text
    assert reference in caplog.text
    assert "ZeroDivisionError: a secret of the house" in caplog.text
    assert len(caplog.records) == 1


async def test_each_of_many_walkers_is_found(serve: Serve, asked: Asked) -> None:
    walkers = [specs(auth=False)(type(f"walker_{n}", (Walker,), {})) for n in range(50)]
    client = serve(*walkers)
    for walker in walkers:
        assert (await client.post(f"/walker/{walker.__name__}")).status_code == 200
    assert asked.walkers == walkers


async def test_json_with_surrogate_pairs_and_other_scripts_is_taken(serve: Serve, asked: Asked) -> None:
    client = serve(open_one)
    body = json.dumps({"text": "😀 ключ"}).encode()
    answer = await client.post("/walker/open_one", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 200
    assert asked.values == [{"text": "😀 ключ"}]
