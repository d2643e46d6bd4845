"""A program's own modules, asked for by name."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import walkwire.jac  # noqa: F401 - makes .jac files importable
from walkwire.dialect import machine
from walkwire.dialect.names import Jac

TEXT = "node Spot { has n: int = 1; }\nedge Path { }\nwalker goes { }\n"


@pytest.fixture(autouse=True)
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    (tmp_path / "asked.jac").write_text(TEXT)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    __import__("asked")
    yield tmp_path / "asked.jac"
    for name in ("asked", "made_here", "begun_first", "begun_second"):
        sys.modules.pop(name, None)


def test_the_archetypes_of_a_module_are_listed_by_kind() -> None:
    assert "asked" in machine.list_modules()
    assert machine.list_nodes("asked") == ["Spot"]
    assert machine.list_edges("asked") == ["Path"]
    assert machine.list_walkers("asked") == ["goes"]
    assert machine.list_walkers("absent") == []


def test_modules_are_listed_in_the_order_in_which_their_loading_began(tmp_path: Path) -> None:
    (tmp_path / "begun_first.jac").write_text("import begun_second;")
    (tmp_path / "begun_second.jac").write_text("glob n: int = 1;")
    __import__("begun_first")
    mine = [name for name in machine.list_modules() if name.startswith("begun_")]
    assert mine == ["begun_first", "begun_second"]


def test_an_archetype_is_made_by_its_name() -> None:
    assert repr(machine.spawn_node("Spot", {"n": 4}, "asked")) == "Spot(n=4)"
    assert type(machine.spawn_walker("goes", module_name="asked")).__name__ == "goes"
    assert machine.get_archetype("asked", "Absent") is None
    with pytest.raises(ValueError, match="No Absent in the module asked"):
        machine.spawn_node("Absent", None, "asked")


def test_a_module_is_made_of_a_text_and_its_file_does_not_stay(tmp_path: Path) -> None:
    made = machine.create_archetype_from_source(
        "import from asked { Spot }\nnode More(Spot) { }", "made_here"
    )
    assert repr(made.More(2)) == "More(n=2)"
    assert not (tmp_path / "made_here.jac").exists()


def test_a_walker_is_read_anew_from_its_file(module: Path) -> None:
    old, before = sys.modules["asked"], sys.modules["asked"].goes
    module.write_text(TEXT.replace("walker goes { }", "walker goes { has changed: int = 5; }"))
    assert machine.update_walker("asked", {"goes": None}) == (old.goes,)
    assert old.goes is not before
    assert machine.update_walker("asked", None) == (sys.modules["asked"],)
    assert machine.spawn_walker("goes", module_name="asked").changed == 5
    with pytest.raises(ValueError, match="No module absent was loaded"):
        machine.update_walker("absent", None)


def test_in_0_7_a_module_has_the_names_of_the_bases_too() -> None:
    machine_07 = Jac.get()
    assert machine_07.list_walkers("asked") == ["Walker", "goes"]
    assert machine_07.list_nodes("asked") == ["Node", "Root", "Spot"]
    assert machine_07.list_edges("asked") == ["Edge", "Path"]
