"""What a client hears for each kind of bad input, over a real server process, and that its connection is usable afterwards."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any, NamedTuple

import pytest
from websockets.exceptions import ConnectionClosedError

from tests.serving import PATIENCE, PROGRAMS, PUBLIC_ROOT, Person, Server, Socket

NOT_VALID = {"type": "walker", "error": "Invalid request! Please use valid walker event!"}
ABSENT = "n:Note:aaaaaaaaaaaaaaaaaaaaaaaa"
UNPRINTABLE = "A value of the type object cannot be printed as JSON"
DEEP = '{"a":' * 64 + "1" + "}" * 64


class Case(NamedTuple):
    """What is said, and what is heard: a message as it is, a pattern of its `error`, or the (type, loc) of pydantic's errors."""

    said: Any
    heard: dict[str, Any] | str | list[tuple[str, list[str | int]]]


@pytest.fixture(scope="module")
def corners(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(PROGRAMS / "corners.py", tmp_path_factory.mktemp("corners")) as server:
        yield server


@pytest.fixture
async def ada(corners: Server) -> Person:
    return await corners.person("ada")


@pytest.fixture
async def socket(corners: Server, ada: Person) -> AsyncIterator[Socket]:
    async with corners.connect(ada.token) as socket:
        yield socket


def walk(walker: str, context: Any = None, **more: Any) -> dict[str, Any]:
    return {"type": "walker", "walker": walker, "context": {} if context is None else context, **more}


def denied(reference: str) -> dict[str, str]:
    return {"type": "walker", "error": f"You don't have access on target entry {reference}!"}


def channel(data: str) -> str:
    return f'{{"type":"channel","channel_ids":["a"],"data":{data}}}'


CASES = {
    "bad JSON": Case('{"type":', r"Invalid JSON: .+, at byte 8"),
    "nothing": Case("", r"Invalid JSON: .+, at byte 0"),
    "words": Case("hello", r"Invalid JSON: .+, at byte 0"),
    "more than one value": Case('{"type":"connection"} x', r"Invalid JSON: .+, at byte 22"),
    "bytes that are not UTF-8": Case(b'{"type":"\xff"}', r"Invalid JSON: .+, at byte 9"),
    "deep nesting": Case(channel(DEEP), r"Invalid JSON: .+, at byte \d+"),
    "a lone surrogate": Case(channel(r'{"a":"\ud800"}'), r"Invalid JSON: .+, at byte \d+"),
    "a lone surrogate for a walker": Case(
        r'{"type":"walker","walker":"typed","context":{"text":"\udfff"}}', r"Invalid JSON: .+, at byte \d+"
    ),
    "a number of 5,000 digits": Case(channel(f'{{"a":{"9" * 5000}}}'), r"Invalid JSON: .+, at byte \d+"),
    "NaN": Case(channel('{"a":NaN}'), r"Invalid JSON: .+"),
    "no object": Case("[]", [("model_attributes_type", ["event"])]),
    "no type": Case({}, [("union_tag_not_found", ["event"])]),
    "an unknown type": Case({"type": "shout"}, [("union_tag_invalid", ["event"])]),
    "a type that is no string": Case({"type": 1}, [("union_tag_invalid", ["event"])]),
    "a missing field": Case({"type": "walker"}, [("missing", ["event", "walker", "walker"])]),
    "two missing fields": Case(
        {"type": "user"}, [("missing", ["event", "user", "root_ids"]), ("missing", ["event", "user", "data"])]
    ),
    "a walker that is no string": Case(
        {"type": "walker", "walker": 3}, [("string_type", ["event", "walker", "walker"])]
    ),
    "a response that is no boolean": Case(
        walk("typed", response="maybe"), [("bool_parsing", ["event", "walker", "response"])]
    ),
    "a node that is no string": Case(walk("typed", node=5), [("string_type", ["event", "walker", "node"])]),
    "a context that is no object": Case(walk("typed", []), [("dict_type", ["event", "walker", "context"])]),
    "data that is no object": Case(channel('"x"'), [("dict_type", ["event", "channel", "data"])]),
    "targets that are no list": Case(
        {"type": "client", "client_ids": "x", "data": {}}, [("list_type", ["event", "client", "client_ids"])]
    ),
    "a target that is no string": Case(
        {"type": "client", "client_ids": ["x", None], "data": {}},
        [("string_type", ["event", "client", "client_ids", 1])],
    ),
    "an empty list of users": Case(
        {"type": "user", "root_ids": [], "data": {}}, [("too_short", ["event", "user", "root_ids"])]
    ),
    "an empty list of channels": Case(
        {"type": "channel", "channel_ids": [], "data": {}},
        [("too_short", ["event", "channel", "channel_ids"])],
    ),
    "an empty list of clients": Case(
        {"type": "client", "client_ids": [], "data": {}}, [("too_short", ["event", "client", "client_ids"])]
    ),
    "an empty list to join": Case(
        {"type": "join", "channel_ids": []}, [("too_short", ["event", "join", "channel_ids"])]
    ),
    "too many targets": Case(
        {"type": "channel", "channel_ids": ["a"] * 1001, "data": {}},
        [("too_long", ["event", "channel", "channel_ids"])],
    ),
    "too many channels": Case(
        {"type": "join", "channel_ids": [str(n) for n in range(200)]},
        r"A connection may be in 128 channels.*",
    ),
    "a token that is no string": Case(
        {"type": "change_user", "token": 5}, [("string_type", ["event", "change_user", "token"])]
    ),
    "an id that is none": Case(
        {"type": "connection", "id": 1.5}, [("event_id", ["event", "connection", "id"])]
    ),
    "a root that is no reference": Case(
        {"type": "user", "root_ids": ["nonsense"], "data": {}},
        {"error": "Not a valid reference: 'nonsense'"},
    ),
    "an unknown walker": Case(walk("nobody"), NOT_VALID),
    "a private walker": Case(walk("hidden"), NOT_VALID),
    "a walker without websocket among its methods": Case(walk("post_only"), NOT_VALID),
    "missing fields of a walker": Case(
        walk("typed"), [("missing", ["text"]), ("missing", ["number"]), ("missing", ["day"])]
    ),
    "very many values of wrong types": Case(
        walk("typed", {"text": "a", "number": 1, "day": "2024-02-29", "tags": [1] * 100_000}),
        [("too_many_errors", [])],
    ),
    "fields of a walker of wrong types": Case(
        walk("typed", {"text": 1, "number": "x", "day": "2024-02-30", "colour": "green", "tags": [1]}),
        [
            ("string_type", ["text"]),
            ("int_parsing", ["number"]),
            ("date_from_datetime_parsing", ["day"]),
            ("value_error", ["colour"]),
            ("string_type", ["tags", 0]),
        ],
    ),
    "a node that is malformed": Case(
        walk("read_note", node="nonsense"), {"type": "walker", "error": "Not a valid reference: 'nonsense'"}
    ),
    "a node that is unknown": Case(walk("read_note", node=ABSENT), denied(ABSENT)),
    "a public error of a walker": Case(walk("sell"), {"type": "walker", "error": "No tickets left"}),
    "a walker that raises": Case(walk("fail"), r"Internal error, reference [0-9a-f]{8}"),
    "a report without a JSON form": Case(walk("unprintable"), {"type": "walker", "error": UNPRINTABLE}),
}


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
async def test_bad_input_is_answered_and_the_connection_stays_usable(socket: Socket, case: Case) -> None:
    await socket.say(case.said)
    heard = await socket.hear()

    if isinstance(case.heard, dict):
        assert heard == case.heard
    elif isinstance(case.heard, str):
        assert heard.keys() == {"error"}
        assert re.fullmatch(case.heard, heard["error"])
    else:
        assert heard.keys() == {"error"}
        assert [(error["type"], error["loc"]) for error in heard["error"]] == case.heard
        assert all(error.keys() <= {"type", "loc", "msg", "input", "ctx"} for error in heard["error"])
    assert await socket.settle() == []
    assert await socket.ask({"type": "connection"}) == {"type": "connection", "data": socket.data}


async def test_with_an_id_the_answer_is_a_reply_with_a_code(corners: Server, socket: Socket) -> None:
    bob = await corners.person("bob")
    bobs_note = (await corners.walk("write_note", bob.token))[0]["id"]
    for code, event in {
        "bad_event": {"type": "shout"},
        "unknown_walker": walk("nobody"),
        "no_access": walk("read_note", node=bobs_note),
        "bad_reference": walk("read_note", node="nonsense"),
        "limited": {"type": "join", "channel_ids": [str(n) for n in range(200)]},
        "sold_out": walk("sell"),
        "internal": walk("fail"),
        "unprintable": walk("unprintable"),
    }.items():
        reply = await socket.ask(event | {"id": code})
        assert reply == {"type": "reply", "id": code, "ok": False, "error": reply["error"]}
        assert reply["error"].keys() == {"code", "message"}
        assert reply["error"]["code"] == code


async def test_anothers_node_is_forbidden_in_the_words_for_one_that_is_absent(
    corners: Server, socket: Socket
) -> None:
    bob = await corners.person("bob")
    bobs_note = (await corners.walk("write_note", bob.token))[0]["id"]
    assert await socket.ask(walk("read_note", node=bobs_note)) == denied(bobs_note)


async def test_a_walker_that_needs_a_user_tells_the_public_one_so(corners: Server) -> None:
    async with corners.connect() as guest:
        assert await guest.ask(walk("typed")) == {
            "type": "walker",
            "error": "Event typed requires to be authenticated!",
        }
        assert await guest.ask(walk("open_to_all", response=True)) == {"status": 200, "reports": ["here"]}


@pytest.mark.parametrize("token", ["nonsense", "a.b.c", "{token}x"])
async def test_a_bad_token_gives_a_public_connection_without_an_error(
    corners: Server, ada: Person, token: str
) -> None:
    bad = token.format(token=ada.token)
    async with corners.connect(bad) as socket:
        assert socket.root_id == PUBLIC_ROOT
        assert (await socket.ask({"type": "change_user", "token": ada.token}))["data"][
            "root_id"
        ] == ada.root_id
        for said in (bad, f"Bearer {bad}"):
            changed = await socket.ask({"type": "change_user", "token": said})
            assert changed == {"type": "connection", "data": socket.data}


async def test_a_report_without_a_json_form_is_told_by_its_type_and_the_log_has_the_line(
    corners: Server, ada: Person
) -> None:
    response = await corners.post("/walker/unprintable", token=ada.token)
    assert (response.status_code, response.json()) == (500, {"detail": {"error": UNPRINTABLE}})
    log = corners.log.read_text()
    assert f"{UNPRINTABLE}" in log
    assert re.search(r"Walker unprintable, \S*corners\.py:\d+: ", log)
    assert await corners.walk("count_notes", ada.token) == [0], "the walk failed before its commit"


async def test_a_fault_is_in_the_log_under_the_number_that_the_client_is_told(
    corners: Server, ada: Person, socket: Socket
) -> None:
    traceback = ""
    async with asyncio.timeout(PATIENCE):
        while "Traceback" not in traceback:  # other tests may have used up the traceback of this second
            told = await socket.ask(walk("fail"))
            reference = told["error"].removeprefix("Internal error, reference ")
            log = corners.log.read_text()
            traceback = log[log.index(reference) :] if reference in log else ""
    assert "corners.py" in traceback
    assert "RuntimeError: the secret is 4711" in traceback
    assert "4711" not in str(told)
    assert await corners.walk("count_notes", ada.token) == [0], (
        "a walk that raises leaves the graph untouched"
    )


async def test_a_frame_over_the_limit_ends_the_connection_with_1009(corners: Server) -> None:
    assert await goodbye(corners, "x" * (1024 * 1024 + 1)) == 1009


async def test_a_text_frame_that_is_not_utf_8_ends_the_connection_with_1007(corners: Server) -> None:
    assert await goodbye(corners, b'{"type":"\xff"}', text=True) == 1007


async def test_a_binary_frame_that_holds_json_is_understood(socket: Socket) -> None:
    await socket.say(b'{"type":"connection"}')
    assert (await socket.hear())["data"] == socket.data


async def goodbye(server: Server, message: str | bytes, text: bool | None = None) -> int | None:
    """The code with which the server closes for this message. Another connection does not notice."""
    async with server.connect() as socket, server.connect() as other:
        await socket.wire.send(message, text=text)
        with pytest.raises(ConnectionClosedError):
            await socket.hear()
        assert await other.settle() == []
        return socket.wire.close_code
