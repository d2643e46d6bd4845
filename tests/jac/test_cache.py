"""The cache: read again what was translated, and nothing else."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from walkwire.jac import cache
from walkwire.jac.source import Source


def value(sources: list[Source], text: str, era: tuple[int, int] | None = None) -> object:
    scope: dict[str, object] = {}
    exec(cache.cached(sources, era, True, lambda: compile(text, "made", "exec")), scope)
    return scope["x"]


def test_the_same_source_is_translated_once(tmp_path: Path) -> None:
    source = [Source(str(tmp_path / "a.jac"), "glob x = 1;")]
    assert value(source, "x = 1") == 1
    assert value(source, "x = 2") == 1


def test_another_source_another_era_and_another_annex_are_others(tmp_path: Path) -> None:
    path = str(tmp_path / "a.jac")
    assert value([Source(path, "one")], "x = 1") == 1
    assert value([Source(path, "two")], "x = 2") == 2
    assert value([Source(path, "two")], "x = 3", (0, 7)) == 3
    assert value([Source(path, "two"), Source(path, "annex", "bodies")], "x = 4") == 4


def test_only_the_newest_of_a_source_is_kept(tmp_path: Path) -> None:
    for text in ("one", "two", "three"):
        value([Source(str(tmp_path / "a.jac"), text)], "x = 1")
    value([Source(str(tmp_path / "b.jac"), "other")], "x = 1")
    assert len(list((tmp_path / "__jac_cache__").iterdir())) == 2


@pytest.mark.parametrize("damage", [lambda data: data[:-3], lambda data: b"", lambda data: b"x" * len(data)])
def test_a_torn_file_is_made_anew(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    source = [Source(str(tmp_path / "a.jac"), "text")]
    value(source, "x = 1")
    (file,) = (tmp_path / "__jac_cache__").iterdir()
    file.write_bytes(damage(file.read_bytes()))
    assert value(source, "x = 2") == 2
    assert value(source, "x = 3") == 2


def test_beside_a_read_only_source_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, folder = tmp_path / "home", tmp_path / "source"
    folder.mkdir()
    monkeypatch.setattr(Path, "home", lambda: home)
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != folder)
    source = [Source(str(folder / "a.jac"), "text")]
    assert value(source, "x = 1") == 1
    assert value(source, "x = 2") == 1
    assert not list(folder.iterdir())
    assert list((home / ".cache" / "walkwire" / "jac").iterdir())


def test_where_nothing_can_be_written_programs_run_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = tmp_path / "blocked"
    blocked.write_text("a file, not a folder")
    monkeypatch.setattr(Path, "home", lambda: blocked)
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert value([Source(str(tmp_path / "a.jac"), "text")], "x = 1") == 1


def test_a_changed_file_is_read_anew(run: Callable[..., str]) -> None:
    assert run("with entry { print(1); }") == "1\n"
    assert run("with entry { print(2); }") == "2\n"
