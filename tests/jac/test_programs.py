"""The corpus: each program in programs/ prints what stands in the .out file beside it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent / "programs"
PROGRAMS = sorted(file for file in FOLDER.rglob("*.jac") if file.with_suffix(".out").exists())


@pytest.mark.parametrize("file", PROGRAMS, ids=lambda file: file.stem)
def test_a_program_prints_what_it_always_printed(run: Callable[..., str], file: Path) -> None:
    assert run(file) == file.with_suffix(".out").read_text(encoding="utf-8")
