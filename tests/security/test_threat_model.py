"""The threat model, `docs/security.md`: each promise names tests, and each of these tests exists."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent.parent
PAGE = REPOSITORY / "docs" / "security.md"
TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def promises() -> list[list[str]]:
    """The rows of the tables of promises, cell by cell."""
    text = PAGE.read_text().partition("## Promises")[2].partition("## Not promised")[0]
    rows = [line.strip("|").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in row] for row in rows if row[0].strip() != "asset"]


@cache
def names_in(path: str) -> frozenset[str]:
    tree = ast.parse((REPOSITORY / path).read_text())
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(
        node.name for node in tree.body if isinstance(node, kinds) and node.name.startswith("test_")
    )


@pytest.mark.parametrize("row", promises(), ids=lambda row: row[0])
def test_a_promise_names_tests_that_exist(row: list[str]) -> None:
    assert len(row) == 4, "asset, attacker, promise, test"
    named = TEST.findall(row[3])
    assert named, f"no test proves: {row[2]}"
    assert TEST.sub("", row[3]).strip() == "", "only tests, as `tests/file.py::test_name`"
    for path, test in named:
        assert (REPOSITORY / path).is_file(), path
        assert test in names_in(path), f"{path} has no {test}"


def test_there_are_promises() -> None:
    assert len(promises()) > 20
