"""Mistake: the sentences for mistakes in a program: where they are, what is wrong, what to write instead.

Nothing here runs before something is wrong.
"""

from __future__ import annotations

import difflib
import dis
import inspect
import logging
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import CodeType, FrameType, FunctionType

from walkwire.errors import RecordError

_WALKWIRE = str(Path(__file__).resolve().parent.parent) + os.sep
MOST = 3  # places in one sentence
REMEMBERED = 1000  # records that were reported; beyond, they are reported again

_log = logging.getLogger("walkwire.walk")
_reported: set[str] = set()


def at_caller(sentence: str) -> str:
    """Return a sentence with the program's line in front: `board.py:12: …`. Without a line of a program: the sentence."""
    frame = frame_of_program(sys._getframe(1))
    return sentence if frame is None else f"{place_of(frame.f_code, frame.f_lineno)}: {sentence}"


def frame_of_program(frame: FrameType | None) -> FrameType | None:
    """Return the innermost frame, from this one outwards, that is no frame of walkwire or of generated code."""
    while frame is not None and is_not_the_programs(frame.f_code.co_filename):
        frame = frame.f_back
    return frame


def is_not_the_programs(file: str) -> bool:
    """Return whether a file is one of walkwire's, or no file at all (the `__init__` of a dataclass, for example)."""
    return file.startswith((_WALKWIRE, "<"))


def is_in_jac() -> bool:
    """Return whether the call comes from a `.jac` file."""
    frame = frame_of_program(sys._getframe(1))
    return frame is not None and frame.f_code.co_filename.endswith(".jac")


def place_of(code: CodeType, line: int | None) -> str:
    """Return a place as `file:line`, the file as seen from the current folder if it is inside."""
    file = Path(code.co_filename)
    try:
        shown = file.relative_to(Path.cwd())
    except (ValueError, OSError):
        shown = file
    return f"{shown}:{line or code.co_firstlineno}"


def where_of(cls: type) -> str:
    """Return where a class is defined, as `file:line`: of its first method. Its module's name if it has none."""
    first = min(
        (one.__code__ for one in _functions_of(cls)), key=lambda code: code.co_firstlineno, default=None
    )
    return cls.__module__ if first is None else place_of(first, None)


def _functions_of(cls: type) -> list[FunctionType]:
    found = [inspect.unwrap(one) for one in vars(cls).values() if inspect.isfunction(one)]
    return [one for one in found if not is_not_the_programs(one.__code__.co_filename)]


def functions_around(classes: Iterable[type]) -> list[FunctionType]:
    """Return the functions of programs: the methods of classes, and the functions of their modules."""
    found: dict[FunctionType, None] = {}
    for cls in classes:
        found.update(dict.fromkeys(_functions_of(cls)))
        for one in vars(sys.modules.get(cls.__module__, sys)).values():
            if inspect.isfunction(one) and one.__module__ == cls.__module__:
                found[one] = None
    return [one for one in found if not is_not_the_programs(one.__code__.co_filename)]


def line_of(code: CodeType, instruction: int) -> int | None:
    """Return the line of an instruction (`f_lasti` of a frame)."""
    lines = (line for begin, end, line in code.co_lines() if begin <= instruction < end)
    return next(lines, None)


def report_unreadable(error: RecordError) -> None:
    """Log, once for each record, that it does not fit its class, and is left out of what the walk reads around it."""
    if error.reference in _reported:
        return
    if len(_reported) >= REMEMBERED:
        _reported.clear()
    _reported.add(error.reference)
    _log.warning("%s. It is left out: change the class, or the record by `walkwire migrate`", error)


def near(name: str, names: Iterable[str]) -> str:
    """Return a question after the name that may be meant, with a space in front; "" if none is near."""
    found = difflib.get_close_matches(name, list(names), 1)
    return f" Is `{found[0]}` meant?" if found else ""


def writers_of(field: str, functions: Iterable[FunctionType], maker: str) -> list[str]:
    """Return the places where functions set an attribute of this name, or use the class `maker`, which makes objects with it.

    If there are none: where they use the attribute, as what it holds may be changed in place. At most `MOST` places.
    """
    sets: dict[str, None] = {}
    uses: dict[str, None] = {}
    for code in {code: None for function in functions for code in _codes(function.__code__)}:
        line = code.co_firstlineno
        for step in dis.get_instructions(code):
            line = (step.positions.lineno if step.positions else None) or line
            is_made = step.opname in ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_DEREF") and step.argval == maker
            if is_made or (step.opname == "STORE_ATTR" and step.argval == field):
                sets[place_of(code, line)] = None
            elif step.opname in ("LOAD_ATTR", "LOAD_METHOD") and step.argval == field:
                uses[place_of(code, line)] = None
    return list(sets or uses)[:MOST]


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)
