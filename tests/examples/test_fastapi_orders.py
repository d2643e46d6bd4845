"""The coffee bar of `examples/fastapi_orders`, served by uvicorn: what its page says, and who may do what."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.brokers.service import free_port
from tests.examples.test_pages import fence
from tests.journeys.conftest import RunNode
from tests.journeys.conftest import chromium as chromium
from tests.serving import EXAMPLES


@pytest.fixture(scope="module")
def bar(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, int]]:
    """The folder in which it runs, and its port."""
    folder = Path(
        shutil.copytree(EXAMPLES / "fastapi_orders", tmp_path_factory.mktemp("bar"), dirs_exist_ok=True)
    )
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "main:app", "--port", str(port), "--log-level", "warning"]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, env=_environment())
    try:
        transport = httpx.HTTPTransport(retries=10)  # until it listens: 0.5, 1, 2… seconds apart
        with httpx.Client(transport=transport) as client:
            assert client.get(f"http://127.0.0.1:{port}/live/healthz", timeout=30).status_code == 200
        yield folder, port
    finally:
        process.terminate()
        assert process.wait(20) in (0, -15)
    assert "Traceback" not in (folder / "log").read_text()


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("WALKWIRE_")}


def test_what_the_page_says_happens(bar: tuple[Path, int], run_node: RunNode) -> None:
    folder, port = bar
    commands = fence("fastapi_orders", "sh").replace("localhost:8000", f"127.0.0.1:{port}")
    bash = ["bash", "-euo", "pipefail", "-c", commands]
    done = subprocess.run(bash, cwd=folder, capture_output=True, text=True, check=True)
    assert '"reports":[1]' in done.stdout
    assert '"state":"brewing"' in done.stdout
    client = folder / "client.mjs"
    client.write_text(fence("fastapi_orders", "js").replace("localhost:8000", f"127.0.0.1:{port}"))
    run_node("snippet.mjs", client, "an espresso is ready")


def test_guests_see_their_own_orders_and_only_the_bar_moves_them(bar: tuple[Path, int]) -> None:
    with httpx.Client(base_url=f"http://127.0.0.1:{bar[1]}", timeout=10) as eve:
        assert eve.get("/api/orders").status_code == 401
        assert eve.get("/api/token").status_code == 401
        eve.post("/api/login", json={"email": "eve@example.com"})
        order = eve.post("/api/orders", json={"item": "a tea"}).json()
        assert [one["id"] for one in eve.get("/api/orders").json()] == [order["id"]]
        assert eve.post(f"/api/orders/{order['id']}/state", json={"state": "ready"}).status_code == 403
        eve.cookies.clear()
        for forged in ("0" * 64 + ":bar@example.com", "x:bar@example.com", "bar@example.com"):
            assert eve.get("/api/orders", headers={"Cookie": f"session={forged}"}).status_code == 401
        page = httpx.get(f"http://127.0.0.1:{bar[1]}/")
        assert "Coffee bar" in page.text


def test_a_guest_and_the_bar_use_the_page(
    bar: tuple[Path, int], run_node: RunNode, chromium: str, tmp_path: Path
) -> None:
    url = f"http://127.0.0.1:{bar[1]}/"
    assert "seen:" in run_node("example_pages.mjs", "fastapi_orders", url, chromium, tmp_path)
