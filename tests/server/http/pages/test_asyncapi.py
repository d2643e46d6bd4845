"""The description of the WebSocket: its own tool accepts it, and what a real server says fits it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from tests.journeys.conftest import absent
from tests.server.http.pages.conftest import PROGRAM
from tests.serving import REPOSITORY, Server
from walkwire.program import load_alone
from walkwire.server.http.pages.asyncapi import describe_socket
from walkwire.wire.message.event import EVENTS
from walkwire.wire.sessions.events import EVENTS_2

VALIDATOR = REPOSITORY / "tests" / "asyncapi"


class Document:
    def __init__(self, content: Any) -> None:
        self.content = content
        self.messages: dict[str, Any] = content["components"]["messages"]

    def fits(self, message: str, value: Any) -> bool:
        schema = {**self.messages[message]["payload"], "components": self.content["components"]}
        return bool(jsonschema_rs.Draft7Validator(schema).is_valid(value))


@pytest.fixture
async def document(described: Server) -> Document:
    return Document((await described.request("GET", "/asyncapi.json")).json())


def test_the_initiatives_own_parser_accepts_it(tmp_path: Path) -> None:
    if not (VALIDATOR / "node_modules" / "@asyncapi" / "parser").is_dir():
        absent("what make asyncapi fetches")
    (tmp_path / "main.py").write_text(PROGRAM)
    (tmp_path / "empty.py").write_text("")
    files = []
    for name in ("main", "empty"):
        files.append(tmp_path / f"{name}.json")
        files[-1].write_bytes(describe_socket(load_alone(tmp_path / f"{name}.py"), name))
    command = ["node", VALIDATOR / "validate.mjs", *files]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout.count("AsyncAPI 3.0.0:"), done.stderr) == (0, 2, ""), done.stdout


def test_every_event_and_walker_is_described(document: Document) -> None:
    for version, events in (("v1", EVENTS), ("v2", EVENTS_2)):
        said = {
            key.removeprefix(f"{version}.event.") for key in document.messages if f"{version}.event." in key
        }
        assert said | {"walker"} == set(events.kinds)
        assert f"{version}.walk.add" in document.content["operations"]
    assert {
        "walker.add",
        "walker.look",
        "walker.later",
        "told.card",
        "told.gr.f6..df.e.20..3c.i.3e.",
    } <= document.messages.keys()
    one_version = json.loads(describe_socket_of_nothing())
    assert list(one_version["channels"]) == ["v1"]


def describe_socket_of_nothing() -> bytes:
    from walkwire.walk.registry import Registry

    return describe_socket(Registry(), "nothing", has_streams=False)


@pytest.mark.parametrize(
    ("message", "event", "is_right"),
    [
        ("walker.add", {"type": "walker", "walker": "add", "context": {"text": "a"}, "id": 1}, True),
        ("walker.add", {"type": "walker", "walker": "add"}, False),
        ("walker.add", {"type": "walker", "walker": "add", "context": {}}, False),
        ("walker.look", {"type": "walker", "walker": "look", "node": "n:Card:1"}, True),
        ("walker.look", {"type": "walker", "walker": "look"}, False),
        ("v1.event.channel", {"type": "channel", "channel_ids": ["a"], "data": {"b": 1}}, True),
        ("v1.event.channel", {"type": "channel", "channel_ids": ["a"], "data": 1}, False),
        ("v1.event.channel", {"type": "channel", "channel_ids": [], "data": {}}, False),
        ("v1.event.change_user", {"type": "change_user"}, True),
        (
            "v2.event.connect",
            {"type": "connect", "channels": [{"channel_id": "a", "rewind": 3}], "info": {}},
            True,
        ),
        ("v2.event.connect", {"type": "connect", "channels": [{"rewind": 3}]}, False),
        ("v2.event.ping", {"type": "ping", "id": "a"}, True),
    ],
)
def test_events_are_right_or_wrong(document: Document, message: str, event: Any, is_right: bool) -> None:
    assert document.fits(message, event) is is_right


async def test_what_version_1_says_fits(described: Server, document: Document) -> None:
    async with connect(described.socket_url) as wire:

        async def hear(message: str) -> None:
            frame = json.loads(await wire.recv())
            assert document.fits(message, frame), f"{message}: {frame}"

        await hear("v1.connection")
        await wire.send('{"type":"walker","walker":"add","context":{"text":"a"},"id":1}')
        await hear("told.card")
        await hear("answer.add")
        await wire.send('{"type":"walker","walker":"nobody","id":"x"}')
        await hear("v1.refusal")
        await wire.send('{"type":"walker","walker":"nobody"}')
        await hear("v1.failure")
        await wire.send('{"type":"leave","channel_ids":["a"],"id":2}')
        await hear("v1.reply")


async def test_what_version_2_says_fits(described: Server, document: Document) -> None:
    async with connect(described.socket_url, subprotocols=[Subprotocol("walkwire.v2")]) as wire:

        async def ask(event: dict[str, Any], *messages: str) -> None:
            await wire.send(json.dumps(event))
            for message in messages:
                frame = json.loads(await wire.recv())
                assert document.fits(message, frame), f"{message}: {frame}"

        wish = {"channel_id": "den", "presence": "list"}
        await ask({"type": "connect", "id": 1, "info": {"name": "Ada"}, "channels": [wish]}, "v2.welcome")
        data = {"type": "channel", "channel_ids": ["den"], "data": {"text": "a"}, "id": 2}
        await ask(data, "v2.channel", "v2.reply")
        await ask(
            {"type": "walker", "walker": "add", "context": {"text": "a"}, "id": 3}, "v2.client", "answer.add"
        )
        await ask({"type": "history", "channel_id": "den", "id": 4}, "v2.page")
        await ask({"type": "ping", "id": 5}, "v2.reply")
        await ask({"type": "odd"}, "v2.error")
