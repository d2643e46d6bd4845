"""`/docs` and `/redoc` in a real browser that can reach no other host, on a server in production that was asked to show them."""

from __future__ import annotations

from pathlib import Path

from tests.journeys.conftest import RunNode
from tests.serving import Server

PROGRAM = """
from walkwire import Root, Walker, on_entry, specs


@specs(auth=False, summary="greets whoever asks")
class greet(Walker):
    name: str

    @on_entry
    def say(self, here: Root) -> None:
        self.report(f"Hello, {self.name}")
"""


def test_the_pages_show_and_try_operations_without_another_host(
    run_node: RunNode, chromium: str, tmp_path: Path
) -> None:
    program = tmp_path / "main.py"
    program.write_text(PROGRAM)
    with Server(program, tmp_path, "--production", token_secret="s" * 32, docs="true") as server:
        seen = run_node("docs.mjs", str(server.port), chromium)
    assert seen.count("seen:") == 5, seen
