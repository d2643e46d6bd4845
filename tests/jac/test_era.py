"""Which Jac a file was written for, and what that decides."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from walkwire import program
from walkwire.dialect.operators import Printed
from walkwire.jac.era import era_of, parse_era
from walkwire.jac.syntax.parser import parse

DELETED = "node N { }\nwith entry { n = N(); root ++> n; del n; print([root-->]); }\n"
REPORTED = "walker w { can go with entry { report 5; } }\nwith entry { root spawn w(); }\n"


@pytest.mark.parametrize(
    "text",
    [
        "can f(x: int) -> int { return x; }",
        "obj A { } obj B:A: { }",
        "import:py math;",
        "include:jac geo;",
        ":obj:A:can:f { }",
        ":o:A:c:f { }",
        "with entry { f = with x: int can x; }",
        "with entry { a +:E:+> b; }",
        "with entry { print([a-:E:->]); }",
        "with entry { print(:e:[a-->]); }",
        "# jac: 0.7\nwith entry { }",
    ],
)
def test_what_only_0_7_has_makes_a_file_0_7(text: str) -> None:
    tree = parse(text).tree
    assert tree is not None
    assert era_of(text, [tree]) == (0, 7)


@pytest.mark.parametrize(
    "text", ["", "def f { }", "obj B(A) { }", "with entry { a +>:E:+> b; }", "with entry { print(x[1:-1]); }"]
)
def test_a_file_without_marks_is_of_the_newest_era(text: str) -> None:
    tree = parse(text).tree
    assert tree is not None
    assert era_of(text, [tree]) == (0, 9)


def test_the_era_of_a_comment_counts_over_the_syntax() -> None:
    text = "# jac: 0.8\ncan f(x: int) { }"
    tree = parse(text).tree
    assert tree is not None
    assert era_of(text, [tree]) == (0, 8)


def test_an_era_is_read_as_it_is_written_on_the_command_line() -> None:
    assert [parse_era(text) for text in ("0.7", "0.8.10", " 0.9 ")] == [(0, 7), (0, 8), (0, 9)]
    with pytest.raises(ValueError, match="No era of Jac"):
        parse_era("1.0")


def test_del_destroys_a_node_but_in_0_7_only_the_name_goes(run: Callable[..., str]) -> None:
    assert run(DELETED) == "[]\n"
    assert run(DELETED, era="0.7") == "[N()]\n"


def test_report_prints_but_not_in_0_7(run: Callable[..., str]) -> None:
    assert run(REPORTED) == "5\n"
    assert run(REPORTED, era="0.8") == "5\n"
    assert run(REPORTED, era="0.7") == ""


def test_in_a_nodes_ability_of_0_7_here_is_the_walker(run: Callable[..., str]) -> None:
    text = "node N {{ can met with w entry {{ print(type({0}).__name__); }} }}\nwalker w {{ }}\nwith entry {{ N() spawn w(); }}\n"
    assert run(text.format("here"), era="0.7") == "w\n"
    assert run(text.format("visitor")) == "w\n"


def test_before_0_9_a_program_that_fails_ends_as_if_it_had_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Printed, "on", False)
    monkeypatch.setattr(sys, "path", list(sys.path))
    file = tmp_path / "failing.jac"
    file.write_text("walker w { can go with entry { report 5; 1 / 0; } }\nwith entry { root spawn w(); }\n")
    assert [program.run(file, era) for era in (None, "0.9", "0.8", "0.7")] == [1, 1, 0, 0]
    printed = capsys.readouterr()
    assert printed.out == "5\n5\n5\n"
    assert printed.err.count("ZeroDivisionError: division by zero") == 4
