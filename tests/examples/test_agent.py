"""The agent of `examples/agent`, in memory: pieces in their order, tools, an answer that is stopped, and a model that fails."""

from __future__ import annotations

import asyncio
import sys
import tomllib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.serving import EXAMPLES
from walkwire.testing import Client, Served, StreamSocket, serve

EXAMPLE = EXAMPLES / "agent"


@pytest.fixture
async def app() -> AsyncIterator[Served]:
    async with serve(EXAMPLE / "main.py", **tomllib.loads((EXAMPLE / "walkwire.toml").read_text())) as app:
        model: Any = sys.modules["model"]
        model.PAUSE = 0.0
        yield app


async def chat_of(user: Client) -> tuple[str, list[Any]]:
    (chat,) = (await user.post("my_chat")).reports
    return chat["id"], chat["messages"]


async def told(socket: StreamSocket) -> list[Any]:
    """All that is told until the answer is stored."""
    heard: list[Any] = []
    while (
        not heard
        or heard[-1]["type"] != "message"
        or heard[-1]["data"]["state"] == "writing"
        or _is_asked(heard)
    ):
        heard.append((await socket.receive())["data"])
    return heard


def _is_asked(heard: list[Any]) -> bool:
    return bool(heard[-1]["data"]["role"] == "user")


def text_of(heard: list[Any]) -> str:
    """What the pieces are together, each at its place."""
    text = ""
    for piece in [one["data"] for one in heard if one["type"] == "piece"]:
        assert piece["from"] <= len(text)
        text = text[: piece["from"]] + piece["text"]
    return text


async def test_an_answer_comes_piece_by_piece_and_is_then_stored(app: Served) -> None:
    ada = await app.user()
    chat, _ = await chat_of(ada)
    async with ada.stream(chat) as socket:
        assert (await ada.post("ask", chat, text="Hello")).status == 200
        heard = await told(socket)
    assert len([one for one in heard if one["type"] == "piece"]) > 20
    assert text_of(heard) == heard[-1]["data"]["text"]
    _, messages = await chat_of(ada)
    assert [(one["role"], one["state"]) for one in messages] == [("user", "done"), ("assistant", "done")]
    assert messages[1]["text"] == text_of(heard)


async def test_it_remembers_for_its_user_and_for_nobody_else(app: Served) -> None:
    ada, bob = await app.user(), await app.user()
    for user, answer in ((ada, "spare key is under"), (bob, "no note about that")):
        chat, _ = await chat_of(user)
        async with user.stream(chat) as socket:
            if user is ada:
                await user.post("ask", chat, text="Remember that the spare key is under the blue pot")
                assert (await told(socket))[-1]["data"]["text"].startswith("I have noted")
            await user.post("ask", chat, text="Where is the spare key?")
            last = (await told(socket))[-1]["data"]
            assert answer in last["text"]
            assert last["steps"] == ["recall: where spare"]
    assert (await bob.post("ask", (await chat_of(ada))[0], text="Hello")).status in (403, 404)


async def test_an_answer_can_be_stopped_and_one_is_written_at_a_time(app: Served) -> None:
    model: Any = sys.modules["model"]
    model.PAUSE = 0.01
    ada = await app.user()
    chat, _ = await chat_of(ada)
    async with ada.stream(chat) as socket:
        answer = (await ada.post("ask", chat, text="Hello")).reports[0]["answer"]
        assert (await ada.post("ask", chat, text="Again")).status == 409
        while (await socket.receive())["data"]["type"] != "piece":
            pass
        assert (await ada.post("stop", answer)).reports == ["writing"]
        last = (await told(socket))[-1]["data"]
    assert last["state"] == "stopped"
    assert 0 < len(last["text"]) < 100
    assert (await ada.post("ask", chat, text="And now?")).status == 200


async def test_a_model_that_fails_leaves_what_it_has_said(
    app: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def stream(conversation: list[dict[str, str]]) -> AsyncIterator[str]:
        yield "Well, "
        await asyncio.sleep(0)
        raise OSError("the model is away")

    monkeypatch.setattr(sys.modules["model"], "stream", stream)
    ada = await app.user()
    chat, _ = await chat_of(ada)
    async with ada.stream(chat) as socket:
        await ada.post("ask", chat, text="Hello")
        last = (await told(socket))[-1]["data"]
    assert (last["state"], last["text"]) == ("failed", "Well, ")


async def test_a_question_has_words(app: Served) -> None:
    ada = await app.user()
    chat, _ = await chat_of(ada)
    assert (await ada.post("ask", chat, text="  ")).status == 422
    assert (await chat_of(ada))[1] == []
