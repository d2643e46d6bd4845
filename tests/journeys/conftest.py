"""What the journeys share: the seed's program in a process of its own, and node with its packages."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import Once
from tests.serving import CHAT, Server

NODE = Path(__file__).parent / "node"
RunNode = Callable[..., str]


def absent(what: str) -> None:
    """Skip at home, fail in CI: there everything that a journey needs is to be installed."""
    if os.environ.get("CI"):
        pytest.fail(f"{what} is missing", pytrace=False)
    pytest.skip(f"{what} is missing")


@pytest.fixture(scope="module")
def chat(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The seed's program."""
    with Server(CHAT, tmp_path_factory.mktemp("chat")) as server:
        yield server


@pytest.fixture(scope="session")
def run_node(once: Once) -> RunNode:
    """Runs a script of `node/` with arguments and gives what it printed; a script that fails is shown."""
    node = shutil.which("node")
    if node is None:
        absent("node")
    npm = shutil.which("npm")
    with once("npm"):
        if not (NODE / "node_modules" / "ws").is_dir():
            fetched = npm and subprocess.run(
                [npm, "ci", "--no-audit", "--no-fund"], check=False, cwd=NODE, capture_output=True
            )
            if not fetched or fetched.returncode != 0:
                absent("what npm ci brings to tests/journeys/node")

    def run(script: str, *arguments: str | Path) -> str:
        done = subprocess.run(
            [str(node), NODE / script, *map(str, arguments)],
            check=False,  # the output says more
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        return done.stdout

    return run


@pytest.fixture(scope="session")
def chromium() -> str:
    """Where the browser is."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        absent("chromium")
    return str(found)
