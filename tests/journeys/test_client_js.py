"""`clients/js` against real servers: in node, and in a page of a real browser that loads the module as it is shipped."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import Once
from tests.journeys.conftest import NODE, RunNode, absent
from tests.serving import PROGRAMS, REPOSITORY, Server

CLIENT = REPOSITORY / "clients" / "js"
SECRET = "a secret for tests, of 32 bytes or more"


@pytest.fixture(scope="session")
def module(once: Once) -> Path:
    """The client as it is shipped: one module, built here if it is not there or older than its sources.

    What builds it is fetched only where nothing of it is there: `make js` brings it up to date.
    """
    built = CLIENT / "dist" / "index.js"
    sources = max(path.stat().st_mtime for path in (CLIENT / "src").iterdir())
    with once("clients-js"):
        if not built.is_file() or built.stat().st_mtime < sources:
            npm = shutil.which("npm")
            fetching = [] if (CLIENT / "node_modules").is_dir() else [[npm, "ci", "--no-audit", "--no-fund"]]
            for command in [*fetching, [npm, "run", "build"]] if npm else [None]:
                done = command and subprocess.run(command, check=False, cwd=CLIENT, capture_output=True)
                if not done or done.returncode != 0:
                    absent("what builds clients/js")
    return built


async def test_the_client_comes_back_whole_in_node(run_node: RunNode, module: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    database = f"sqlite:///{tmp_path / 'walkwire.db'}"
    with (
        Server(PROGRAMS / "counting.py", tmp_path, database=database, token_secret=SECRET) as server,
        Server(PROGRAMS / "counting.py", tmp_path / "other", database=database, token_secret=SECRET) as other,
    ):
        ada = await server.user()
        bob = await server.user()
        ports = (str(server.port), str(other.port))
        seen = run_node("client.mjs", module, *ports, ada.token, bob.token)
    assert seen.count("seen:") == 13, seen


@pytest.mark.parametrize("sleep", [1, pytest.param(40, marks=pytest.mark.long)])
async def test_the_client_comes_back_whole_in_a_page(
    sleep: int, run_node: RunNode, chromium: str, module: Path, tmp_path: Path
) -> None:
    shutil.copy(PROGRAMS / "counting.py", tmp_path / "main.py")
    shutil.copy(NODE / "client_page.html", tmp_path / "index.html")
    with Server(tmp_path, tmp_path) as server:
        ada = await server.user()
        seen = run_node("client_page.mjs", module, str(server.port), ada.token, chromium, str(sleep))
    assert "error:" not in seen, seen
    assert seen.count("seen:") == 5, seen
