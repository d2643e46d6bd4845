"""The page of the tutorial's third chapter in a real browser, with the program of its second in both languages."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.journeys.conftest import RunNode
from tests.newcomer import steps
from tests.serving import REPOSITORY, Server

TUTORIAL = REPOSITORY / "docs" / "tutorial"


@pytest.mark.parametrize("program", ["main.py", pytest.param("main.jac", marks=pytest.mark.long)])
def test_two_windows_share_a_list(program: str, run_node: RunNode, chromium: str, tmp_path: Path) -> None:
    (program_of_chapter_2,) = (
        step.text for step in steps(TUTORIAL / "live.md") if step.text.startswith(f"# {program}\n")
    )
    (page,) = (step.text for step in steps(TUTORIAL / "page.md") if step.language == "html")
    (tmp_path / program).write_text(program_of_chapter_2)
    (tmp_path / "public").mkdir()
    (tmp_path / "public" / "index.html").write_text(page)
    with Server(tmp_path, tmp_path) as server:
        seen = run_node("tutorial.mjs", server.url, chromium, tmp_path)
    assert seen.count("seen:") == 7, seen
