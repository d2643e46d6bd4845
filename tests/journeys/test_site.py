"""The documentation's site (`.ci/site.py`): a link that leads nowhere is found, and its pages ask no other host for anything."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType

import pytest

from tests.journeys.conftest import RunNode
from tests.serving import REPOSITORY

BUILDER = REPOSITORY / ".ci" / "site.py"


@pytest.fixture(scope="module")
def builder() -> ModuleType:
    pytest.importorskip("zensical", reason="`make site` was not run: zensical is not installed")
    given = importlib.util.spec_from_file_location("site_builder", BUILDER)
    assert given
    assert given.loader
    module = importlib.util.module_from_spec(given)
    given.loader.exec_module(module)
    return module


PAGE = """<html><head><link rel="stylesheet" href="{style}"></head>
<body><h1 id="top">A</h1><a href="{link}">x</a><img src="{picture}"></body></html>"""
GOOD = {"style": "a.css", "link": "b/#top", "picture": "p.png"}


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({}, None),
        ({"link": "c/"}, "index.html links to c/, which does not exist"),
        ({"link": "b/#nowhere"}, "index.html links to b/#nowhere: the page has no such anchor"),
        ({"link": "https://example.com/"}, None),
        ({"picture": "https://example.com/p.png"}, "index.html loads https://example.com/p.png"),
        ({"style": "//example.com/a.css"}, "index.html loads //example.com/a.css"),
        ({"picture": "q.png"}, "index.html links to q.png, which does not exist"),
    ],
)
def test_what_is_wrong_with_a_page_is_told(
    changed: dict[str, str],
    told: str | None,
    builder: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(builder, "HTML", tmp_path)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "index.html").write_text(
        PAGE.format(style="../a.css", link="../#top", picture="../p.png")
    )
    (tmp_path / "index.html").write_text(PAGE.format(**GOOD | changed))
    (tmp_path / "a.css").write_text("h1 { color: red }")
    (tmp_path / "p.png").write_bytes(b"")
    assert builder.check() == ([told] if told else [])


def test_a_style_sheet_that_loads_a_font_is_told(
    builder: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(builder, "HTML", tmp_path)
    (tmp_path / "a.css").write_text("@font-face { src: url(https://example.com/f.woff2) }")
    assert builder.check() == ["a style sheet loads url(https://example.com/f.woff2)"]


@pytest.fixture
def site(builder: ModuleType) -> Iterator[str]:
    """The URL of the site, as it is built now."""
    built = subprocess.run([sys.executable, BUILDER], check=False, capture_output=True, text=True)
    assert built.returncode == 0, built.stdout + built.stderr

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(builder.HTML))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.mark.long
def test_the_site_in_a_browser(site: str, run_node: RunNode, chromium: str, tmp_path: Path) -> None:
    """Light and dark, wide and on a phone: no other host is asked, nothing fails, and no page is wider than the window."""
    seen = run_node("site.mjs", site, chromium, tmp_path)
    assert seen.count("seen:") == 5, seen
