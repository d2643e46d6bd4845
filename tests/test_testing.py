"""`walkwire.testing`: walkers tested in memory, as their users would test them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from walkwire import Node, Root, Walker, on_entry, root, socket, specs
from walkwire.errors import StartError
from walkwire.ids import PUBLIC_ROOT
from walkwire.testing import Closed, serve

CHAT = Path(__file__).parent.parent / "examples" / "chat"


class Note(Node):
    text: str


@specs(methods=["post", "websocket"])
class write(Walker):
    text: str

    @on_entry
    def note(self, here: Root) -> None:
        here.connect(Note(self.text))
        self.report([note.text for note in here.out(Note)])


@specs(methods=["post", "websocket"], auth=False)
class hello(Walker):
    @on_entry
    def tell(self, here: Root) -> None:
        socket.notify_users([root()], "hello")


async def test_a_module_is_served_and_each_user_has_a_graph_of_their_own() -> None:
    async with serve(sys.modules[__name__]) as app:
        ada, bob = await app.user("ada@example.com"), await app.user()

        assert (await ada.post("write", text="a")).reports == [["a"]]
        assert (await bob.post("write", text="b")).reports == [["b"]]
        again = await app.user("ada@example.com")
        assert again.root_id == ada.root_id
        assert (await again.post("write", text="c")).reports == [["a", "c"]]


async def test_a_socket_says_hears_and_is_closed() -> None:
    async with serve(sys.modules[__name__], policy_channel="none") as app:
        public = app.public()
        async with public.socket("room") as connected:
            greeting = await connected.receive()
            assert greeting["data"]["root_id"] == f"n::{PUBLIC_ROOT}"
            assert greeting["data"]["channel_id"] == "room"
            await public.post("hello")
            assert await connected.receive() == "hello"
            await connected.send({"type": "channel", "channel_ids": ["room"], "data": {}})
            assert "error" in await connected.receive()
            await connected.send("x" * 2_000_000)
            with pytest.raises(Closed) as closed:
                await connected.receive()
            assert closed.value.code == 1009


@pytest.mark.parametrize("program", [CHAT, CHAT / "main.jac", str(CHAT.parent / "chat_python" / "main.py")])
async def test_the_seed_s_program_is_served_from_a_file_or_a_folder(program: Any) -> None:
    async with serve(program) as app:
        ada = await app.user()
        async with ada.socket() as connected:
            await connected.receive()
            await ada.post("send_chat_to_user", root_id=ada.root_id)
            assert await connected.receive() == {"type": "chat", "data": {"message": "string"}}


async def test_reports_that_are_not_there_show_the_whole_reply() -> None:
    async with serve(sys.modules[__name__]) as app:
        reply = await app.public().post("write", text="x")

        assert reply.status == 403
        with pytest.raises(AssertionError, match="Not authenticated"):
            _ = reply.reports


async def test_a_program_that_is_not_there_is_one_clear_sentence(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="There is no file"):
        async with serve(tmp_path / "no.py"):
            pass


# Streams


@specs(methods=["post", "websocket"], auth=False)
class call(Walker):
    text: str

    @on_entry
    def tell(self, here: Root) -> None:
        socket.notify_channels(["den"], {"text": self.text})


def texts(frames: list[dict[str, Any]]) -> list[str]:
    return [frame["data"]["text"] for frame in frames]


async def test_a_socket_is_dropped_and_resumes_with_what_it_missed() -> None:
    async with serve(sys.modules[__name__]) as app:
        ada = await app.user()
        async with ada.stream("den") as connected:
            assert connected.recovered == {"den": None, "user": None, "client": None}
            await ada.post("call", text="one")
            assert (await connected.receive())["data"] == {"text": "one"}
            connected.drop()
            await ada.post("call", text="two")
            with pytest.raises(AssertionError, match="resume"):
                await connected.quiet()
            assert await connected.resume() == {"den": True, "user": True, "client": True}
            assert texts(await connected.quiet()) == ["two"]


async def test_the_clock_is_moved_beyond_what_is_kept() -> None:
    async with serve(sys.modules[__name__]) as app:
        ada = await app.user()
        async with ada.stream("den") as connected:
            who = connected.who["client_id"]
            connected.drop()
            await ada.post("call", text="one")
            app.clock.advance(301)
            assert (await connected.resume())["den"] is False
            assert connected.who["client_id"] == who
            connected.drop()
            app.clock.advance(451)
            await connected.resume()
            assert connected.who["client_id"] != who


async def test_a_token_ends_when_the_clock_has_moved_so_far() -> None:
    async with serve(sys.modules[__name__], token_seconds=100) as app:
        ada = await app.user()
        async with ada.stream() as connected:
            app.clock.advance(101)
            with pytest.raises(Closed) as closed:
                await connected.receive()
            assert closed.value.code == 4001


async def test_a_server_is_killed_and_its_graph_is_there_again() -> None:
    async with serve(sys.modules[__name__]) as app:
        ada = await app.user()
        await ada.post("write", text="a")
        async with ada.stream("den") as connected:
            who = connected.who["client_id"]
            await app.kill()
            assert connected.closed is not None
            assert connected.closed.code == 1006
            assert await connected.resume() == {"den": False, "user": False, "client": False}
            assert connected.who["client_id"] == who
            assert (await ada.post("write", text="b")).reports == [["a", "b"]]
            await ada.post("call", text="two")
            assert texts(await connected.quiet()) == ["two"]


async def test_an_event_that_is_refused_says_why() -> None:
    async with serve(sys.modules[__name__], policy_join="authenticated") as app:
        async with app.public().stream() as connected:
            with pytest.raises(AssertionError, match="signed in"):
                await connected.ask("join", channel_ids=["den"])
        ada = await app.user()
        async with ada.stream() as connected:
            await connected.ask("join", channel_ids=["den"])
            await ada.post("call", text="one")
            assert texts(await connected.quiet()) == ["one"]
