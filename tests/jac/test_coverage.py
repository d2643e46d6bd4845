"""Tools that look at a running program see the .jac files: coverage.py, pdb, inspect."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

MODULE = """obj Shape { has side: int; def area -> int; }

def kind(x: int) -> str {
    if x > 5 {
        return "big";
    }
    return "small";
}
"""
ANNEX = """
impl Shape.area -> int {
    if self.side < 0 {
        return 0;
    }
    return self.side * self.side;
}
"""


def python(folder: Path, *arguments: str, said: str = "") -> str:
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, input=said, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def made(folder: Path) -> None:
    (folder / "shapes.jac").write_text(MODULE)
    (folder / "shapes.impl.jac").write_text(ANNEX)
    (folder / "main.py").write_text(
        "import walkwire.jac\nimport shapes\nprint(shapes.kind(1), shapes.Shape(3).area())\n"
    )


def test_coverage_tells_which_lines_of_a_module_and_of_its_annex_were_run(tmp_path: Path) -> None:
    made(tmp_path)
    (tmp_path / ".coveragerc").write_text("[run]\nplugins = walkwire.jac.coverage\ninclude = *.jac\n")
    python(tmp_path, "-m", "coverage", "run", "main.py")
    report = python(tmp_path, "-m", "coverage", "report", "--show-missing")
    missing = dict(re.findall(r"^(\S+\.jac) .*%\s+(\S*)$", report, re.MULTILINE))
    assert missing == {"shapes.impl.jac": "4", "shapes.jac": "5"}


BY_FUNCTION = ("b Shape.area", "c", "b 6")
BY_FILE = ("b shapes.impl.jac:6",)


@pytest.mark.parametrize(
    "breakpoints",
    [
        pytest.param(BY_FUNCTION, id="by function"),
        pytest.param(
            BY_FILE,
            id="by file",
            marks=pytest.mark.skipif(sys.version_info >= (3, 13), reason="its pdb knows files in .py only"),
        ),
    ],
)
def test_a_breakpoint_stops_at_a_line_of_jac_and_shows_it(
    breakpoints: tuple[str, ...], tmp_path: Path
) -> None:
    made(tmp_path)
    first = ("import walkwire.jac, shapes", "b shapes.kind", "c", "l", "p x")
    commands = [*first, *breakpoints, "c", "p self.side", "c", "q"]
    shown = python(tmp_path, "-m", "pdb", "main.py", said="\n".join(commands) + "\n")
    assert "shapes.jac(4)kind()" in shown
    assert "  4 B->\t    if x > 5 {" in shown or "  4  ->\t    if x > 5 {" in shown
    assert "shapes.impl.jac(6)area()" in shown
    assert "return self.side * self.side;" in shown
    assert "(Pdb) 1\n" in shown
    assert "(Pdb) 3\n" in shown


def test_a_function_shows_its_source(tmp_path: Path) -> None:
    made(tmp_path)
    shown = "inspect.getsourcefile(shapes.kind), inspect.getsourcelines(shapes.kind)[1]"
    printed = python(tmp_path, "-c", f"import inspect, walkwire.jac, shapes; print({shown}, sep=':')")
    assert printed == f"{tmp_path / 'shapes.jac'}:3\n"
