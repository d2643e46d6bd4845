"""Whatever is given to the compiler, it either compiles or says where it is wrong; it never fails by itself."""

from __future__ import annotations

from pathlib import Path
from types import CodeType

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from walkwire.jac.compiler import ProgramErrors
from walkwire.jac.importer import compile_source
from walkwire.jac.syntax.parser import parse
from walkwire.jac.syntax.tables import tables

SOURCES = [
    file.read_text(encoding="utf-8")
    for file in sorted((Path(__file__).parent.parent / "programs").rglob("*.jac"))
]
FUZZ = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))

pytestmark = pytest.mark.filterwarnings("ignore::SyntaxWarning")


def check(text: str) -> None:
    try:
        assert isinstance(compile_source(text, "fuzzed.jac"), CodeType)
    except ProgramErrors as errors:
        lines = text.count("\n") + 1
        for error in errors.errors:
            assert error.message
            assert error.line is not None
            assert error.column is not None
            assert 1 <= error.line <= lines
            assert error.column >= 1


@FUZZ
@given(st.data())
def test_a_program_with_a_piece_missing_or_twice(data: st.DataObject) -> None:
    text = data.draw(st.sampled_from(SOURCES))
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 60)))
    check(text[:start] + text[end:])
    check(text[:end] + text[start:])


@FUZZ
@given(st.data())
def test_a_program_with_signs_changed(data: st.DataObject) -> None:
    text = list(data.draw(st.sampled_from(SOURCES)))
    for _ in range(data.draw(st.integers(1, 5))):
        place = data.draw(st.integers(0, len(text) - 1))
        text[place] = data.draw(st.sampled_from(list("{}()[];:.,+-*/%<>=&|^~`?@#!\"'\\ \n\t0aé\ud800")))
    check("".join(text))


@FUZZ
@given(st.data())
def test_a_program_with_lines_moved(data: st.DataObject) -> None:
    lines = data.draw(st.sampled_from(SOURCES)).split("\n")
    check("\n".join(data.draw(st.permutations(lines))))


@FUZZ
@given(st.text(max_size=200))
def test_any_text(text: str) -> None:
    check(text)


WORDS = [
    *tables().words,
    *tables().signs,
    "x",
    "<>y",
    "5",
    "1.5",
    '"s"',
    'f"{x}"',
    "->:",
    ":->",
    "-:",
    ":-",
    "+>:",
    ":+>",
]


@FUZZ
@given(st.lists(st.sampled_from(WORDS), max_size=60))
def test_any_words_and_signs(words: list[str]) -> None:
    check(" ".join(words))


# A text for each kind of token whose text is not fixed.
TEXTS = {
    "NAME": "name",
    "INT": "7",
    "FLOAT": "7.5",
    "STRING": '"text"',
    "PYTHON": "::py::\nx = 1\n::py::",
    "LEGACY_KIND": ":obj:",
    "LEGACY_EDGES": ":e:",
    "LEGACY_NODES": ":n:",
    "LEGACY_GLOBAL": ":g:",
    "LEGACY_NONLOCAL": ":nl:",
    "ARROW_OPEN": "->:",
    "ARROW_OPEN_IN": "<-:",
    "ARROW_CLOSE": ":<-",
    "ARROW_CLOSE_OUT": ":->",
    "LINK_OPEN": "+>:",
    "LINK_OPEN_IN": "<+:",
    "LINK_CLOSE": ":<+",
    "LINK_CLOSE_OUT": ":+>",
    "NOT_IN": "not in",
    "IS_NOT": "is not",
}


@FUZZ
@given(st.lists(st.integers(0, 10_000), max_size=120))
def test_what_the_grammar_makes(choices: list[int]) -> None:
    """A walk through the automaton: each token is one that may stand where it stands."""
    check(generated(choices))


def generated(choices: list[int]) -> str:
    table = tables()
    texts = {**{kind: text for text, kind in (*table.words.items(), *table.signs.items())}, **TEXTS}
    states, words = [table.start], list[str]()
    for choice in choices:
        kinds = sorted(kind for kind in table.row(states[-1]) if kind in texts)
        if not kinds:
            break
        kind = kinds[choice % len(kinds)]
        while (action := table.row(states[-1]).get(kind)) is not None and action < 0:
            rule = table.rules[~action]
            del states[len(states) - rule.length :]
            states.append(table.row(states[-1])[rule.makes])
        if action is None:
            continue
        states.append(action)
        words.append(texts[kind])
    return " ".join(words)


@pytest.mark.parametrize("text", SOURCES, ids=lambda text: text[:20])
def test_a_program_cut_off_anywhere_is_one_that_says_so(text: str) -> None:
    for end in range(0, len(text), 97):
        check(text[:end])


def test_a_long_list_costs_no_more_than_its_length() -> None:
    assert parse("glob x = [" + "1," * 20_000 + "];").tree is not None
