"""Every error that a client may see has a code, a sentence and a status, and nothing else."""

from __future__ import annotations

import pytest

from walkwire import errors

MADE = [
    errors.UnknownWalker(),
    errors.Unauthenticated("w"),
    errors.NoAccess("n::1"),
    errors.BadReference("x" * 500),
    errors.Conflict(),
    errors.Busy(),
    errors.Refused("no"),
    errors.Limited("no"),
    errors.TimedOut(),
    errors.NotPrintable("A value of the type object cannot be printed as JSON"),
    errors.Internal(),
    errors.BadEvent("no"),
]


@pytest.mark.parametrize("error", MADE, ids=lambda error: type(error).__name__)
def test_a_public_error_says_a_code_a_sentence_and_a_status(error: errors.PublicError) -> None:
    assert error.code.isidentifier()
    assert 1 < len(error.message) < 200
    assert 400 <= error.status <= 599


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    drawn = errors.__doc__ or ""
    for cls in vars(errors).values():
        if isinstance(cls, type) and issubclass(cls, errors.WalkwireError):
            assert cls.__name__ in drawn, f"{cls.__name__} is not drawn"
    for error in MADE:
        assert f"{error.code} " in drawn
        assert str(error.status) in drawn


def test_an_internal_error_gives_a_new_reference_each_time() -> None:
    first, second = errors.Internal(), errors.Internal()

    assert first.reference != second.reference
    assert first.message == f"Internal error, reference {first.reference}"


def test_a_program_error_shows_the_place_and_the_line() -> None:
    error = errors.ProgramError("main.jac", 3, 5, "has x int;\n", "expected ':'")

    assert str(error) == "main.jac:3:5: expected ':'\n    has x int;\n        ^"
    assert str(errors.ProgramError("main.jac", None, None, None, "no such file")) == "main.jac: no such file"
