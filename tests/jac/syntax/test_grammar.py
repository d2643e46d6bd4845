"""The grammar: free of conflicts, and the tables that ship are those of the grammar that ships."""

from __future__ import annotations

import json
import runpy

import pytest
from lark.exceptions import GrammarError

from tests.serving import REPOSITORY

_made = runpy.run_path(str(REPOSITORY / ".ci" / "grammar.py"))
SOURCE, TABLES, build = _made["SOURCE"], _made["TABLES"], _made["build"]


def test_the_tables_are_those_of_the_grammar_and_it_has_no_conflict() -> None:
    shipped = json.loads(TABLES.read_text(encoding="utf-8"))
    built = json.loads(json.dumps(build(SOURCE.read_text(encoding="utf-8"))))
    assert built["source"] == shipped["source"], "grammar.lark has changed: run `make grammar`"
    assert built == shipped, "another lark, or another translation of it: run `make grammar`"


def test_a_grammar_with_a_conflict_is_refused() -> None:
    with pytest.raises(GrammarError, match="collision"):
        build('start: a | b\na: "x"\nb: "x"')
