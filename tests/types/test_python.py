"""The typed client in Python: mypy accepts what is right and refuses what is not, and it works."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.serving import REPOSITORY, Server
from walkwire.types.python import python_of
from walkwire.types.shapes import ProgramShapes

USE = """
from walkwire.client import connect
from made import Card, Notification, SyncWalkers, Walkers, notification, told
from walkwire.client.sync import SyncClient


async def use(url: str, sync: SyncClient) -> None:
    client = connect(url)
    walkers = Walkers(client)
    reply = await walkers.vote({"choice": "tea", "message": {"text": "a"}}, node="n:Card:1", key=False)
    report: Card | int = reply.reports[0]
    if not isinstance(report, int):
        title: str = report["context"]["title"]
        colour: str = report["context"]["colour"]
    await walkers.string()
    await walkers.interface()
    SyncWalkers(sync).vote({"choice": "coffee"})
    await walkers.vote({})  # wrong
    await walkers.vote({"choice": "milk"})  # wrong
    await walkers.vote({"choice": "tea", "secret": "x"})  # wrong
    await walkers.veto()  # wrong
    number: str = reply.reports[0]  # wrong
    client.on_client(told({"chat": lambda message: print(message["text"])}))
    client.on_client(told({"chit": lambda message: None}))  # wrong


def read(data: Notification) -> str:
    if data["type"] == "chat":
        return data["data"]["text"]
    if data["type"] == "moved":
        return data["data"]["by"]
    return data["data"]  # wrong
"""


@pytest.fixture
def made(shapes: ProgramShapes, tmp_path: Path) -> Path:
    file = tmp_path / "made.py"
    file.write_text(python_of(shapes, "main.py\nprint('hostile')"), encoding="utf-8")
    return file


def test_mypy_accepts_what_is_right_and_refuses_the_rest(made: Path, tmp_path: Path) -> None:
    (tmp_path / "use.py").write_text(USE)
    wrong = {number for number, line in enumerate(USE.splitlines(), 1) if line.endswith("# wrong")}
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--config-file",
        "",
        "--cache-dir",
        REPOSITORY / ".mypy_cache",
    ]
    done = subprocess.run(
        [*command, "made.py", "use.py"], cwd=tmp_path, check=False, capture_output=True, text=True
    )
    found = re.findall(r"^(\w+\.py):(\d+): error: (.*)$", done.stdout, re.MULTILINE)
    assert not [one for one in found if one[0] != "use.py"], done.stdout
    assert {int(line) for _, line, _ in found} == wrong, done.stdout


async def test_the_walkers_and_the_handlers_work(made: Path, program: Path, tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("made", made)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    from walkwire.client import connect

    heard: list[object] = []
    with Server(program, tmp_path) as server:
        async with connect(server.socket_url) as client:
            client.on_client(module.told({"chat": heard.append, "moved": heard.append}))
            reply = await module.Walkers(client).vote({"choice": "tea"})
            assert reply.reports[0]["context"]["title"] == "a"
            reply = await module.Walkers(client).vote({"choice": "coffee", "weight": 3})
            assert reply.reports == [3]
    assert heard == [
        {"text": "tea", "replies": []},
        {"by": "ada"},
        {"text": "coffee", "replies": []},
        {"by": "ada"},
    ]


def test_the_same_program_gives_the_same_text(shapes: ProgramShapes) -> None:
    assert python_of(shapes, "a") == python_of(shapes, "a")
    compile(python_of(shapes, '"""'), "made.py", "exec")
