"""Code objects whose positions point into the .jac files."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

from walkwire.jac.compiler import ProgramErrors
from walkwire.jac.importer import load


def frames(error: BaseException) -> list[tuple[str, int | None, str]]:
    found = traceback.extract_tb(error.__traceback__)
    return [
        (Path(frame.filename).name, frame.lineno, frame.name)
        for frame in found
        if frame.filename.endswith(".jac")
    ]


def test_a_traceback_names_the_lines_of_the_program(tmp_path: Path) -> None:
    file = tmp_path / "failing.jac"
    file.write_text(
        "def divide(x: int) -> int {\n    y = 1;\n    return y / x;\n}\n\nwith entry {\n    divide(0);\n}\n"
    )
    with pytest.raises(ZeroDivisionError) as raised:
        load(file)
    assert frames(raised.value) == [("failing.jac", 7, "<module>"), ("failing.jac", 3, "divide")]


def test_a_traceback_marks_the_very_expression(tmp_path: Path) -> None:
    file = tmp_path / "marked.jac"
    file.write_text('with entry {\n    ö = 0; x = [1, "ü" + (2 |> str), 1 / ö];\n}\n', encoding="utf-8")
    with pytest.raises(ZeroDivisionError) as raised:
        load(file)
    frame = traceback.extract_tb(raised.value.__traceback__)[-1]
    line = file.read_text(encoding="utf-8").split("\n")[1].encode()
    assert line[frame.colno : frame.end_colno].decode() == "1 / ö"


def test_a_body_given_in_an_annex_fails_in_the_annex(tmp_path: Path) -> None:
    file = tmp_path / "shape.jac"
    file.write_text("obj Shape {\n    def area -> int;\n}\nwith entry {\n    Shape().area();\n}\n")
    (tmp_path / "shape.impl.jac").write_text("\n\nimpl Shape.area -> int {\n    return [][0];\n}\n")
    with pytest.raises(IndexError) as raised:
        load(file)
    assert frames(raised.value) == [("shape.jac", 5, "<module>"), ("shape.impl.jac", 4, "area")]


def test_an_ability_whose_body_is_in_an_annex_fails_there(tmp_path: Path) -> None:
    file = tmp_path / "tour.jac"
    file.write_text(
        "walker tour {\n    can go with `root entry;\n}\nwith entry {\n    tour.go(None, None);\n}\n"
    )
    (tmp_path / "tour.impl.jac").write_text("\n\nimpl tour.go {\n    return [][0];\n}\n")
    with pytest.raises(IndexError) as raised:
        load(file)
    assert frames(raised.value)[-1] == ("tour.impl.jac", 4, "go")


def test_python_inside_jac_keeps_its_lines(tmp_path: Path) -> None:
    file = tmp_path / "inline.jac"
    file.write_text("obj A { }\n::py::\ndef f():\n    return 1 / 0\n::py::\nwith entry { f(); }\n")
    with pytest.raises(ZeroDivisionError) as raised:
        load(file)
    assert frames(raised.value) == [("inline.jac", 6, "<module>"), ("inline.jac", 4, "f")]


def test_the_names_that_translation_needs_never_meet_the_programs_own(run: Callable[..., str]) -> None:
    text = """
    glob _jac = 1, _jac_ = 2;
    node N { has v: int = 1; }
    with entry { root ++> N(); print(_jac, _jac_, [root-->](?v == 1)); }
    """
    assert run(text) == "1 2 [N(v=1)]\n"


def test_what_an_annex_does_by_itself_fails_in_the_annex(tmp_path: Path) -> None:
    file = tmp_path / "annexed.jac"
    file.write_text("obj A { def f -> int; }\n")
    (tmp_path / "annexed.impl.jac").write_text("glob x = 1;\nimpl A.f { return x; }\nglob y = A and 1 / 0;\n")
    with pytest.raises(NameError) as raised:
        load(file)
    assert frames(raised.value)[-1] == ("annexed.impl.jac", 3, "<module>")


def test_an_error_in_an_annex_is_shown_in_the_annex(tmp_path: Path) -> None:
    file = tmp_path / "annexed.jac"
    file.write_text("obj A { def f -> int; }\n")
    (tmp_path / "annexed.impl.jac").write_text("impl A.f {\n    return ;\n    x = ;\n}\n")
    with pytest.raises(ProgramErrors) as raised:
        load(file)
    assert [(Path(error.path).name, error.line) for error in raised.value.errors] == [("annexed.impl.jac", 3)]
