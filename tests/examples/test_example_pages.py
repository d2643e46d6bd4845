"""The pages of smaller examples in a real browser: their story, in a wide window and on a phone, in the light and in the dark."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.journeys.conftest import RunNode
from tests.journeys.conftest import chromium as chromium
from tests.serving import EXAMPLES, Server


@pytest.mark.parametrize("example", ["agent", "dashboard", "cursors"])
def test_two_people_use_the_page(example: str, run_node: RunNode, chromium: str, tmp_path: Path) -> None:
    program = Path(shutil.copytree(EXAMPLES / example, tmp_path / "program"))
    with Server(Path(), program) as server:  # in its folder, where its settings are
        seen = run_node("example_pages.mjs", example, f"{server.url}/", chromium, tmp_path)
        assert "Traceback" not in server.log.read_text()
    assert "seen:" in seen
