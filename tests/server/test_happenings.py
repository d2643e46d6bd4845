"""Walkers that the server runs when clients come, go, join and leave: in Python and in Jac, for both versions of the wire."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from walkwire.errors import Busy, StartError
from walkwire.ids import PUBLIC_ROOT
from walkwire.server.happenings import WAITING, Happenings
from walkwire.server.socket.loopback import Loopback
from walkwire.testing import Client, Served, serve
from walkwire.walk.walker.specs import specs
from walkwire.walk.walker.walker import Walker
from walkwire.wire.presence.attendance import Happening

ANN, BOB = "a" * 24, "b" * 24

PYTHON = '''
from walkwire import Node, Root, Walker, on_entry, socket


class Line(Node):
    text: str


class note(Walker):
    """Writes down what happens."""

    occasion: str = ""
    channel_id: str = ""
    client_id: str = ""
    info: dict = {}

    class __specs__:
        on = ["connect", "disconnect", "join:room:*", "leave:room:*"]

    @on_entry
    def write(self, here: Root) -> None:
        name = self.info.get("name", "")
        here.connect(Line(text=f"{self.occasion} {self.channel_id} {name}".strip()))
        socket.notify_self({"ran": self.occasion})


class welcome(Walker):
    """Tells those in a room."""

    channel_id: str = ""

    class __specs__:
        on = "join:room:*"
        auth = False

    @on_entry
    def tell(self, here: Root) -> None:
        socket.notify_channels([self.channel_id], {"welcome": self.channel_id})


class lines(Walker):
    @on_entry
    def read(self, here: Root) -> None:
        self.report([line.text for line in here.out(Line)])


class there(Walker):
    channel_id: str
    roots: list[str] = []

    @on_entry
    def look(self, here: Root) -> None:
        self.report([socket.online(self.channel_id), socket.online_users(self.roots)])


class there_async(there):
    @on_entry
    async def look(self, here: Root) -> None:
        self.report([socket.online(self.channel_id), socket.online_users(self.roots)])
'''

JAC = """
import from walkwire { socket }

node Line { has text: str; }

walker note {
    has occasion: str = "";
    has channel_id: str = "";
    has info: dict = {};

    can write with `root entry {
        name = self.info.get("name", "");
        here ++> Line(text=f"{self.occasion} {self.channel_id} {name}".strip());
        socket.notify_self({"ran": self.occasion});
    }

    class __specs__ { has on: list = ["connect", "disconnect", "join:room:*", "leave:room:*"]; }
}

walker welcome {
    has channel_id: str = "";

    can tell with `root entry { socket.notify_channels([self.channel_id], {"welcome": self.channel_id}); }

    class __specs__ { has on: list = ["join:room:*"], auth: bool = False; }
}

walker lines {
    can read with `root entry { report [line.text for line in [-->(`?Line)]]; }
}

walker there {
    has channel_id: str;
    has roots: list = [];

    can look with `root entry { report [socket.online(self.channel_id), socket.online_users(self.roots)]; }
}
"""


@pytest.fixture(params=["py", "jac"])
async def app(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Served]:
    file = tmp_path / f"main.{request.param}"
    file.write_text(PYTHON if request.param == "py" else JAC)
    async with serve(file) as served:
        yield served


async def told(client: Client, count: int) -> list[str]:
    """What was written down, when there is so much of it."""
    async with asyncio.timeout(30):
        while True:
            reports = (await client.post("lines")).reports
            if len(reports[0]) >= count:
                return sorted(reports[0])
            await asyncio.sleep(0.01)


async def connect(
    app: Served, client: Client, *channels: Any, **fields: Any
) -> tuple[Loopback, dict[str, Any]]:
    socket = Loopback(app.app.door, client.token, version=2)
    await socket.__aenter__()
    wishes = [{"channel_id": each} if isinstance(each, str) else each for each in channels]
    await socket.send({"type": "connect", "id": 1, "channels": wishes} | fields)
    while (frame := await socket.receive()).get("type") != "reply":
        pass
    return socket, frame["data"]


async def test_walkers_run_for_a_client_of_version_1(app: Served) -> None:
    ann = await app.user()
    async with ann.socket("room:1") as socket:
        assert (await socket.receive())["type"] == "connection"
        heard = [await socket.receive() for _ in range(3)]
        assert {"ran": "connect"} in heard
        assert {"welcome": "room:1"} in heard
        await told(ann, 2)
        await socket.send({"type": "leave", "channel_ids": ["room:1"]})
        await told(ann, 3)
    expected = ["connect", "disconnect", "join room:1", "leave room:1"]
    assert await told(ann, 4) == expected


async def test_walkers_run_for_a_client_of_version_2_with_its_info(app: Served) -> None:
    ann = await app.user()
    socket, _ = await connect(app, ann, "room:1", "elsewhere", info={"name": "Ann"})
    await told(ann, 2)
    socket.leave()
    assert await told(ann, 4) == ["connect  Ann", "disconnect", "join room:1 Ann", "leave room:1"]


async def test_the_public_user_concerns_only_walkers_without_auth(app: Served) -> None:
    async with app.public().socket("room:1") as socket:
        assert (await socket.receive())["type"] == "connection"
        assert await socket.receive() == {"welcome": "room:1"}


async def test_another_user_is_another_who_connects_and_joins(app: Served) -> None:
    ann = await app.user()
    async with app.public().socket("room:1") as socket:
        await socket.send({"type": "change_user", "token": ann.token})
        assert await told(ann, 2) == ["connect", "join room:1"]
        await socket.send({"type": "change_user", "token": ""})
        assert await told(ann, 4) == ["connect", "disconnect", "join room:1", "leave room:1"]


async def test_clients_cannot_call_them(app: Served) -> None:
    ann = await app.user()
    assert (await ann.post("note")).status == 404
    async with ann.socket() as socket:
        await socket.receive()
        await socket.send({"type": "walker", "id": 1, "walker": "note", "context": {}})
        while (frame := await socket.receive()).get("type") != "reply":
            pass
        assert frame["error"]["code"] == "unknown_walker"


async def test_walkers_ask_who_is_online(app: Served) -> None:
    ann, bob = await app.user(), await app.user()
    socket, _ = await connect(app, ann, "room:1", info={"name": "Ann"})
    async with app.public().socket("room:1") as other:
        await other.receive()
        roots = [f"n::{ann.root_id}", f"n::{bob.root_id}"]
        reply = await bob.post("there", channel_id="room:1", roots=roots)
        online, users = reply.reports[0]
        assert online == {"count": 2, "users": [{"root_id": roots[0], "info": {"name": "Ann"}}]}
        assert users == roots[:1]
    socket.leave()


async def test_an_async_ability_asks_as_well(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(PYTHON)
    async with serve(tmp_path / "main.py") as app:
        ann = await app.user()
        socket, _ = await connect(app, ann, "room:1")
        reply = await ann.post("there_async", channel_id="room:1", roots=[ann.root_id])
        assert reply.reports[0][0]["count"] == 1
        assert reply.reports[0][1] == [ann.root_id]
        socket.leave()


class Walks:
    """Runs nothing: `calls` says what it was asked for. Waits at `gate` if that is closed."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, bytes, str | None]] = []
        self.fails: list[Exception] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(
        self, walker: type, context: bytes, root_id: str, client_id: str | None, payer: str
    ) -> None:
        self.calls.append((walker.__name__, root_id, context, client_id))
        await self.gate.wait()
        if self.fails:
            raise self.fails.pop(0)


@specs(on=["connect", "disconnect", "join:*", "leave:*"])
class noted(Walker):
    occasion: str = ""
    channel_id: str = ""


def happen(
    happenings: Happenings, occasion: Any, root_id: str = ANN, channel_id: str = "", client: str = "c"
) -> None:
    happenings(Happening(occasion, root_id, client, channel_id))


def occasions(walks: Walks) -> list[str]:
    return [context.split(b'"')[3].decode() for _, _, context, _ in walks.calls]


async def test_one_user_is_handled_in_order_and_others_beside() -> None:
    walks = Walks()
    happenings = Happenings({"noted": noted}, walks, 2)
    walks.gate.clear()
    happen(happenings, "connect")
    happen(happenings, "join", channel_id="den")
    happen(happenings, "connect", BOB)
    happen(happenings, "connect", "c" * 24)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert [root_id for _, root_id, _, _ in walks.calls] == [ANN, BOB], "two at once"
    walks.gate.set()
    await happenings.stop()
    assert occasions(walks).count("connect") == 3
    assert [context for _, root_id, context, _ in walks.calls if root_id == ANN] == [
        b'{"occasion":"connect","channel_id":""}',
        b'{"occasion":"join","channel_id":"den"}',
    ]


async def test_flapping_is_left_out() -> None:
    walks = Walks()
    happenings = Happenings({"noted": noted}, walks, 1)
    walks.gate.clear()
    happen(happenings, "connect")
    await asyncio.sleep(0)
    for _ in range(100):
        happen(happenings, "join", channel_id="den")
        happen(happenings, "leave", channel_id="den")
    happen(happenings, "disconnect")
    happen(happenings, "connect")
    happen(happenings, "join", channel_id="hall")
    walks.gate.set()
    await happenings.stop()
    assert occasions(walks) == ["connect", "join"]


async def test_the_queue_has_a_bound(caplog: pytest.LogCaptureFixture) -> None:
    walks = Walks()
    happenings = Happenings({"noted": noted}, walks, 1)
    for number in range(WAITING + 5):
        happen(happenings, "connect", client=f"{number}")
    assert happenings.dropped == 5
    assert "5 happenings" not in caplog.text, "one line for all of them"
    assert len(caplog.records) == 1
    await happenings.stop()
    assert len(walks.calls) == WAITING


async def test_what_fails_is_logged_and_the_next_is_run(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("walkwire.server.happenings.PAUSE", 0)
    walks = Walks()
    happenings = Happenings({"noted": noted}, walks, 1)
    walks.fails = [Busy, ValueError("no")]  # type: ignore[list-item]
    happen(happenings, "connect")
    happen(happenings, "join", channel_id="den")
    await happenings.stop()
    assert occasions(walks) == ["connect", "connect", "join"]
    assert [record.getMessage() for record in caplog.records] == ["Walker noted failed on connect"]


async def test_what_is_left_when_the_server_stops_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    walks = Walks()
    walks.gate.clear()
    happenings = Happenings({"noted": noted}, walks, 1)
    for number in range(3):
        happen(happenings, "connect", client=f"{number}")
    await asyncio.sleep(0)
    await happenings.stop(0.01)
    assert "2 happenings" in caplog.text


async def test_clients_without_a_user_have_lanes_of_their_own_and_need_auth_false() -> None:
    walks = Walks()
    happenings = Happenings({"noted": noted}, walks, 1)
    happen(happenings, "connect", PUBLIC_ROOT)
    await happenings.stop()
    assert walks.calls == []


def test_a_walker_that_needs_other_fields_cannot_be_run() -> None:
    @specs(on="connect")
    class greedy(Walker):
        amount: int

    with pytest.raises(StartError, match="no amount"):
        Happenings({"greedy": greedy}, Walks(), 1)
