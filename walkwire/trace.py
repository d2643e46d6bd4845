"""Trace: formats the traceback of an error for the author of a program, with the program's own frames only."""

from __future__ import annotations

import traceback
from pathlib import Path

_OURS = Path(__file__).resolve().parent
_OURS_TOO = ("<frozen runpy>", "<frozen importlib._bootstrap>", "<frozen importlib._bootstrap_external>")


def trace_of(error: BaseException) -> str:
    """Return the traceback of `error` and of its causes, without the frames of walkwire and of Python's importer."""
    whole = traceback.TracebackException.from_exception(error)
    told: traceback.TracebackException | None = whole
    while told is not None:
        mine = [frame for frame in told.stack if not _is_ours(frame.filename)]
        told.stack = traceback.StackSummary.from_list(mine or list(told.stack))
        told = told.__cause__ or (None if told.__suppress_context__ else told.__context__)
    return "".join(whole.format())


def _is_ours(file: str) -> bool:
    return file in _OURS_TOO or Path(file).resolve().is_relative_to(_OURS)
