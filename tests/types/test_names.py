"""TypeNames that are free, and texts that end no comment."""

from __future__ import annotations

from walkwire.types.names import TypeNames, lines_of, pascal


def test_a_name_is_given_once() -> None:
    names = TypeNames({"Client"})
    assert [names.new(one) for one in ("Card", "Card", "Client", "two words", "1st", "")] == [
        *("Card", "Card2", "Client2", "TwoWords", "T1st", "T"),
    ]
    assert names.of("x") == names.of("x") == "x"
    assert names.is_taken("Card2")


def test_words_are_joined() -> None:
    assert pascal("write_note", "fields") == "WriteNoteFields"
    assert pascal("größe", "report") == "GrößeReport"
    assert pascal("\ufb01sh") == "FIsh"  # a ligature, as Python reads it


def test_a_comment_shows_what_is_there() -> None:
    assert lines_of("a\r\nb\x00\u202ec\n\u2028d ") == ["a", "bc", "d"]
