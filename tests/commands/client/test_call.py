"""`walkwire call` and `walkwire listen`, against a real server."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tests.serving import PASSWORD, Person, Server
from walkwire.cli import app
from walkwire.commands.client.call import fields_of
from walkwire.commands.client.server import base_of, socket_of
from walkwire.errors import StartError

PROGRAM = """
from walkwire import Node, Root, Walker, on_entry, socket, specs

class Note(Node):
    text: str

@specs(methods=["post", "websocket"], auth=False)
class echo(Walker):
    text: str = ""
    likes: int = 0
    tags: list[str] = []
    @on_entry
    def answer(self, here: Root) -> None:
        self.report({"text": self.text, "likes": self.likes, "tags": self.tags})

@specs(methods=["get"], auth=False, as_query=["text"])
class look(Walker):
    text: str = ""
    @on_entry
    def answer(self, here: Root) -> None:
        self.report(self.text)

@specs(methods=["post", "websocket"])
class write(Walker):
    text: str
    @on_entry
    def write(self, here: Root) -> None:
        note = here.connect(Note(text=self.text))
        self.report(note)
        socket.notify_users([here], {"written": self.text})
        socket.notify_channels(["den"], {"written": self.text})

@specs(methods=["post", "websocket"])
class read(Walker):
    @on_entry
    def read(self, here: Note) -> None:
        self.report(here.text)
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("call")
    (folder / "main.py").write_text(PROGRAM)
    with Server(folder / "main.py", folder, history='{"den": "durable 10 5m"}') as server:
        yield server


@pytest.fixture(scope="module")
def ada(server: Server) -> Person:

    return asyncio.run(server.user())


def walkwire(server: Server, *arguments: str, token: str | None = None, given: str | None = None) -> Result:
    return CliRunner().invoke(
        app,
        [arguments[0], "--url", server.url, *arguments[1:]],
        input=given,
        env={"WALKWIRE_CLIENT_TOKEN": token},
    )


@pytest.mark.parametrize("way", [(), ("--socket",)])
def test_a_walker_reports_over_rest_and_over_the_socket(way: tuple[str, ...], server: Server) -> None:
    fields = ["--text", "tea", "--likes", "3", "--tags", '["a","b"]']
    done = walkwire(server, "call", *way, "echo", *fields)
    assert (done.exit_code, done.stderr) == (0, "")
    assert json.loads(done.stdout) == {"text": "tea", "likes": 3, "tags": ["a", "b"]}
    done = walkwire(server, "call", *way, "--json", "echo", "--", "--text", "tea")
    assert json.loads(done.stdout)["reports"] == [{"text": "tea", "likes": 0, "tags": []}]


def test_a_walker_of_get_takes_its_fields_in_the_query(server: Server) -> None:
    assert walkwire(server, "call", "look", "--method", "get", "--text", "a b&c").stdout == "a b&c\n"


@pytest.mark.parametrize("way", [(), ("--socket",)])
def test_a_token_of_the_environment_a_file_or_a_log_in_is_shown(
    way: tuple[str, ...], server: Server, ada: Person, tmp_path: Path
) -> None:
    written = walkwire(server, "call", *way, "write", "--text", "hello", token=ada.token)
    node = json.loads(written.stdout)["id"]
    (tmp_path / "token").write_text(ada.token + "\n")
    read = walkwire(server, "call", *way, "--token-file", str(tmp_path / "token"), "read", "--node", node)
    assert read.stdout == "hello\n"
    logged = walkwire(
        server, "call", *way, "read", "--login", ada.email, "--node", node, given=f"{PASSWORD}\n"
    )
    assert (logged.stdout, logged.exit_code) == ("hello\n", 0)


@pytest.mark.parametrize("way", [(), ("--socket",)])
@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nothing"], r"unknown_walker|404: Not Found"),
        (["write", "--text", "x"], r"unauthenticated|403: Not authenticated"),
        (["echo", "--likes", "many"], "likes"),
    ],
)
def test_a_refusal_is_a_sentence_and_exit_code_1(
    arguments: list[str], sentence: str, way: tuple[str, ...], server: Server
) -> None:
    done = walkwire(server, "call", *way, *arguments)
    assert (done.exit_code, done.stdout) == (1, "")
    assert re.search(sentence, done.stderr)
    assert len(done.stderr.splitlines()) == 1


def test_a_wrong_password_and_a_server_that_is_not_there_are_sentences(server: Server) -> None:
    done = walkwire(server, "call", "echo", "--login", "ada@example.com", given="wrong\n")
    assert (done.exit_code, len(done.stderr.splitlines())) == (2, 1)
    assert "ada@example.com is not logged in" in done.stderr
    for command in (["call", "echo"], ["call", "--socket", "echo"], ["listen", "--channel", "den"]):
        done = CliRunner().invoke(app, [*command, "--url", "http://127.0.0.1:1"])
        assert (done.exit_code, len(done.stderr.splitlines())) == (2, 1), done.output
        assert "No answer from" in done.stderr


def test_what_was_sent_before_is_heard_again_and_then_what_comes(server: Server, ada: Person) -> None:
    walkwire(server, "call", "write", "--text", "tea", token=ada.token)
    done = walkwire(
        server, "listen", "--channel", "den", "--rewind", "1", "--count", "1", "--json", token=ada.token
    )
    assert done.exit_code == 0, done.stderr
    heard: dict[str, Any] = json.loads(done.stdout)
    assert heard == {"stream": "channel", "channel": "den", "data": {"written": "tea"}, "at": heard["at"]}
    assert "connected to ws://" in done.stderr


def test_a_token_that_does_not_count_ends_listening(server: Server) -> None:
    done = walkwire(server, "listen", "--channel", "den", token="nonsense")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "unauthenticated" in done.stderr


def test_listening_needs_something_to_listen_to() -> None:
    done = CliRunner().invoke(app, ["listen"])
    assert done.exit_code == 2
    assert "Give --channel ID, or --user" in done.stderr


def test_values_are_json_if_they_can_be_read_as_json() -> None:
    assert fields_of(["--a", "1", "--b=true", "--c", "tea", "--d", '"1"', "--e", "--f", "-1", "--g="]) == {
        "a": 1,
        "b": True,
        "c": "tea",
        "d": "1",
        "e": True,
        "f": -1,
        "g": "",
    }
    with pytest.raises(StartError, match="tea is no field"):
        fields_of(["tea"])


def test_the_address_of_a_server_may_be_that_of_its_socket() -> None:
    assert base_of("wss://shop.example/websocket") == "https://shop.example"
    assert socket_of("shop.example:8000") == "ws://shop.example:8000/websocket"
    with pytest.raises(StartError):
        base_of("ftp://shop.example")
