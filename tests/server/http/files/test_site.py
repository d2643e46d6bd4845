"""What a request for a file is answered with."""

from __future__ import annotations

import gzip
import os
from pathlib import Path
from typing import Any

import pytest

from walkwire.errors import StartError
from walkwire.server.http.files.folder import Folder
from walkwire.server.http.files.site import PIECE, FileReply, Site, open_site

PAGE = "<!doctype html><title>A page</title>"
SCRIPT = "let a = 1;\n" * 200


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "index.html").write_text(PAGE)
    (tmp_path / "app.js").write_text(SCRIPT)
    (tmp_path / "large.bin").write_bytes(bytes(range(256)) * 1000)
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "index.html").write_text("below")
    return tmp_path


def _ask(
    root: Path, path: str, method: str = "GET", *, is_app: bool = False, query: bytes = b"", **given: str
) -> Any:
    headers = {name.replace("_", "-"): value for name, value in given.items()}
    site = Site(Folder(root, is_public=True), is_app=is_app)
    return site.reply(method, path, path.encode(), query, headers.get)


def _header(reply: FileReply, name: str) -> str | None:
    return dict(reply.headers).get(name)


def test_a_file_has_its_type_tag_date_and_length(root: Path) -> None:
    os.utime(root / "index.html", (784111777, 784111777))
    reply = _ask(root, "/")
    assert (reply.status, reply.body) == (200, PAGE.encode())
    tag = _header(reply, "ETag")
    assert dict(reply.headers) == {
        "ETag": tag,
        "Last-Modified": "Sun, 06 Nov 1994 08:49:37 GMT",
        "Cache-Control": "no-cache",
        "Vary": "Accept-Encoding",
        "Content-Type": "text/html; charset=utf-8",
        "Accept-Ranges": "bytes",
        "Content-Length": str(len(PAGE)),
    }
    assert _ask(root, "/", if_none_match=tag).status == 304
    (root / "index.html").write_text(PAGE + "more")
    assert _ask(root, "/", if_none_match=tag).status == 200


def test_head_has_the_headers_of_get(root: Path) -> None:
    head = _ask(root, "/app.js", "HEAD", range="bytes=0-1")
    assert (head.status, head.body, head.file) == (200, b"", None)
    assert head.headers == _ask(root, "/app.js").headers


def test_a_date_is_not_in_the_future(root: Path) -> None:
    os.utime(root / "index.html", (4102444800, 4102444800))
    assert "2100" not in (_header(_ask(root, "/"), "Last-Modified") or "")


def test_other_methods_are_not_allowed(root: Path) -> None:
    assert _ask(root, "/app.js", "POST") == FileReply(405, [("Allow", "GET, HEAD")])
    assert _ask(root, "/nothing", "POST") is None


def test_a_part_is_a_part_of_the_file_as_it_is(root: Path) -> None:
    reply = _ask(root, "/app.js", range="bytes=4-8", accept_encoding="gzip")
    assert (reply.status, reply.body) == (206, b"a = 1")
    assert _header(reply, "Content-Range") == f"bytes 4-8/{len(SCRIPT)}"
    assert _header(reply, "Content-Encoding") is None
    refused = _ask(root, "/app.js", range="bytes=9999-")
    assert (refused.status, _header(refused, "Content-Range")) == (416, f"bytes */{len(SCRIPT)}")
    assert _ask(root, "/app.js", range="bytes=9999-", if_range='"other"').status == 200


def test_a_large_file_is_read_later(root: Path) -> None:
    reply = _ask(root, "/large.bin", range=f"bytes=1-{PIECE + 1}")
    assert (reply.status, reply.body, reply.first, reply.end) == (206, b"", 1, PIECE + 2)
    assert reply.file.read(1, 4) == b"\x01\x02\x03"


def test_text_is_compressed_with_a_tag_of_its_own(root: Path) -> None:
    plain, packed = _ask(root, "/app.js"), _ask(root, "/app.js", accept_encoding="gzip, br")
    assert _header(packed, "Content-Encoding") == "gzip"
    assert gzip.decompress(packed.body).decode() == SCRIPT
    assert _header(packed, "Content-Length") == str(len(packed.body))
    tag = _header(packed, "ETag")
    assert tag != _header(plain, "ETag")
    assert _ask(root, "/app.js", accept_encoding="gzip", if_none_match=tag).status == 304
    assert _ask(root, "/app.js", if_none_match=tag).status == 200
    for path in ("/", "/large.bin"):  # too short, and no text
        assert _header(_ask(root, path, accept_encoding="gzip"), "Content-Encoding") is None


def test_what_a_build_compressed_comes_first(root: Path) -> None:
    (root / "app.js.br").write_bytes(b"as brotli")
    (root / "app.js.gz").write_bytes(gzip.compress(SCRIPT.encode()))
    both = _ask(root, "/app.js", accept_encoding="gzip, br")
    assert (_header(both, "Content-Encoding"), both.body) == ("br", b"as brotli")
    assert _header(both, "Content-Type") == "text/javascript; charset=utf-8"
    one = _ask(root, "/app.js", accept_encoding="gzip")
    assert gzip.decompress(one.body).decode() == SCRIPT
    assert _ask(root, "/app.js").body.decode() == SCRIPT


def test_a_folder_is_shown_by_its_index_below_a_slash(root: Path) -> None:
    reply = _ask(root, "/sub", query=b"a=1")
    assert (reply.status, reply.headers) == (307, [("Location", "./sub/?a=1")])
    assert _ask(root, "/sub/").body == b"below"


def test_an_application_answers_paths_that_are_no_files(root: Path) -> None:
    page = {"is_app": True, "accept": "text/html,*/*"}
    for path in ("/settings", "/board/7", "/sub/nothing", "/deep/"):
        reply = _ask(root, path, **page)
        assert (reply.status, reply.body) == (200, PAGE.encode()), path
        assert _header(reply, "Vary") == "Accept, Accept-Encoding"
    assert _ask(root, "/missing.js", **page) is None
    assert _ask(root, "/.env", **page) is None
    assert _ask(root, "/settings", is_app=True, accept="*/*") is None
    assert _ask(root, "/settings", accept="text/html") is None


def test_an_application_needs_a_page(tmp_path: Path) -> None:
    for folder in (None, tmp_path):
        with pytest.raises(StartError, match=r"needs a page: an index\.html"):
            open_site(folder, is_public=True, is_app=True)
    assert open_site(None, is_public=False, is_app=False) is None
