"""Statements: signed words that hold for a while."""

from __future__ import annotations

import pytest

from walkwire.account.signing.statement import Statements

WORDS = ("den", "a" * 24)


def test_a_statement_is_read_by_whoever_has_the_secret_for_its_purpose_and_no_other() -> None:
    text = Statements(b"secret", b"purpose", 200).make(WORDS, 10)
    assert Statements(b"secret", b"purpose", 200).read(text) == [*WORDS]
    assert Statements(b"secret", b"another", 200).read(text) is None
    assert Statements(b"another", b"purpose", 200).read(text) is None
    assert Statements(b"secret", b"purpose", 10).read(text) is None


def test_a_statement_ends() -> None:
    now = 1000.0
    statements = Statements(b"secret", b"purpose", 200, clock=lambda: now)
    text = statements.make(WORDS, 10)
    now = 1009.9
    assert statements.read(text) == [*WORDS]
    now = 1010
    assert statements.read(text) is None


@pytest.mark.parametrize("text", ["", ".", "a.b", "é.b", "a.é", "[].x"])
def test_any_other_text_says_nothing(text: str) -> None:
    assert Statements(b"secret", b"purpose", 200).read(text) is None
