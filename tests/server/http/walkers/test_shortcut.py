"""The shortcut past FastAPI: taken by the usual request, and never seen in an answer."""

from __future__ import annotations

import re
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from enum import Enum
from typing import Annotated, Any

import httpx
import pytest
from fastapi import FastAPI, HTTPException
from pydantic import AfterValidator
from starlette.responses import PlainTextResponse

from tests.server.conftest import Asked, Serve
from walkwire.config import Config
from walkwire.errors import Busy, NoAccess, PublicError
from walkwire.ids import PUBLIC_ROOT
from walkwire.server.http import route
from walkwire.server.http.walkers import shortcut
from walkwire.server.http.walkers.router import WalkerRoutes
from walkwire.walk.archetypes.obj import Obj
from walkwire.walk.run.answer import WalkAnswer
from walkwire.walk.walker.specs import specs
from walkwire.walk.walker.walker import Walker

Bearer = Callable[[], Awaitable[dict[str, str]]]
NODE = "n:Thing:" + "a" * 24
JSON = {"Content-Type": "application/json"}


class Colour(Enum):
    RED = 1


class Box(Obj):
    size: int


@specs(auth=False)
class bare(Walker):
    pass


@specs(auth=False, methods=["post", "put"])
class optional(Walker):
    text: str = "hello"
    count: int = 1
    data: bytes = b""


@specs(auth=False)
class typed(Walker):
    colour: Colour
    box: Box


class closed(Walker):
    text: str


@specs(auth=False, path="/w{anything}/{rest}", methods=["get"])
class wide(Walker):
    anything: str
    rest: str


fussy_threads: list[threading.Thread] = []


def refuse_xs(text: str) -> str:
    fussy_threads.append(threading.current_thread())
    if "x" in text:
        raise RuntimeError("a fault of the program")
    return text


@specs(auth=False)
class fussy(Walker):
    numbers: list[int]
    more: Annotated[str, AfterValidator(refuse_xs)] = ""


WALKERS = (bare, optional, typed, closed)

REQUESTS: dict[str, dict[str, Any]] = {
    "no body": {"url": "/walker/optional"},
    "no field": {"url": "/walker/bare"},
    "no field, but a body": {"url": "/walker/bare", "content": b"{", "headers": JSON},
    "all of it": {"url": "/walker/optional", "json": {"text": "a", "count": 2, "data": "YQ=="}},
    "a number in words": {"url": "/walker/optional", "json": {"count": "3"}},
    "an unknown field": {"url": "/walker/optional", "json": {"other": 1}},
    "a field by its inner name": {"url": "/walker/optional", "json": {"field_count": 3}},
    "a wrong type": {"url": "/walker/optional", "json": {"count": "x", "text": 1}},
    "a missing field": {"url": "/walker/typed", "json": {"colour": "RED"}},
    "no body where one is needed": {"url": "/walker/typed"},
    "an object and an enum": {"url": "/walker/typed", "json": {"colour": "RED", "box": {"size": 1}}},
    "an enum that is none": {"url": "/walker/typed", "json": {"colour": "BLUE", "box": {"size": 1}}},
    "a list": {"url": "/walker/optional", "json": [1]},
    "null": {"url": "/walker/optional", "content": b"null", "headers": JSON},
    "no JSON": {"url": "/walker/optional", "content": b'{"text":', "headers": JSON},
    "not a number": {"url": "/walker/optional", "content": b'{"count":NaN}', "headers": JSON},
    "half a surrogate": {"url": "/walker/optional", "content": b'{"text":"\\ud800"}', "headers": JSON},
    "not UTF-8": {"url": "/walker/optional", "content": b'{"text":"\xff"}', "headers": JSON},
    "too deep": {"url": "/walker/optional", "content": b"[" * 99 + b"]" * 99, "headers": JSON},
    "no type": {"url": "/walker/optional", "content": b'{"count":2}'},
    "plain text": {
        "url": "/walker/optional",
        "content": b'{"count":2}',
        "headers": {"Content-Type": "text/plain"},
    },
    "a type with a charset": {
        "url": "/walker/optional",
        "content": b'{"count":2}',
        "headers": {"Content-Type": "application/json; charset=utf-8"},
    },
    "too long": {"url": "/walker/optional", "json": {"text": "x" * 3000}},
    "at a node": {"url": f"/walker/optional/{NODE}", "json": {"count": 2}},
    "at digits": {"url": f"/walker/bare/{'A' * 24}"},
    "at what is no node": {"url": "/walker/optional/x", "json": {"count": 2}},
    "at a node, and a wrong type": {"url": f"/walker/optional/{NODE}", "json": {"count": "x"}},
    "a slash at the end": {"url": "/walker/optional/", "json": {}},
    "deeper": {"url": f"/walker/optional/{NODE}/x", "json": {}},
    "another method": {"url": "/walker/optional", "method": "GET"},
    "its other method": {"url": "/walker/optional", "method": "PUT", "json": {"count": 4}},
    "no such walker": {"url": "/walker/nobody", "json": {}},
    "a query": {"url": "/walker/optional?count=9", "json": {"count": 2}},
    "without a token": {"url": "/walker/closed", "json": {"text": "a"}},
    "a bad token": {
        "url": "/walker/closed",
        "json": {"text": "a"},
        "headers": {"Authorization": "Bearer x"},
    },
    "another scheme": {
        "url": "/walker/closed",
        "json": {"text": "a"},
        "headers": {"Authorization": "Basic x"},
    },
    "without a token, and a wrong type": {"url": "/walker/closed", "json": {"text": 1}},
    "without a token, and no JSON": {"url": "/walker/closed", "content": b"{", "headers": JSON},
}

ANSWERS: dict[str, WalkAnswer | Exception] = {
    "another status": WalkAnswer(201, b'{"status":201,"reports":[]}'),
    "no content": WalkAnswer(204, b"{}"),
    "not modified": WalkAnswer(304, b"{}"),
    "a status that is none": WalkAnswer(700, b"{}"),
    "a response": WalkAnswer(200, b"", PlainTextResponse("mine", 203, {"X-Mine": "yes"})),
    "an error for the public": NoAccess(NODE),
    "busy": Busy(),
    "a status of its own": PublicError("refused", "No.", status=418),
    "an HTTPException": HTTPException(402, {"pay": 1}, {"X-Price": "2"}),
    "a fault": ValueError("boom"),
}


async def told(client: httpx.AsyncClient, request: dict[str, Any]) -> tuple[int, list[Any], bytes]:
    """The whole answer; the reference of a fault is another each time."""
    headers = {"X-Request-Id": "mine", **request.get("headers", {})}
    answer = await client.request(**{"method": "POST", **request, "headers": headers})
    assert answer.headers["X-Request-Id"] == "mine"
    body = re.sub(rb"reference [0-9a-f]{8}", b"reference", answer.content)
    return answer.status_code, answer.headers.raw, body


async def both(client: httpx.AsyncClient, request: dict[str, Any]) -> list[tuple[int, list[Any], bytes]]:
    """The answer by the shortcut, where it is taken, and FastAPI's."""
    by_shortcut = await told(client, request)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WalkerRoutes, "quick_route", lambda *_: None)
        return [by_shortcut, await told(client, request)]


@pytest.mark.parametrize("name", REQUESTS)
async def test_a_request_is_read_as_fastapi_reads_it(serve: Serve, asked: Asked, name: str) -> None:
    client = serve(*WALKERS, config=Config(body_limit=2048))
    by_shortcut, by_fastapi = await both(client, REQUESTS[name])
    assert by_shortcut == by_fastapi
    half = len(asked.walkers) // 2
    for noted in (asked.walkers, asked.nodes, asked.roots):
        assert noted[:half] == noted[half:]
    assert [_plain(one) for one in asked.values[:half]] == [_plain(one) for one in asked.values[half:]]


LONG_REQUESTS: dict[str, tuple[int, dict[str, Any]]] = {
    "right": (200, {"url": "/walker/optional", "json": {"text": "x" * 9000, "count": 2, "data": "YQ=="}}),
    "a wrong type": (422, {"url": "/walker/optional", "json": {"text": "x" * 9000, "count": "x"}}),
    "many wrong types": (422, {"url": "/walker/fussy", "json": {"numbers": ["x"] * 2500}}),
    "a list": (422, {"url": "/walker/optional", "json": [1] * 5000}),
    "no JSON": (422, {"url": "/walker/optional", "content": b'{"text":' + b" " * 9000, "headers": JSON}),
    "null": (422, {"url": "/walker/optional", "content": b" " * 9000 + b"null", "headers": JSON}),
    "a validator that fails": (500, {"url": "/walker/fussy", "json": {"numbers": [1], "more": "x" * 9000}}),
    "no type": (422, {"url": "/walker/optional", "content": b'{"count":2,"text":"%s"}' % (b"x" * 9000)}),
}


@pytest.mark.parametrize("name", LONG_REQUESTS)
async def test_a_long_body_is_validated_in_a_thread_and_answered_as_a_short_one(
    serve: Serve, asked: Asked, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = serve(*WALKERS, fussy)
    status, request = LONG_REQUESTS[name]
    in_thread = await told(client, request)
    assert in_thread[0] == status
    for module in (route, shortcut):
        monkeypatch.setattr(module, "LONG", 1_000_000)
    assert await told(client, request) == in_thread
    assert asked.values[:1] == asked.values[1:]


async def test_a_short_body_is_validated_without_a_thread_and_a_long_one_in_one(serve: Serve) -> None:
    client, seen = serve(fussy), fussy_threads
    seen.clear()
    await client.post("/walker/fussy", json={"numbers": [1], "more": " "})
    await client.post("/walker/fussy", json={"numbers": [1], "more": " " * 9000})
    assert [thread is threading.main_thread() for thread in seen] == [True, False]


@pytest.mark.parametrize("name", ANSWERS)
async def test_an_answer_is_told_as_fastapi_tells_it(serve: Serve, asked: Asked, name: str) -> None:
    asked.answer = ANSWERS[name]
    for url in ("/walker/bare", f"/walker/bare/{NODE}"):
        by_shortcut, by_fastapi = await both(serve(*WALKERS), {"url": url})
        assert by_shortcut == by_fastapi
    assert len(asked.walkers) == 4  # the walk was done once for each


async def test_the_usual_request_does_without_fastapi(
    serve: Serve, asked: Asked, bearer: Bearer, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = await bearer()
    client = serve(*WALKERS)

    async def refuse(*_: object) -> None:
        raise AssertionError("FastAPI was asked")

    monkeypatch.setattr(FastAPI, "__call__", refuse)
    assert (await client.post("/walker/bare")).status_code == 200
    assert (await client.post(f"/walker/optional/{NODE}", json={"count": 2})).status_code == 200
    assert (await client.post("/walker/closed", json={"text": "a"}, headers=token)).status_code == 200
    assert asked.values == [{}, {"count": 2}, {"text": "a"}]
    assert asked.nodes == [None, NODE, None]
    assert asked.roots[0] == PUBLIC_ROOT != asked.roots[2]


async def test_a_body_may_come_in_parts(serve: Serve, asked: Asked) -> None:
    async def parts(*texts: bytes) -> AsyncIterator[bytes]:
        for text in texts:
            yield text

    client = serve(optional)
    for last, status in ((b"2}", 200), (b"x}", 422)):
        answer = await client.post("/walker/optional", content=parts(b'{"count"', b":", last), headers=JSON)
        assert answer.status_code == status
    assert asked.values == [{"count": 2}]


async def test_a_walker_at_a_wide_path_still_comes_first(serve: Serve, asked: Asked) -> None:
    @specs(auth=False, methods=["get"])
    class seen(Walker):
        pass

    await serve(seen, wide).get("/walker/seen")
    assert asked.walkers == [wide]


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    return {name: vars(value) if isinstance(value, Obj) else value for name, value in values.items()}
