"""`walkwire test`, `walkwire check`, `walkwire new` and `walkwire run`, from the command line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.serving import run

PROGRAM = """
node Stop { has name: str; }
walker tour {
    has trail: list = [];
    can begin with `root entry { visit [-->]; }
    can look with Stop entry { self.trail.append(here.name); }
}
with entry { root ++> Stop("a"); root ++> Stop("b"); }
test the_tour_finds_both { assert (root spawn tour()).trail == ["a", "b"]; }
test this_one_fails { assert 1 == 2; }
"""


def walkwire(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    code, out, errors = run(*arguments, folder=folder)
    return subprocess.CompletedProcess(arguments, code, out, errors)


def test_blocks_are_reported_as_pytest_does(tmp_path: Path) -> None:
    (tmp_path / "main.jac").write_text(PROGRAM)

    done = walkwire(tmp_path, "test", "main.jac")

    assert done.returncode == 1
    assert "collected 2 items" in done.stdout
    assert "main.jac .F" in done.stdout
    assert 'main.jac", line 10, in this_one_fails' in done.stdout
    assert "walkwire/" not in done.stdout, "only the program's own frames"
    assert "FAILED main.jac::this_one_fails - AssertionError" in done.stdout
    assert "1 failed, 1 passed in" in done.stdout


def test_an_error_outside_of_all_blocks_is_shown_where_the_program_has_it(tmp_path: Path) -> None:
    (tmp_path / "main.jac").write_text("test fine { assert True; }\nglob n: float = 1 / 0;\n")
    done = walkwire(tmp_path, "test", "main.jac")
    assert done.returncode == 1
    assert 'main.jac", line 2, in <module>' in done.stdout
    assert "ZeroDivisionError" in done.stdout
    assert "none of its test blocks was run" in done.stdout
    assert "site-packages" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("file", "text", "sentence"),
    [
        ("main.jac", "with entry { }", "has no test blocks"),
        ("main.py", "", "pytest"),
        ("main.jac", "test { assert ; }", "main.jac:1:15"),
    ],
)
def test_what_has_no_blocks_is_one_sentence(tmp_path: Path, file: str, text: str, sentence: str) -> None:
    (tmp_path / file).write_text(text)

    done = walkwire(tmp_path, "test", file)

    assert done.returncode == 2
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_check_finds_every_error_of_every_file_without_running_them(tmp_path: Path) -> None:
    (tmp_path / "good.jac").write_text("with entry { print('not run'); }")
    (tmp_path / "bad.jac").write_text("walker x {\n has y int;\n}\nwith entry { a = ; }\n")
    (tmp_path / "bad.py").write_text("def f(:\n")
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "x.py").write_text("(")

    done = walkwire(tmp_path, "check", ".", "--json")

    assert done.returncode == 1
    assert [(error["path"], error["line"]) for error in json.loads(done.stdout)] == [
        ("bad.jac", 2),
        ("bad.jac", 4),
        ("bad.py", 1),
    ]
    assert walkwire(tmp_path, "check", "good.jac").stdout == "files: 1, errors: 0\n"
    assert walkwire(tmp_path, "check", "nowhere").returncode == 2


def test_a_new_jac_project_passes_its_own_test(tmp_path: Path) -> None:
    assert walkwire(tmp_path, "new", "notes").returncode == 0

    assert walkwire(tmp_path / "notes", "test", "main.jac").returncode == 0
    again = walkwire(tmp_path, "new", "notes")
    assert (again.returncode, again.stderr) == (2, "notes is there already\n")


def test_a_new_python_project_passes_its_own_test(tmp_path: Path) -> None:
    assert walkwire(tmp_path, "new", "notes", "--python").returncode == 0

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:schemathesis"],
        cwd=tmp_path / "notes",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_a_program_is_run_once_and_what_it_keeps_is_in_its_database(tmp_path: Path) -> None:
    (tmp_path / "main.jac").write_text(
        "node N { has n: int; }\nwith entry:__main__ { print(len([root-->])); root ++> N(1); }\n"
    )

    assert [walkwire(tmp_path, "run", "main.jac").stdout for _ in range(2)] == ["0\n", "0\n"]
    kept = ["run", "main.jac", "--database", "sqlite:///kept.db"]
    assert [walkwire(tmp_path, *kept).stdout for _ in range(2)] == ["0\n", "1\n"]


def test_an_error_that_a_program_does_not_catch_shows_its_own_frames_and_keeps_nothing(
    tmp_path: Path,
) -> None:
    (tmp_path / "main.py").write_text(
        "from walkwire import Node, root\nroot().connect(Node())\nprint(1 / 0)\n"
    )

    done = walkwire(tmp_path, "run", "main.py", "--database", "sqlite:///kept.db")

    assert done.returncode == 1
    assert 'main.py", line 3' in done.stderr
    assert "walkwire/program.py" not in done.stderr
    (tmp_path / "count.py").write_text("from walkwire import root\nprint(len(root().out()))\n")
    assert walkwire(tmp_path, "run", "count.py", "--database", "sqlite:///kept.db").stdout == "0\n"


def test_a_program_finds_one_root_in_a_database_as_without_one(tmp_path: Path) -> None:
    (tmp_path / "main.jac").write_text("with entry { print(len(allroots()), allroots()[0] is root); }")
    for place in ([], ["--database", "sqlite:///kept.db"]):
        assert walkwire(tmp_path, "run", *place, "main.jac").stdout == "1 True\n"


TYPED = """
from walkwire import Walker, specs

print("loading")


@specs(methods=["websocket"], reports=int, tells={"said": str})
class say(Walker):
    text: str
"""


@pytest.mark.parametrize(("language", "said"), [("ts", "said: string;"), ("py", 'type: Literal["said"]')])
def test_types_are_written_and_checked(language: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(TYPED)
    option, out = f"--{language}", f"made.{language}"
    code, text, errors = run("types", ".", option, folder=tmp_path)
    assert (code, errors) == (0, "loading\n")
    assert said in text
    check = ("types", ".", option, "--out", out, "--check")
    missing = f"made.{language} is missing: run `walkwire types . {option} --out {out}`\n"
    assert run(*check, folder=tmp_path) == (1, "", f"loading\n{missing}")
    assert run(*check[:-1], folder=tmp_path) == (0, "", "loading\n")
    assert (tmp_path / out).read_text() == text
    assert run(*check, folder=tmp_path) == (0, "", "loading\n")
    (tmp_path / "main.py").write_text(TYPED.replace("=int", "=bool"))
    code, _, errors = run(*check, folder=tmp_path)
    assert (code, "is out of date" in errors) == (1, True)
    assert not list(tmp_path.glob("*.db"))


def test_types_that_cannot_be_made_are_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(TYPED.replace('"said": str', '"said": "Sayd"').replace("print", "str"))
    code, out, errors = run("types", ".", "--ts", folder=tmp_path)
    assert (code, out) == (2, "")
    assert errors == (
        "main: Walker say, specs: 'tells' of 'said' is 'Sayd', which names no type: name 'Sayd' is not defined\n"
    )
    code, _, errors = run("types", ".", folder=tmp_path)
    assert (code, "Say in which language: --ts or --py" in errors) == (2, True)
    code, _, errors = run("types", ".", "--py", "--check", folder=tmp_path)
    assert (code, "--check needs --out FILE" in errors) == (2, True)
