"""Tracebacks as the author of a program reads them."""

from __future__ import annotations

import json

import pytest

from walkwire.errors import BadReference
from walkwire.ids import parse_reference
from walkwire.trace import trace_of


def program() -> None:
    """The frame of a program that calls walkwire."""
    parse_reference("nonsense")


def caught(cause: bool = False) -> Exception:
    try:
        try:
            program()
        except Exception as error:
            if not cause:
                raise
            raise LookupError("not found") from error
    except Exception as error:
        return error
    raise AssertionError


def test_frames_of_walkwire_are_left_out() -> None:
    told = trace_of(caught())
    assert "in program" in told
    assert "ids.py" not in told
    assert "BadReference" in told


def test_so_are_those_of_its_causes() -> None:
    told = trace_of(caught(cause=True))
    assert "LookupError: not found" in told
    assert "in program" in told
    assert "ids.py" not in told


def test_frames_of_other_packages_stay() -> None:
    with pytest.raises(ValueError, match="Expecting") as raised:
        json.loads("{")
    assert "decoder.py" in trace_of(raised.value)


def test_an_error_with_frames_of_walkwire_alone_keeps_them() -> None:
    with pytest.raises(BadReference) as raised:
        parse_reference("nonsense")
    assert raised.value.__traceback__ is not None
    error = raised.value.with_traceback(raised.value.__traceback__.tb_next)
    assert "ids.py" in trace_of(error)
