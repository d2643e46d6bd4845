"""Which files make up a module."""

from __future__ import annotations

from pathlib import Path

import pytest

from walkwire.errors import ProgramError
from walkwire.jac.source import read_sources


def roles(folder: Path, files: dict[str, str]) -> list[tuple[str, str]]:
    """Write the files, and return those of the module `m.jac` with their roles."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    found = read_sources(folder / "m.jac")
    return [(Path(one.path).relative_to(folder).as_posix(), one.role) for one in found]


def test_a_module_by_itself_is_one_file(tmp_path: Path) -> None:
    assert roles(tmp_path, {"m.jac": "", "other.jac": "", "other.impl.jac": ""}) == [("m.jac", "module")]


def test_annexes_are_found_beside_it_and_in_its_folders_bodies_first(tmp_path: Path) -> None:
    names = ("m.jac", "m.test.jac", "m.b.impl.jac", "m.impl.jac", "m.impl/x.impl.jac", "m.test/y.test.jac")
    assert roles(tmp_path, dict.fromkeys(names, "")) == [
        ("m.jac", "module"),
        ("m.b.impl.jac", "bodies"),
        ("m.impl.jac", "bodies"),
        ("m.impl/x.impl.jac", "bodies"),
        ("m.test.jac", "tests"),
        ("m.test/y.test.jac", "tests"),
    ]


def test_files_of_another_module_or_of_a_folder_named_impl_do_not_belong_to_it(tmp_path: Path) -> None:
    names = ("m.jac", "ma.impl.jac", "impl/m.impl.jac")
    assert roles(tmp_path, dict.fromkeys(names, "")) == [("m.jac", "module")]


def test_an_included_module_belongs_to_it_if_it_has_bodies(tmp_path: Path) -> None:
    files = {
        "m.jac": "include bodies; include plain; include package.deep;",
        "bodies.jac": "impl Cat.cry { }",
        "plain.jac": "glob x = 1;",
        "package/deep.jac": ":obj:Cat:can:cry { }",
    }
    assert roles(tmp_path, files) == [
        ("m.jac", "module"),
        ("bodies.jac", "included"),
        ("package/deep.jac", "included"),
    ]


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "m.jac").write_text("")
    (tmp_path / "m.impl.jac").write_bytes(b"\xff\xfe")
    with pytest.raises(ProgramError, match=r"m\.impl\.jac: this file is not UTF-8"):
        read_sources(tmp_path / "m.jac")
    with pytest.raises(ProgramError, match="cannot be read"):
        read_sources(tmp_path / "absent.jac")
