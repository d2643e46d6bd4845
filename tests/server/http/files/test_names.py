"""Which paths may name a file, and which files are never served."""

from __future__ import annotations

import pytest

from walkwire.server.http.files.names import is_served, parts_of


def _served(path: str, *, is_public: bool) -> bool:
    parts = parts_of(path, path.encode("utf-8", "surrogateescape"))
    return parts is not None and is_served(parts, is_public=is_public)


@pytest.mark.parametrize(
    "path",
    [
        "/index.html",
        "/app.js",
        "/deep/er/app.mjs",
        "/app.js.map",
        "/m.wasm",
        "/robots.txt",
        "/ein bär.png",
        "/a-1.css",
    ],
)
def test_web_files_are_served_from_every_folder(path: str) -> None:
    assert _served(path, is_public=True)
    assert _served(path, is_public=False)


@pytest.mark.parametrize(
    "path",
    [
        "/data.json",
        "/readme.md",
        "/LICENSE",
        "/a.zip",
        "/credentials.json",
        "/a.txt",
        "/node_modules/x/a.js",
        "/a.html.tmp",
    ],
)
def test_what_is_no_web_file_is_served_from_public_only(path: str) -> None:
    assert _served(path, is_public=True)
    assert not _served(path, is_public=False)


@pytest.mark.parametrize(
    "path",
    [
        *(
            "/main.py",
            "/MAIN.PY",
            "/main.jac",
            "/main.pyc",
            "/x/main.py",
            "/main.py~",
            "/main.py.bak",
            "/main.py.gz",
        ),
        *(
            "/a.db",
            "/a.sqlite",
            "/a.sqlite3",
            "/walkwire.db-wal",
            "/walkwire.db.secret",
            "/a.sqlite-journal",
            "/a.db.old",
        ),
        *("/walkwire.toml", "/.env", "/.git/config", "/x/.hidden", "/.well-known/.x", "/x/.well-known/a"),
        *("/../a.js", "/x/../a.js", "/./a.js", "//a.js", "/x//a.js", "/..", "/...", "a.js"),
        *(
            "/a.js ",
            "/a.js.",
            "/a.js::$DATA",
            "/c:/a.js",
            "/x\\a.js",
            "/con",
            "/NUL.js",
            "/com1.js",
            "/MAIN~1.JS",
        ),
        *(
            "/a\x00.js",
            "/a\n.js",
            "/main.p\u200cy",
            "/a\udcff.js",
            "/a\u2028.js",
            f"/{'a' * 2000}.js",
            "/a" * 40,
        ),
    ],
)
def test_other_paths_name_no_file(path: str) -> None:
    assert not _served(path, is_public=True)
    assert not _served(path, is_public=False)


@pytest.mark.parametrize("raw", [b"/x%2fa.js", b"/x%2Fa.js", b"/x%5ca.js", b"/a.js%00"])
def test_an_encoded_slash_is_no_slash(raw: bytes) -> None:
    assert parts_of("/x/a.js", raw) is None


def test_the_well_known_folder_is_served_from_public() -> None:
    assert _served("/.well-known/security.txt", is_public=True)
    assert not _served("/.well-known/security.html", is_public=False)
