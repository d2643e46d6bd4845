"""The console's page: what it may do, what it weighs, and that it was built from its source."""

from __future__ import annotations

import gzip
import hashlib
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from walkwire.server.console.pages import FILES
from walkwire.testing import Served

SOURCE = Path(__file__).parent.parent.parent.parent / "console"
MOST = 150_000  # bytes of everything, gzipped


async def test_the_page_may_ask_this_server_only(served: Served) -> None:
    page = await served.http.get("/console")

    policy = page.headers["content-security-policy"]
    assert page.status_code == 200
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert "set-cookie" not in page.headers
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", page.text)


async def test_its_files_are_packed_and_kept_by_browsers(served: Served) -> None:
    names = re.findall(r'"console/([^"]+)"', (await served.http.get("/console")).text)

    assert len(names) == 2
    for name in names:
        packed = await served.http.get(f"/console/{name}", headers={"Accept-Encoding": "gzip"})
        plain = await served.http.get(f"/console/{name}", headers={"Accept-Encoding": "identity"})
        again = await served.http.get(f"/console/{name}", headers={"If-None-Match": packed.headers["etag"]})
        assert packed.headers["content-encoding"] == "gzip"
        assert packed.content == plain.content == (FILES / name).read_bytes()
        assert "immutable" in plain.headers["cache-control"]
        assert again.status_code == 304


@pytest.mark.parametrize("name", ["sources.txt", "..%2fpages.py", "nothing.js", "index.html.gz"])
async def test_nothing_else_is_served(served: Served, name: str) -> None:
    answer = await served.http.get(f"/console/{name}")

    assert answer.status_code == (200 if name == "sources.txt" else 404)


async def test_a_slash_too_many_leads_to_the_page(served: Served) -> None:
    answer = await served.http.get("/console/")

    assert answer.headers["location"] == "../console"


def test_all_files_together_are_small() -> None:
    files = [path for path in FILES.iterdir() if path.suffix in (".html", ".js", ".css")]

    assert sum(len(gzip.compress(path.read_bytes(), 9)) for path in files) <= MOST


def test_the_files_were_built_from_the_source() -> None:
    sources = [path for path in (SOURCE / "src").rglob("*.*") if path.is_file()]
    named = {path.relative_to(SOURCE).as_posix(): path for path in sources}
    named |= {name: SOURCE / name for name in ("build.mjs", "package-lock.json")}
    sum_ = hashlib.sha256()
    for name in sorted(named):
        sum_.update(f"{name}\n".encode())
        sum_.update(named[name].read_bytes())

    assert (FILES / "sources.txt").read_text().strip() == sum_.hexdigest(), "run `make console`"


def test_a_build_gives_these_very_files(tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None or not (SOURCE / "node_modules").is_dir():
        pytest.skip("node, or what `make console` fetches, is missing")

    subprocess.run([node, "build.mjs", tmp_path], cwd=SOURCE, check=True, capture_output=True)

    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in FILES.iterdir()}
    for path in tmp_path.iterdir():
        assert path.read_bytes() == (FILES / path.name).read_bytes(), f"{path.name}: run `make console`"
