"""Tokens of a source: kinds, texts and positions."""

from __future__ import annotations

import pytest

from walkwire.jac.syntax.lexer import Lexer, LexError
from walkwire.jac.syntax.tree import Token


def tokens(source: str, start: int = 0) -> list[Token]:
    """Return all tokens of a source, read without a parser: each keyword is a keyword."""
    lexer, found = Lexer(source, start), []
    while (token := lexer.take(None)).kind != "$END":
        found.append(token)
    return found


def test_words_signs_and_numbers_are_cut_apart() -> None:
    assert [token.text for token in tokens("walker tour { has km: int = 3; }")] == [
        *("walker", "tour", "{", "has", "km", ":", "int", "=", "3", ";", "}")
    ]


def test_the_longest_sign_counts() -> None:
    assert [token.text for token in tokens("a ++> b")] == ["a", "++>", "b"]


def test_comments_are_left_out() -> None:
    assert [token.text for token in tokens("a # to the end\n#* over\ntwo lines *# b")] == ["a", "b"]


def test_lines_count_from_one_and_columns_in_bytes() -> None:
    first, second = tokens("\n  'ä' b")
    assert (first.line, first.column) == (2, 2)
    assert (second.line, second.column) == (2, 7)


def test_lines_may_have_an_offset() -> None:
    assert tokens("a", start=100)[0].line == 101


def test_an_escaped_keyword_is_a_name() -> None:
    (token,) = tokens("<>node")
    assert (token.kind, token.text) == ("NAME", "<>node")


def test_an_f_string_is_its_quotes_texts_and_fields() -> None:
    assert [token.text for token in tokens('f"a {b} c"')] == ['f"', "a ", "{", "b", "}", " c", '"']


@pytest.mark.parametrize(("source", "message"), [('"abc', "this string is not closed")])
def test_a_text_that_begins_no_token_is_an_error_with_its_position(source: str, message: str) -> None:
    with pytest.raises(LexError, match=message) as raised:
        tokens(source)
    assert (raised.value.token.line, raised.value.token.column) == (1, 0)
