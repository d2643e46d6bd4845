"""What presence lists show of a user, as the program decides."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from walkwire.errors import StartError
from walkwire.server.socket.loopback import Loopback
from walkwire.testing import Client, Served, serve

FUNCTION = """
from walkwire import presence_info

@presence_info
def shown(caller, info):
    if info.get("is") == "wrong":
        return "a string"
    if info.get("is") == "large":
        return {"text": "x" * 2000}
    if info.get("is") == "secret":
        raise ValueError("no")
    return {"name": info.get("name", "?"), "signed_in": caller.is_authenticated}
"""
ASYNC = FUNCTION.replace("def shown", "async def shown")
WALKER = """
from walkwire import Node, Root, Walker, on_entry, presence_info

class Profile(Node):
    name: str

class be(Walker):
    name: str
    @on_entry
    def make(self, here: Root) -> None:
        here.connect(Profile(name=self.name))

@presence_info
class shown(Walker):
    info: dict = {}
    @on_entry
    def make(self, here: Root) -> None:
        names = [profile.name for profile in here.out(Profile)]
        self.report({"name": names[0] if names else self.info.get("name", "?")})
"""
JAC = """
import from walkwire { presence_info }

@presence_info
def shown(caller: any, info: dict) -> dict {
    return {"name": info.get("name", "?"), "signed_in": caller.is_authenticated};
}
"""


async def connect(app: Served, client: Client, **fields: Any) -> tuple[Loopback, Any]:
    socket = Loopback(app.app.door, client.token, version=2)
    await socket.__aenter__()
    channels = [{"channel_id": "den", "presence": "list"}]
    await socket.send({"type": "connect", "id": 1, "channels": channels} | fields)
    return socket, (await socket.receive())["data"]["streams"]["channels"]["den"]["presence"]


@pytest.mark.parametrize(("name", "program"), [("main.py", FUNCTION), ("main.py", ASYNC), ("main.jac", JAC)])
async def test_a_function_makes_it(tmp_path: Path, name: str, program: str) -> None:
    (tmp_path / name).write_text(program)
    async with serve(tmp_path / name) as app:
        ann = await app.user()
        socket, presence = await connect(app, ann, info={"name": "Ann", "password": "p"})
        assert [user["info"] for user in presence["users"]] == [{"name": "Ann", "signed_in": True}]
        socket.leave()


async def test_what_is_wrong_or_fails_shows_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "main.py").write_text(FUNCTION)
    async with serve(tmp_path / "main.py") as app:
        for kind in ("wrong", "large", "secret"):
            socket, presence = await connect(app, await app.user(), info={"is": kind})
            assert presence["users"][-1]["info"] == {}
            await socket.send({"type": "leave", "channel_ids": ["den"]})
            await socket.quiet()
            socket.leave()
        assert caplog.text.count("Presence lists show nothing") == 3


async def test_a_walker_makes_it_from_the_users_own_graph(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(WALKER)
    async with serve(tmp_path / "main.py") as app:
        ann, bob = await app.user(), await app.user()
        await ann.post("be", name="Ann of the graph")
        one, presence = await connect(app, ann, info={"name": "somebody else"})
        assert [user["info"]["name"] for user in presence["users"]] == ["Ann of the graph"]
        two, presence = await connect(app, bob, info={"name": "Bob"})
        assert {user["info"]["name"] for user in presence["users"]} == {"Ann of the graph", "Bob"}
        await two.send({"type": "change_user", "id": 2, "token": ann.token})
        await two.receive()
        async with app.public().socket("den"):
            third, presence = await connect(app, ann)
        assert json.dumps(presence).count("Ann of the graph") == 1
        for socket in (one, two, third):
            socket.leave()


async def test_only_functions_and_walkers_can(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(
        "from walkwire import presence_info\n\n@presence_info\nclass wrong:\n    pass\n"
    )
    with pytest.raises(StartError, match="presence_info"):
        async with serve(tmp_path / "main.py"):
            pass
