"""The page of each example is true: its shell commands and its JavaScript are run against a server process."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.journeys.conftest import RunNode, absent
from tests.serving import EXAMPLES, Server, run

# What the commands show in the end, and what the JavaScript prints at last.
PAGES = {
    "social_feed": ("a picture", "answer: 201"),
    "task_graph": ('"name":"House","tasks":4', "new: chimney"),
    "chat_rooms": ('"text":"How I make it"', "Tea, Ada: Hello"),
    "agent": (
        "I have noted that the spare key",
        "answer: This is what you told me:\n\n- the spare key is under the blue pot",
    ),
    "cursors": ('"name":"Ada","colour":"#0f766e"', "Ada points at 0.25, 0.5"),
    "dashboard": ('"rows":5,"state":"done"', "Another import is done"),
    "kanban": ('"title":"The garden"', "Plant the apple tree is in Doing"),
    "team_chat": ('"said":1,"seen":1,"unread":0', "bob: Milk last"),
}


@pytest.mark.parametrize("name", PAGES)
def test_what_the_page_says_happens(name: str, run_node: RunNode, tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        absent("curl")
    shown, printed = PAGES[name]
    program = EXAMPLES / name
    if (program / "walkwire.toml").is_file():  # served from its folder
        source = program / "python" if name == "team_chat" else program  # one of two
        program = Path(shutil.copytree(source, tmp_path, dirs_exist_ok=True))
    with Server(program, tmp_path) as server:
        commands = fence(name, "sh").replace("localhost:8000", f"127.0.0.1:{server.port}")
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", commands],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        )
        assert shown in done.stdout
        assert not re.search(r'"(errors|detail)":', done.stdout), done.stdout
        client = tmp_path / "client.mjs"
        client.write_text(fence(name, "js").replace("localhost:8000", f"127.0.0.1:{server.port}"))
        run_node("snippet.mjs", client, printed)
        assert "Traceback" not in server.log.read_text()


@pytest.mark.parametrize("name", PAGES)
def test_what_the_page_names_is_there(name: str) -> None:
    page = (EXAMPLES / name / "README.md").read_text()
    suffixes = (".jac", ".py", ".html", ".js")
    program = "".join(file.read_text() for file in (EXAMPLES / name).rglob("*") if file.suffix in suffixes)
    named = set(re.findall(r"`([A-Za-z_.&]+)`", page[page.index("| to see") :])) - {"async walker"}
    for word in named:
        assert word.rpartition(".")[2] in program or (EXAMPLES / name / word).is_file(), word
    assert len(page.splitlines()) < 80, "at most a page"


def test_every_example_is_free_of_errors(tmp_path: Path) -> None:
    code, out, errors = run("check", str(EXAMPLES), folder=tmp_path)
    assert code == 0, out + errors


def fence(name: str, language: str) -> str:
    page = (EXAMPLES / name / "README.md").read_text()
    found = re.search(rf"^```{language}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert found, f"{name} has no {language}"
    return found.group(1)
