"""The README's programs and the README's JavaScript, talking to each other over a real server process."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.journeys.conftest import RunNode
from tests.serving import REPOSITORY, Server

README = (REPOSITORY / "README.md").read_text()


def fence(language: str) -> str:
    match = re.search(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    assert match
    return match.group(1)


@pytest.mark.parametrize(("language", "file"), [("jac", "main.jac"), ("python", "main.py")])
def test_the_client_of_the_readme_hears_its_own_message(
    run_node: RunNode, tmp_path: Path, language: str, file: str
) -> None:
    program = tmp_path / file
    program.write_text(fence(language))
    with Server(program, tmp_path) as server:
        client = tmp_path / "client.mjs"
        client.write_text(fence("js").replace("localhost:8000", f"localhost:{server.port}"))
        printed = run_node("snippet.mjs", client, "heard: Hello, everyone").splitlines()
    assert [line.split()[0] for line in printed] == ["I", "I", "heard:"], (
        "public first, then Ada, then the chat"
    )
    assert printed[1].endswith("in lobby")
