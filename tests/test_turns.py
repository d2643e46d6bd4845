"""The turns of `tests/conftest.py`: who is alone is alone."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from tests.conftest import Turns


@pytest.mark.parametrize(
    ("first", "second", "may_be"),
    [(True, True, False), (True, False, False), (False, True, False), (False, False, True)],
)
def test_only_tests_that_are_not_alone_run_side_by_side(
    first: bool, second: bool, may_be: bool, tmp_path: Path
) -> None:
    with (
        closing(Turns(tmp_path, is_patient=False)) as one,
        closing(Turns(tmp_path, is_patient=False)) as other,
    ):
        with one.turn(first):
            assert is_let_in(other, second) == may_be
        assert is_let_in(other, second)


def is_let_in(turns: Turns, is_alone: bool) -> bool:
    try:
        with turns.turn(is_alone):
            return True
    except BlockingIOError:
        return False
