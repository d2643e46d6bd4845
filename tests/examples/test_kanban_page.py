"""The page of `examples/kanban` in a real browser: two people at one board, one on a phone, and a network that goes."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.journeys.conftest import RunNode
from tests.journeys.conftest import chromium as chromium
from tests.serving import EXAMPLES, Server


def test_two_people_work_at_one_board(run_node: RunNode, chromium: str, tmp_path: Path) -> None:
    program = Path(shutil.copytree(EXAMPLES / "kanban", tmp_path / "program"))
    with Server(Path(), program) as server:  # in its folder, where its settings are
        seen = run_node("kanban.mjs", str(server.port), chromium, tmp_path)
        assert "Traceback" not in server.log.read_text()
    assert seen.count("seen:") == 6, seen
    for picture in ("light", "dark", "phone", "phone-dark"):
        assert (tmp_path / f"{picture}.png").stat().st_size > 20_000
