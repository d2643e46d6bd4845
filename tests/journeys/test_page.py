"""The page of `make demo`, in a real browser: two people, three windows, each kind of event and each walker."""

from __future__ import annotations

from pathlib import Path

from tests.journeys.conftest import RunNode
from tests.serving import Server


def test_two_windows_chat_through_the_demo_page(
    chat: Server, run_node: RunNode, chromium: str, tmp_path: Path
) -> None:
    seen = run_node("page.mjs", f"{chat.url}/", chromium, tmp_path)
    assert seen.count("seen:") == 21, seen
    for picture in ("first", "light", "dark", "phone"):
        assert (tmp_path / f"{picture}.png").stat().st_size > 20_000
    assert "Traceback" not in chat.log.read_text()
