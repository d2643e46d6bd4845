"""The page of `examples/team_chat` in a real browser: the network goes, others go on, and all is there when it comes back."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.journeys.conftest import RunNode
from tests.journeys.conftest import chromium as chromium
from tests.journeys.test_client_js import module as module
from tests.serving import EXAMPLES, Server

EXAMPLE = EXAMPLES / "team_chat"


@pytest.mark.parametrize("language", ["python", pytest.param("jac", marks=pytest.mark.long)])
def test_the_network_goes_and_everything_is_there_when_it_comes_back(
    language: str, run_node: RunNode, chromium: str, tmp_path: Path
) -> None:
    program = tmp_path / "program"
    shutil.copytree(EXAMPLE / language, program)
    with Server(Path(), program) as server:  # in its folder, where its settings are
        seen = run_node("team_chat.mjs", str(server.port), chromium, tmp_path)
        assert "Traceback" not in server.log.read_text()
    assert seen.count("seen:") == 16, seen
    for picture in ("light", "phone"):
        assert (tmp_path / f"{picture}.png").stat().st_size > 20_000


def test_what_is_no_longer_kept_is_counted_and_the_rest_is_shown(
    run_node: RunNode, chromium: str, tmp_path: Path
) -> None:
    program = tmp_path / "program"
    shutil.copytree(EXAMPLE / "python", program)
    with Server(Path(), program, history='{"n:Room:*": "recent 5 1h"}') as server:
        seen = run_node("team_chat.mjs", str(server.port), chromium, tmp_path, "lost")
        assert "Traceback" not in server.log.read_text()
    assert seen.count("seen:") == 2, seen


@pytest.mark.parametrize("kept", sorted(EXAMPLES.glob("*/*/walkwire.js")), ids=lambda path: path.parts[-3])
def test_the_client_beside_a_page_is_the_one_that_is_built(kept: Path, module: Path) -> None:
    built = [line for line in module.read_text().splitlines() if not line.startswith("//# sourceMappingURL")]
    assert kept.read_text().splitlines() == built, "`make js` puts it there"
