"""Files are found by paths, and links lead nowhere else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from walkwire.server.http.files.folder import Folder, Found, IsFolder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "site"
    (root / "sub").mkdir(parents=True)
    (root / "empty").mkdir()
    for name in ("index.html", "a.js", "sub/index.html", "main.py"):
        (root / name).write_text(name)
    (tmp_path / "outside.js").write_text("secret")
    return root


def _find(root: Path, path: str, *, is_public: bool = True) -> str | None:
    found = Folder(root, is_public=is_public).find(path, path.encode())
    if isinstance(found, IsFolder):
        return f"{found.name}/"
    return None if found is None else Path(found.path).relative_to(root).as_posix()


@pytest.mark.parametrize(
    ("path", "file"),
    [
        ("/", "index.html"),
        ("/index.html", "index.html"),
        ("/a.js", "a.js"),
        ("/sub/", "sub/index.html"),
        ("/sub", "sub/"),
        ("/empty", None),
        ("/empty/", None),
        ("/a.js/", None),
        ("/a.js/x", None),
        ("/nothing", None),
        ("/main.py", None),
        (f"/{'a' * 300}", None),  # longer than names of files may be
    ],
)
def test_a_path_names_a_file(root: Path, path: str, file: str | None) -> None:
    assert _find(root, path) == file


def test_a_link_counts_where_it_leads(root: Path, tmp_path: Path) -> None:
    for name, target in (
        ("out.js", tmp_path / "outside.js"),
        ("source.js", root / "main.py"),
        ("b.js", root / "a.js"),
    ):
        (root / name).symlink_to(target)
    (root / "up").symlink_to(tmp_path)
    (root / "loop").symlink_to(root / "loop")
    for path in ("/out.js", "/source.js", "/up/outside.js", "/loop"):
        assert _find(root, path) is None, path
        assert _find(root, path, is_public=False) is None, path
    assert _find(root, "/b.js") == "a.js"


def test_the_folder_itself_may_be_a_link(root: Path, tmp_path: Path) -> None:
    (tmp_path / "public").symlink_to(root)
    found = Folder(tmp_path / "public", is_public=True).find("/a.js", b"/a.js")
    assert isinstance(found, Found)
    assert found.read(0, 4) == b"a.js"


def test_only_plain_files_are_served(root: Path) -> None:
    os.mkfifo(root / "pipe.js")
    assert _find(root, "/pipe.js") is None


def test_a_folder_beside_with_the_same_beginning_is_outside(root: Path, tmp_path: Path) -> None:
    (tmp_path / "site2").mkdir()
    (tmp_path / "site2" / "a.js").touch()
    (root / "x.js").symlink_to(tmp_path / "site2" / "a.js")
    assert _find(root, "/x.js") is None


def test_a_file_that_was_replaced_is_not_read(root: Path) -> None:
    found = Folder(root, is_public=True).find("/a.js", b"/a.js")
    assert isinstance(found, Found)
    assert found.read(1, 3) == b".j"
    (root / "new").write_text("a.js")
    (root / "new").replace(root / "a.js")
    with pytest.raises(OSError, match="has changed"):
        found.read(0, 4)


def test_a_compressed_form_is_not_older_than_its_file(root: Path, tmp_path: Path) -> None:
    folder = Folder(root, is_public=True)
    found = folder.find("/a.js", b"/a.js")
    assert isinstance(found, Found)
    assert folder.beside(found, ".br") is None
    (root / "a.js.br").write_bytes(b"br")
    assert folder.beside(found, ".br") is not None
    os.utime(root / "a.js.br", (1, 1))
    assert folder.beside(found, ".br") is None
    (root / "a.js.gz").symlink_to(tmp_path / "outside.js")
    assert folder.beside(found, ".gz") is None
