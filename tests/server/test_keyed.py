"""Calls with a key, over REST and over the socket: each is done once, and its answer is given again."""

from __future__ import annotations

import asyncio
import json
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, Field

from walkwire.errors import BadEvent
from walkwire.ids import PUBLIC_ROOT, new_id
from walkwire.server.keyed import call_of, pack_response, unpack_response
from walkwire.testing import Client, serve
from walkwire.walk.run.answer import KEPT_BYTES
from walkwire.walk.run.request import Entry

PROGRAM = '''
import asyncio
from collections.abc import Iterator
from datetime import datetime

from fastapi import UploadFile
from fastapi.responses import HTMLResponse, RedirectResponse, StreamingResponse

from walkwire import Node, PublicError, Root, Walker, commit, on_entry, socket

LARGE = 64 * 1024
RUNS: list[str] = []
GATES: dict[str, asyncio.Event] = {}


class Thing(Node):
    name: str


class Both:
    class __specs__:
        methods = ["websocket", "post"]


class make(Both, Walker):
    name: str = "thing"
    tags: set[str] | None = None
    at: datetime | None = None

    @on_entry
    def add(self, here: Root) -> None:
        RUNS.append("make")
        here.connect(Thing(self.name))
        socket.notify_channels(["things"], {"made": self.name})
        self.report(len(here.out(Thing)))


class count(Walker):
    @on_entry
    def tell(self, here: Root) -> None:
        RUNS.append("count")
        self.report(len(here.out(Thing)))


class make_there(Both, Walker):
    @on_entry
    def add(self, here: Thing) -> None:
        here.connect(Thing("next"))
        self.report(len(here.out(Thing)))


class make_openly(Walker):
    class __specs__:
        methods = ["websocket", "post"]
        auth = False

    @on_entry
    def add(self, here: Root) -> None:
        here.connect(Thing("open"))
        self.report(len(here.out(Thing)))


class make_or_fail(Walker):
    limit: int

    @on_entry
    def add(self, here: Root) -> None:
        RUNS.append("make_or_fail")
        if len(RUNS) < self.limit:
            raise PublicError("not_yet", "Not yet")
        here.connect(Thing("late"))
        self.report(len(here.out(Thing)))


class make_two(Walker):
    """Commits after the first."""

    fails: bool

    @on_entry
    def add(self, here: Root) -> None:
        here.connect(Thing("first"))
        commit()
        if self.fails:
            raise PublicError("broken", "Broken off")
        here.connect(Thing("second"))
        self.report(len(here.out(Thing)))


class wait(Walker):
    """Async, and slow: until its gate opens."""

    gate: str

    @on_entry
    async def stay(self, here: Root) -> None:
        RUNS.append("wait")
        here.connect(Thing("slow"))
        for _ in range(200):
            if self.gate in GATES:
                break
            await asyncio.sleep(0.01)
        self.report("waited")


class large(Walker):
    @on_entry
    def tell(self, here: Root) -> None:
        here.connect(Thing("large"))
        self.report("x" * LARGE)


class respond(Both, Walker):
    """With a whole response, of the kind that is asked for."""

    kind: str

    @on_entry
    def tell(self, here: Root) -> None:
        RUNS.append("respond")
        here.connect(Thing("response"))
        if self.kind == "html":
            self.report(HTMLResponse("<p>%d</p>" % len(RUNS), 203, {"X-Mark": "m"}))
        elif self.kind == "redirect":
            self.report(RedirectResponse("/elsewhere"))
        else:
            self.report(StreamingResponse(iter(["a", "b"])))


class take_file(Walker):
    file: UploadFile
    note: str = ""

    @on_entry
    def keep(self, here: Root) -> None:
        here.connect(Thing(self.file.file.read().decode()))
        self.report(self.file.filename)


class later(Walker, background=True):
    @on_entry
    def add(self, here: Root) -> None:
        here.connect(Thing("later"))


class created(Walker):
    class __specs__:
        status_code = 201

    @on_entry
    def add(self, here: Root) -> None:
        here.connect(Thing("created"))


class runs(Walker):
    name: str

    @on_entry
    def tell(self, here: Root) -> None:
        self.report(RUNS.count(self.name))


class open_gate(Walker):
    gate: str

    @on_entry
    def tell(self, here: Root) -> None:
        GATES[self.gate] = asyncio.Event()
'''


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "things.py"
    path.write_text(PROGRAM)
    return path


def new_key() -> str:
    return str(uuid.uuid4())


async def ask(user: Client, walker: str, key: str, node: str | None = None, **fields: Any) -> Any:
    path = f"/walker/{walker}" if node is None else f"/walker/{walker}/{node}"
    return await user.request("POST", path, json=fields, headers={"Idempotency-Key": key})


async def things(user: Client) -> int:
    (number,) = (await user.post("count")).reports
    return int(number)


async def event(socket: Any, walker: str, key: Any, **fields: Any) -> Any:
    await socket.send({"type": "walker", "id": 1, "walker": walker, "key": key, "context": fields})
    return await socket.receive()


async def test_a_call_with_a_key_is_done_once_over_rest_and_over_the_socket(program: Path) -> None:
    async with serve(program) as app:
        ada = await app.user()
        key = new_key()
        first = await ask(ada, "make", key, name="a")
        async with ada.socket("things") as socket:
            await socket.receive()
            reply = await event(socket, "make", key, name="a")
            assert reply == {"type": "reply", "id": 1, "ok": True, "data": first.body}
            assert await socket.quiet() == [], "what was told once is not told again"
            fresh = await event(socket, "make", new_key(), name="a")
            assert fresh == {"made": "a"}, "another key is another call"
        assert (
            (await ask(ada, "make", f'"{key}"', name="a")).body
            == first.body
            == {"status": 200, "reports": [1]}
        )
        assert await things(ada) == 2


async def test_an_event_without_an_id_is_done_once_too(program: Path) -> None:
    async with serve(program) as app:
        ada = await app.user()
        async with ada.socket() as socket:
            await socket.receive()
            for _ in range(3):
                await socket.send({"type": "walker", "walker": "make", "key": "k", "response": True})
                assert await socket.receive() == {"status": 200, "reports": [1]}


async def test_the_same_key_of_another_user_is_another_call(program: Path) -> None:
    async with serve(program) as app:
        ada, bob = await app.user(), await app.user()
        assert (await ask(ada, "make", "1")).reports == [1]
        assert (await ask(bob, "make", "1")).reports == [1]
        assert [await things(ada), await things(bob)] == [1, 1]
        stranger = app.public()
        assert (await ask(stranger, "make", "1")).status == 403
        assert (await ada.request("POST", "/user/logout-all")).status == 200
        assert (await ask(ada, "make", "1")).status == 401, "an answer needs a token that counts"


async def test_a_key_that_is_used_for_another_request_is_refused_and_nothing_is_done(program: Path) -> None:
    async with serve(program) as app:
        ada = await app.user()
        key = new_key()
        await ask(ada, "make", key, name="a", tags=["x", "y"])
        assert (await ask(ada, "make", key, tags=["y", "x"], name="a")).status == 200, (
            "the order does not count"
        )
        for walker, fields in (
            ("make", {"name": "b", "tags": ["x", "y"]}),
            ("make", {"name": "a"}),
            ("created", {"name": "a", "tags": ["x", "y"]}),
        ):
            refused = await ask(ada, walker, key, **fields)
            assert refused.status == 422
            assert "another request" in refused.body["detail"]["error"]
        async with ada.socket() as socket:
            await socket.receive()
            reply = await event(socket, "make", key)
            assert reply["error"]["code"] == "key_reused"
        assert await things(ada) == 1


async def test_the_node_belongs_to_the_request_however_it_is_written(program: Path) -> None:
    async with serve(program) as app:
        ada = await app.user()
        await ada.post("make")
        graph = (await ada.request("GET", "/util/traverse?depth=2")).body
        node = next(one["id"] for one in graph["nodes"] if one["id"].startswith("n:Thing:"))
        assert (await ask(ada, "make_there", "k", node)).reports == [1]
        assert (await ask(ada, "make_there", "k", node.rpartition(":")[2])).reports == [1]
        assert (await ask(ada, "make_there", "k", f"n:Thing:{new_id()}")).status == 422


async def test_the_public_user_needs_a_key_that_nobody_can_guess(program: Path) -> None:
    async with serve(program) as app:
        stranger, ada = app.public(), await app.user()
        for caller in (stranger, ada):
            refused = await ask(caller, "make_openly", "order-1")
            assert refused.status == 400
            assert "random" in refused.body["detail"]["error"]
        key = new_key()
        assert (await ask(stranger, "make_openly", key)).reports == [1]
        assert (await ask(stranger, "make_openly", key)).reports == [1]
        async with stranger.socket() as socket:
            await socket.receive()
            assert (await event(socket, "make_openly", key))["data"]["reports"] == [1]
            assert (await event(socket, "make_openly", "order-1"))["error"]["code"] == "bad_event"


async def test_a_key_has_a_form(program: Path) -> None:
    async with serve(program) as app:
        ada = await app.user()
        for key in ("", "k" * 129):
            assert (await ask(ada, "make", key)).status == 422
        assert (await ask(ada, "make", "k" * 128)).status == 200
        async with ada.socket() as socket:
            await socket.receive()
            for wrong in ("", "k" * 129, 7, ["k"], {}, "k" * 100_000):
                assert (await event(socket, "make", wrong))["error"]["code"] == "bad_event"
            assert (await event(socket, "make", "\u0000\ud7ff"))["ok"]
            assert (await event(socket, "make", None))["ok"]
        assert await things(ada) == 3


async def test_a_walk_that_failed_stored_nothing_and_may_be_sent_again(program: Path) -> None:
    async with serve(program) as app:
        ada = await app.user()
        assert (await ask(ada, "make_or_fail", "k", limit=3)).body == {"detail": {"error": "Not yet"}}
        assert (await ask(ada, "make_or_fail", "k", limit=3)).status == 400
        assert (await ask(ada, "make_or_fail", "k", limit=3)).reports == [1]
        assert (await ask(ada, "make_or_fail", "k", limit=3)).reports == [1]
        assert (await ada.post("runs", name="make_or_fail")).reports == [3]


async def test_a_walk_that_committed_a_part_and_failed_is_not_done_again(program: Path) -> None:
    async with serve(program) as app:
        ada = await app.user()
        assert (await ask(ada, "make_two", "k", fails=True)).status == 400
        again = await ask(ada, "make_two", "k", fails=True)
        assert again.status == 409
        assert "did a part of this" in again.body["detail"]["error"]
        assert await things(ada) == 1
        assert (await ask(ada, "make_two", "l", fails=False)).reports == [3]
        assert (await ask(ada, "make_two", "l", fails=False)).reports == [3]


async def test_the_answer_of_a_walk_that_only_read_is_kept(program: Path) -> None:
    async with serve(program) as app:
        ada = await app.user()
        assert (await ask(ada, "count", "k")).reports == [0]
        await ada.post("make")
        assert (await ask(ada, "count", "k")).reports == [0]
        assert (await ada.post("runs", name="count")).reports == [1]


async def test_many_calls_at_once_walk_once_and_all_get_the_answer(program: Path) -> None:
    async with serve(program) as app:
        ada = await app.user()
        calls = [ask(ada, "wait", "k", gate="g") for _ in range(20)]
        waiting = asyncio.gather(*calls)
        while (await ada.post("runs", name="wait")).reports == [0]:
            pass
        assert (await ask(ada, "wait", "k", gate="h")).status == 422
        await ada.post("open_gate", gate="g")
        assert {json.dumps(reply.body) for reply in await waiting} == {
            '{"status": 200, "reports": ["waited"]}'
        }
        assert (await ada.post("runs", name="wait")).reports == [1]
        assert await things(ada) == 1


async def test_each_call_waits_as_long_as_its_own_limit_says(program: Path) -> None:
    async with serve(program, walk_seconds=0.3) as app:
        ada = await app.user()
        replies = await asyncio.gather(*(ask(ada, "wait", "k", gate="never") for _ in range(3)))
        assert [reply.status for reply in replies] == [504] * 3
        assert await things(ada) == 0
        await ada.post("open_gate", gate="never")
        assert (await ask(ada, "wait", "k", gate="never")).reports == ["waited"], "nothing was stored"
        assert await things(ada) == 1


async def test_an_answer_that_is_too_large_is_given_once_and_the_walk_is_not_done_again(
    program: Path,
) -> None:
    async with serve(program) as app:
        ada = await app.user()
        first = await ask(ada, "large", "k")
        assert first.status == 200
        assert len(first.content) > KEPT_BYTES
        again = await ask(ada, "large", "k")
        assert again.status == 409
        assert again.body["detail"]["error"].startswith("An earlier call with this key did this")
        assert await things(ada) == 1


async def test_a_whole_response_is_given_again_unless_it_is_a_stream(program: Path) -> None:
    async with serve(program) as app:
        ada = await app.user()
        first, again = [await ask(ada, "respond", "html", kind="html") for _ in range(2)]
        assert (first.status, first.content) == (again.status, again.content) == (203, b"<p>1</p>")
        assert again.headers["x-mark"] == "m"
        assert again.headers["content-type"] == first.headers["content-type"]
        async with ada.socket() as socket:
            await socket.receive()
            assert (await event(socket, "respond", "html", kind="html"))["data"] == "<p>1</p>"
        for _ in range(2):
            moved = await ask(ada, "respond", "redirect", kind="redirect")
            assert (moved.status, moved.headers["location"]) == (307, "/elsewhere")
        assert (await ask(ada, "respond", "stream", kind="stream")).content == b"ab"
        assert (await ask(ada, "respond", "stream", kind="stream")).status == 409
        assert await things(ada) == 3
        many = await asyncio.gather(*(ask(ada, "respond", "many", kind="html") for _ in range(5)))
        assert {(reply.status, reply.content) for reply in many} == {(203, b"<p>5</p>")}


async def test_the_content_of_files_belongs_to_the_request(program: Path) -> None:
    async with serve(program) as app:
        ada = await app.user()

        async def send(content: bytes, note: str = "n") -> Any:
            return await ada.request(
                "POST",
                "/walker/take_file",
                files={"file": ("a.txt", content), "body": (None, json.dumps({"note": note}))},
                headers={"Idempotency-Key": "k"},
            )

        assert [(await send(b"one")).reports for _ in range(2)] == [["a.txt"], ["a.txt"]]
        assert (await send(b"two")).status == 422
        assert (await send(b"one", "m")).status == 422
        graph = (await ada.request("GET", "/util/traverse?detailed=true&depth=2")).content
        assert graph.count(b'"one"') == 1


async def test_a_walker_that_walks_later_is_ordered_once(program: Path) -> None:
    async with serve(program) as app:
        ada = await app.user()
        first, again = [await ask(ada, "later", "k") for _ in range(2)]
        assert first.body == again.body
        assert first.body["walker_id"].startswith("w:later:")


async def test_a_status_of_the_program_is_given_again(program: Path) -> None:
    async with serve(program) as app:
        ada = await app.user()
        assert [(await ask(ada, "created", "k")).status for _ in range(2)] == [201, 201]


async def test_the_description_shows_the_header(program: Path) -> None:
    async with serve(program) as app:
        described = (await app.public().request("GET", "/openapi.json")).body
        (shown,) = described["paths"]["/walker/make"]["post"]["parameters"]
        assert (shown["name"], shown["in"], shown["required"]) == ("Idempotency-Key", "header", False)


class Stamped(BaseModel):
    """A part of a request with a default that is random."""

    name: str
    stamp: str = Field(default_factory=lambda: uuid.uuid4().hex)


def test_a_request_is_known_by_what_it_says_not_by_how() -> None:
    def digest(**values: Any) -> str:
        return call_of("k" * 22, "make", PUBLIC_ROOT, Entry(), values).digest

    moment = datetime(2026, 11, 27, tzinfo=UTC)
    assert digest(a={"x": 1, "y": [2]}, b={"p", "q"}) == digest(b={"q", "p"}, a={"y": [2], "x": 1})
    several = [digest(a=value) for value in (1, "1", 1.5, None, True, [1], {"1": 1}, {1: 1}, moment, b"1")]
    assert len(set(several)) == len(several)
    assert digest() != digest(a=None)
    assert digest(a=Stamped(name="x")) == digest(a=Stamped(name="x"))
    assert digest(a=Stamped(name="x")) != digest(a=Stamped(name="y"))
    assert digest(a=Stamped(name="x", stamp="1")) != digest(a=Stamped(name="x", stamp="2"))
    with pytest.raises(BadEvent, match="random"):
        call_of("k" * 21, "make", PUBLIC_ROOT, Entry(), {})


def test_a_response_is_unpacked_as_it_was() -> None:
    from starlette.background import BackgroundTask
    from starlette.responses import FileResponse, Response

    response = Response(b"\xff\x00", 418, {"X-A": "é"}, "image/png")
    response.set_cookie("a", "1")
    response.set_cookie("b", "2")
    packed = pack_response(response)
    assert packed is not None
    again = unpack_response(packed)
    assert (again.status_code, again.body, again.raw_headers) == (418, b"\xff\x00", response.raw_headers)
    assert pack_response(FileResponse(__file__)) is None
    assert pack_response(Response(background=BackgroundTask(print))) is None
