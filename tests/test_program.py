"""Programs are found, loaded afresh, and told about in the words of their author's own files."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import walkwire
from walkwire.errors import ProgramError, StartError
from walkwire.program import Source, find, load

WALKER = "from walkwire import Walker\nclass {}(Walker):\n    pass\n"
JAC = "walker greet { has name: str; }\nwith entry:__main__ { glob_never_set.x = 1; }\n"


@pytest.fixture(autouse=True)
def _path() -> Iterator[None]:
    before = list(sys.path)
    yield
    sys.path[:] = before


@pytest.mark.parametrize("name", ["main.py", "main.jac"])
def test_a_folder_stands_for_its_main(name: str, tmp_path: Path) -> None:
    (tmp_path / name).touch()
    (tmp_path / "other.py").touch()
    assert find(tmp_path) == find(str(tmp_path)) == Source(tmp_path / name)


def test_the_page_of_a_folder_belongs_to_it_and_not_to_a_single_file(tmp_path: Path) -> None:
    main, page = tmp_path / "main.py", tmp_path / "index.html"
    main.touch()
    page.touch()
    assert find(tmp_path) == Source(main, tmp_path)
    assert find(main) == Source(main)
    (tmp_path / "public").mkdir()
    assert find(tmp_path) == Source(main, tmp_path / "public", is_public=True)


def test_what_is_no_program_is_said_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(StartError, match=r"There is no file .*nothing\.py"):
        find(tmp_path / "nothing.py")
    with pytest.raises(StartError, match=r"holds no program: it needs a main\.jac or a main\.py"):
        find(tmp_path)
    (tmp_path / "notes.txt").touch()
    with pytest.raises(StartError, match=r"notes\.txt is not a program: give a \.jac or a \.py file"):
        find(tmp_path / "notes.txt")
    for name in ("main.py", "main.jac"):
        (tmp_path / name).touch()
    with pytest.raises(StartError, match=r"holds two programs, main\.jac and main\.py"):
        find(tmp_path)


def test_a_python_file_gives_its_walkers(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(WALKER.format("greet"))
    assert list(load(tmp_path / "main.py").walkers) == ["greet"]


def test_a_jac_file_gives_its_walkers_and_its_main_block_is_not_run(tmp_path: Path) -> None:
    (tmp_path / "main.jac").write_text(JAC)
    assert list(load(tmp_path / "main.jac").walkers) == ["greet"]


def test_walkers_of_the_modules_beside_it_belong_to_it(tmp_path: Path) -> None:
    (tmp_path / "beside.py").write_text(WALKER.format("other"))
    (tmp_path / "main.py").write_text("import beside\n" + WALKER.format("greet"))
    assert set(load(tmp_path / "main.py").walkers) == {"greet", "other"}


def test_each_load_is_fresh(tmp_path: Path) -> None:
    main, beside = tmp_path / "main.py", tmp_path / "beside.py"
    main.write_text("from beside import *\n")
    beside.write_text(WALKER.format("first"))
    assert list(load(main).walkers) == ["first"]
    beside.write_text(WALKER.format("second_one"))
    assert list(load(main).walkers) == ["second_one"]


def test_programs_do_not_see_each_others_modules_of_the_same_name(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "main.py").write_text("from walkers import *\n")
        (tmp_path / name / "walkers.py").write_text(WALKER.format(f"walker_{name}"))
    assert list(load(tmp_path / "one" / "main.py").walkers) == ["walker_one"]
    assert list(load(tmp_path / "two" / "main.py").walkers) == ["walker_two"]
    assert list(load(tmp_path / "one" / "main.py").walkers) == ["walker_one"]


def test_modules_that_were_there_before_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "known_before.py").write_text("")
    (tmp_path / "main.py").write_text("import known_before\n" + WALKER.format("greet"))
    monkeypatch.syspath_prepend(tmp_path)
    import known_before  # type: ignore[import-not-found]

    for _ in range(2):
        load(tmp_path / "main.py")
        assert sys.modules["known_before"] is known_before
    del sys.modules["known_before"]


def test_a_program_may_bear_the_name_of_a_library(tmp_path: Path) -> None:
    (tmp_path / "json.py").write_text(WALKER.format("greet"))
    import json

    assert list(load(tmp_path / "json.py").walkers) == ["greet"]
    assert sys.modules["json"] is json


def test_a_syntax_error_is_told_with_its_place_and_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("main.py").write_text("x = 1\nx = = 2\n")
    with pytest.raises(ProgramError) as told:
        load(Path("main.py"))
    assert str(told.value) == "main.py:2:5: SyntaxError: invalid syntax\n    x = = 2\n        ^"


def test_a_syntax_error_of_a_module_beside_it_is_told_with_that_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path.parent)
    program = Path(tmp_path.name)
    (program / "main.py").write_text("import beside\n")
    (program / "beside.py").write_text("def f(:\n    pass\n")
    with pytest.raises(ProgramError) as told:
        load(program / "main.py")
    assert (told.value.path, told.value.line, told.value.text) == (str(program / "beside.py"), 1, "def f(:\n")


def test_a_jac_syntax_error_is_told_with_its_place_and_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("main.jac").write_text("walker greet {\n    has name str;\n}\n")
    with pytest.raises(StartError) as told:
        load(Path("main.jac"))
    first, line, *_ = str(told.value).splitlines()
    assert first.startswith("main.jac:2:14: ")
    assert line == "        has name str;"


@pytest.mark.parametrize(
    ("text", "place", "what"),
    [
        ("x = 1\ny = x / 0\n", "main.py:2", "ZeroDivisionError: division by zero"),
        ("import nowhere_at_all\n", "main.py:1", "ModuleNotFoundError: No module named 'nowhere_at_all'"),
        ("import json\n\njson.loads('{')\n", "main.py:3", "JSONDecodeError: "),
        (
            "import sys\nsys.exit(3)\n",
            "main.py:2",
            r"the program ended itself while it was loaded \(SystemExit: 3\)",
        ),
        ("raise KeyError\n", "main.py:1", "KeyError"),
    ],
)
def test_an_error_at_load_is_told_with_the_programs_own_line(
    text: str, place: str, what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("main.py").write_text(text)
    with pytest.raises(ProgramError, match=f"^{place}: {what}"):
        load(Path("main.py"))


def test_a_wrong_spec_is_told_as_it_is(tmp_path: Path) -> None:
    text = "from walkwire import Walker, specs\n@specs(method=['get'])\nclass greet(Walker):\n    pass\n"
    (tmp_path / "main.py").write_text(text)
    with pytest.raises(StartError, match="Walker greet, specs: 'method' is not a key of specs"):
        load(tmp_path / "main.py")


def test_what_failed_is_loaded_again_when_it_is_mended(tmp_path: Path) -> None:
    main, beside = tmp_path / "main.py", tmp_path / "beside.py"
    main.write_text("import beside\nfrom beside import *\n1 / 0\n")
    beside.write_text(WALKER.format("first"))
    with pytest.raises(ProgramError):
        load(main)
    main.write_text("from beside import *\n")
    beside.write_text(WALKER.format("second_one"))
    assert list(load(main).walkers) == ["second_one"]


def test_the_names_that_the_pages_import_are_there_for_python_and_for_type_checkers() -> None:
    """`py.typed` makes type checkers read walkwire's own types; they take a name as public if it is imported `as` itself."""
    package = Path(walkwire.__file__).parent
    assert (package / "py.typed").exists()
    public = set(re.findall(r" as (\w+)", (package / "__init__.py").read_text()))
    pages = (package.parent / "docs").rglob("*.md")
    imported = {
        name
        for page in pages
        for names in re.findall(r"^from walkwire import \(?([\w, \n]+)", page.read_text(), re.MULTILINE)
        for name in re.findall(r"\w+", names.partition("\n\n")[0])
    }
    assert {"create_task", "allow_root"} <= imported & set(walkwire.__all__) & public


def test_a_program_is_imported_by_plain_python(tmp_path: Path) -> None:
    names = ", ".join(walkwire.__all__)
    (tmp_path / "main.py").write_text(
        f"from walkwire import {names}\n\n\nclass go(Walker):\n    @on_entry\n    def do(self, here: Root) -> None: ...\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", "import main"], check=False, cwd=tmp_path, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
