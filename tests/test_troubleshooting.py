"""docs/troubleshooting.md is looked up by sentence: each of its sentences is in the code, and it has all that clients get."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from walkwire.wire.message import close

REPOSITORY = Path(__file__).parent.parent
PAGE = REPOSITORY / "docs" / "troubleshooting.md"
_HOLE = re.compile(r"%(?:\.\d+)?[a-z]|\{[a-z_]*\}")  # of logging, and of str.format
PYDANTIC = {"Field required"}  # said by a library


def headings() -> list[str]:
    return re.findall(r"^### (.+)$", PAGE.read_text(), re.MULTILINE)


def _text(node: ast.AST) -> str | None:
    """The text of a string as the page writes it: `…` for what is put in."""
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) or "…" for part in node.values)
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return _HOLE.sub("…", node.value)
    return None


def _strings(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text())):
        if text := _text(node):
            yield text


@cache
def sentences() -> str:
    return "\n".join(
        text for file in sorted((REPOSITORY / "walkwire").rglob("*.py")) for text in _strings(file)
    )


@pytest.mark.parametrize("heading", headings())
def test_a_sentence_is_one_of_the_code(heading: str) -> None:
    assert heading in PYDANTIC or heading in sentences()


def test_no_sentence_is_explained_twice() -> None:
    assert len(set(headings())) == len(headings())


def test_each_reason_of_a_close_is_explained() -> None:
    reasons = {each.reason for each in vars(close).values() if isinstance(each, close.Close)}
    assert reasons <= set(headings())


def test_each_sentence_of_the_tree_of_errors_is_explained() -> None:
    said = {
        text
        for text in _strings(REPOSITORY / "walkwire" / "errors.py")
        if re.match(r"[A-Z][^\n]*[.!…]$", text)
    }
    docstrings = {
        doc
        for node in ast.walk(ast.parse((REPOSITORY / "walkwire" / "errors.py").read_text()))
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and (doc := ast.get_docstring(node))
    }
    assert said - docstrings <= set(headings())
