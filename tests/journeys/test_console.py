"""The console in a real browser: each view at two widths, light and dark; nothing for axe to find, nothing in its log."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.journeys.conftest import RunNode
from tests.serving import REPOSITORY, Server

TOWN = REPOSITORY / "tests" / "server" / "console" / "town.py"


@pytest.mark.long
def test_an_operator_walks_through_the_console(run_node: RunNode, chromium: str, tmp_path: Path) -> None:
    with Server(TOWN, tmp_path) as server:
        seen = run_node("console.mjs", str(server.port), chromium, tmp_path)

    assert seen.count("seen:") == 3, seen
    assert "Traceback" not in server.log.read_text()
