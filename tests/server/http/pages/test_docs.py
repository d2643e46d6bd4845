"""The pages of the description: what they load, and how they are switched off. `tests/journeys/` has a browser."""

from __future__ import annotations

import base64
import hashlib
import re
import tomllib
from pathlib import Path
from urllib.parse import urljoin

import pytest

from tests.serving import REPOSITORY, Server
from walkwire.server.http.pages.docs import _FOLDER, VERSIONS, _content

PROGRAM = """
from walkwire import Root, Walker, on_entry, specs


@specs(auth=False, methods=["get"], path="/docs")
class own(Walker):
    @on_entry
    def say(self, here: Root) -> None:
        self.report("own page")
"""
PRODUCTION = {"production": "true", "token_secret": "s" * 32}
PAGES = ("/docs", "/redoc", "/openapi.json", "/openapi.yaml", "/asyncapi.json", "/docs/realtime")
SCRIPTS = ("/docs/swagger-ui-bundle.js", "/docs/swagger-ui.css", "/redoc/redoc.standalone.js")


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "main.py"
    path.write_text("from walkwire import Walker\n\n\nclass nothing(Walker):\n    pass\n")
    return path


async def test_all_that_a_page_loads_is_served_by_us(program: Path, tmp_path: Path) -> None:
    with Server(program, tmp_path) as server:
        for path in ("/docs", "/redoc"):
            await _check_page(server, path)


async def _check_page(server: Server, path: str) -> None:
    page = await server.request("GET", path)
    named = re.findall(r'(?:src|href)="([^"]*)"', page.text)
    loaded = [one for one in named if one != "data:,"]
    assert len(loaded) >= 2
    for one in loaded:
        # Below a path of a proxy, too: a page at https://shop.example/live/docs loads /live/docs/….
        assert urljoin(f"https://shop.example/live{path}", one).startswith("https://shop.example/live/")
        answer = await server.request("GET", urljoin(path, one))
        assert answer.status_code == 200, one
        size = int(answer.headers.get("content-length", len(answer.content)))
        assert "content-encoding" in answer.headers or len(answer.content) == size
    (script,) = re.findall(r"<script>(.*?)</script>", page.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = page.headers["content-security-policy"]
    assert f"script-src 'self' 'sha256-{digest}';" in policy
    assert not re.search(r"https?:|\*", policy), "no other host"


async def test_scripts_are_kept_by_browsers_and_the_pages_are_asked_for_again(
    program: Path, tmp_path: Path
) -> None:
    with Server(program, tmp_path) as server:
        script = await server.request("GET", SCRIPTS[0])
        assert script.headers["content-type"].startswith("text/javascript")
        assert "immutable" in script.headers["cache-control"]
        assert script.content == _content("swagger-ui-bundle.js")
        assert script.headers["content-encoding"] == "gzip"
        plain = await server.request("GET", SCRIPTS[0], headers={"Accept-Encoding": "identity"})
        assert "content-encoding" not in plain.headers
        assert plain.content == script.content
        page = await server.request("GET", "/docs")
        assert page.headers["cache-control"] == "no-cache"
        assert "swagger-ui-bundle.js?v=" in page.text


def test_the_licences_of_the_scripts_come_along_and_the_scripts_are_small() -> None:
    """What is fetched compressed is kept compressed: the scripts of both pages take less than 1 MiB of the wheel."""
    files = {file.name: file.stat().st_size for file in _FOLDER.iterdir()}
    assert {"swagger-ui.LICENSE.txt", "swagger-ui.NOTICE.txt", "redoc.LICENSE.txt"} <= files.keys()
    assert {f"{name}.LICENSE.txt" for name in ("swagger-ui-bundle.js", "redoc.standalone.js")} <= files.keys()
    assert sum(files.values()) < 1024 * 1024
    lists = tomllib.loads((REPOSITORY / ".ci" / "advisories.toml").read_text())
    bundled = {one["name"]: one["version"] for one in lists["bundled"]["walkwire"]}
    assert bundled.items() >= VERSIONS.items()


def test_redoc_asks_no_server_for_a_picture() -> None:
    assert b"cdn.redoc.ly" not in _content("redoc.standalone.js")
    assert b"data:image/gif;base64," in _content("redoc.standalone.js")


@pytest.mark.parametrize("settings", [PRODUCTION, {"docs": "false"}], ids=["production", "a setting"])
async def test_switched_off_there_is_no_page_and_no_description(
    settings: dict[str, str], program: Path, tmp_path: Path
) -> None:
    with Server(program, tmp_path, **settings) as server:
        for path in (*PAGES, *SCRIPTS):
            assert (await server.request("GET", path)).status_code == 404, path
        assert any(line.startswith("API: ") and line.endswith("(DOCS is off)") for line in server.lines)


async def test_production_shows_them_if_asked(program: Path, tmp_path: Path) -> None:
    with Server(program, tmp_path, docs="true", **PRODUCTION) as server:
        for path in (*PAGES, *SCRIPTS):
            assert (await server.request("GET", path)).status_code == 200, path


async def test_switched_off_the_paths_are_the_programs(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(PROGRAM)
    with Server(tmp_path / "main.py", tmp_path, docs="false") as server:
        assert (await server.request("GET", "/docs")).json()["reports"] == ["own page"]
