"""Frames: the frames of a traceback or of a thread that are the program's own, and the sentence of a fault for its author."""

from __future__ import annotations

import logging
import sys
import sysconfig
import traceback
from pathlib import Path
from types import FrameType

from walkwire.log.masking import masked
from walkwire.walk.mistake import is_not_the_programs, place_of

_LIBRARIES = tuple(
    {f"{sysconfig.get_path(name)}/" for name in ("stdlib", "platstdlib", "purelib", "platlib")}
)


def is_programs(file: str) -> bool:
    """Return whether a file is the program's own: neither walkwire's nor an installed library's."""
    return not is_not_the_programs(file) and not file.startswith(_LIBRARIES) and "site-packages" not in file


def frame_in(frame: FrameType | None) -> FrameType | None:
    """Return the innermost frame of the program, from this one outwards."""
    while frame is not None and not is_programs(frame.f_code.co_filename):
        frame = frame.f_back
    return frame


def line_of_thread(ident: int) -> str | None:
    """Return the program's line that a thread is at, as `file:line in function`; None: it is at none."""
    frame = frame_in(sys._current_frames().get(ident))
    if frame is None:
        return None
    return f"{place_of(frame.f_code, frame.f_lineno)} in {frame.f_code.co_name}"


def sentence_of(error: BaseException) -> str:
    """Return what went wrong and where: `board.py:12: TypeError: …`."""
    what = traceback.format_exception_only(error)[-1].strip()
    places = [
        place_of(frame.f_code, line)
        for frame, line in traceback.walk_tb(error.__traceback__)
        if is_programs(frame.f_code.co_filename)
    ]
    return what if not places or places[-1] in what else f"{places[-1]}: {what}"


def trace_of_program(error: BaseException, with_locals: bool = False) -> str:
    """Return the traceback of an error and of its causes with the program's frames only, or without any if there are none."""
    whole = traceback.TracebackException.from_exception(error, capture_locals=with_locals)
    told: traceback.TracebackException | None = whole
    while told is not None:
        mine = [frame for frame in told.stack if is_programs(frame.filename)]
        for frame in mine:
            frame.filename = str(_shown(frame.filename))
        told.stack = traceback.StackSummary.from_list(mine)
        told = told.__cause__ or (None if told.__suppress_context__ else told.__context__)
    return "".join(whole.format())


def _shown(file: str) -> Path:
    path = Path(file)
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


class ProgramTraces(logging.Filter):
    """Makes each traceback of the log one of the program's frames only. A fault of walkwire itself, without any, stays whole."""

    def __init__(self, with_locals: bool) -> None:
        super().__init__()
        self._with_locals = with_locals

    def filter(self, record: logging.LogRecord) -> bool:
        """Return True. The record is changed: its traceback is text."""
        error = record.exc_info[1] if record.exc_info else None
        if error is not None and has_frames(error):
            record.exc_text = masked(trace_of_program(error, self._with_locals).rstrip())
            record.exc_info = None
        return True


def has_frames(error: BaseException) -> bool:
    """Return whether code of the program was under way when an error was raised."""
    return any(is_programs(frame.f_code.co_filename) for frame, _ in traceback.walk_tb(error.__traceback__))
