"""The conversations on the page of the protocol: the client says what is written there, and understands the answers."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable
from typing import Any

import pytest

from tests.client.fake import FakeClock, FakeNetwork, settled
from tests.serving import REPOSITORY
from walkwire.client import Client

PAGE = (REPOSITORY / "docs" / "protocol-v2.md").read_text()
CONVERSATIONS = re.findall(r"^```conversation2\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_there_are_conversations() -> None:
    assert CONVERSATIONS


@pytest.mark.parametrize("conversation", CONVERSATIONS)
async def test_a_conversation_of_the_page_goes_as_written(conversation: str) -> None:
    network, clock = FakeNetwork(), FakeClock()
    client: Client | None = None
    calls: list[asyncio.Future[Any]] = []
    told: list[Any] = []
    id = None
    for line in conversation.splitlines():
        frame = json.loads(line[2:])
        if line.startswith("<"):
            network.sockets[0].say(frame | ({"id": id} if frame["type"] == "reply" else {}))
            await settled()
            continue
        if frame["type"] == "connect":
            client = Client(
                "ws://server.test",
                token=frame["token"],
                info=frame.get("info"),
                clock=clock,
                transport=network.transport,
            )
            _join(client, frame, told)
            await settled()
            network.sockets[0].accept()
        elif frame["type"] == "ping":
            await clock.advance(25_000)
        elif frame["type"] == "join":
            assert client
            _join(client, frame, told)
            frame = {"type": "join", "id": frame["id"], "channels": _wishes(frame)}
        else:
            assert client
            calls.append(asyncio.ensure_future(_call(client, frame)))
        await settled()
        sent = network.sockets[0].sent.pop(0)
        id = sent["id"]
        assert sent | {"id": frame["id"]} == frame

    assert client
    assert client.state == "connected"
    assert network.sockets[0].sent == []
    assert all(call.done() and not call.exception() for call in calls)
    lines = [json.loads(line[2:]) for line in conversation.splitlines() if line.startswith("<")]
    assert told == [frame["data"] for frame in lines if frame["type"] == "channel"]
    client.close()


def _wishes(event: Any) -> list[Any]:
    """The client joins by `channels`; the page shows `channel_ids` too."""
    shared = {"presence": event["presence"]} if "presence" in event else {}
    return event.get("channels") or [{"channel_id": id} | shared for id in event.get("channel_ids", ())]


def _join(client: Client, event: Any, told: list[Any]) -> None:
    for wish in _wishes(event):
        channel = client.channel(wish.pop("channel_id"), **wish)
        wish["channel_id"] = channel.id
        channel.on_message(lambda message: told.append(message.data))


def _call(client: Client, event: Any) -> Awaitable[Any]:
    """Do what makes the client send the event."""
    event = dict(event)
    kind = event.pop("type")
    del event["id"]
    if kind == "channel":
        return client.send_to_channels(event["channel_ids"], event["data"])
    if kind == "history":
        return client.history(event.pop("channel_id"), **event)
    if kind == "presence":
        return client.channel(event.pop("channel_id")).members(**event)
    if kind == "walker":
        return client.walk(
            event["walker"], event["context"], node=event.get("node"), key=event.get("key", False)
        )
    assert kind == "change_user", kind
    return client.change_user(event["token"])
