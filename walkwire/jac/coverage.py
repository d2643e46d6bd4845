"""Coverage: which lines of a .jac file can be run, for coverage.py: `plugins = ["walkwire.jac.coverage"]`.

Nothing of walkwire imports this file: coverage.py does, where it is told to.
"""

from __future__ import annotations

import dis
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from coverage import CoveragePlugin, FileReporter, FileTracer
from coverage.exceptions import NoSource

from walkwire.errors import ProgramError
from walkwire.jac.compiler import STRIDE
from walkwire.jac.importer import JacLoader


def coverage_init(registry: Any, _: dict[str, str]) -> None:
    """What coverage.py calls when it loads a plugin."""
    registry.add_file_tracer(JacPlugin())


class JacPlugin(CoveragePlugin):
    """Takes the files that end in `.jac`."""

    def file_tracer(self, filename: str) -> FileTracer | None:
        return JacTracer(filename) if filename.endswith(".jac") else None

    def file_reporter(self, filename: str) -> FileReporter:
        return JacReporter(filename)


class JacTracer(FileTracer):
    """Says that what is run is written in the very file that Python names."""

    def __init__(self, filename: str) -> None:
        self._filename = filename

    def source_filename(self) -> str:
        return self._filename

    def line_number_range(self, frame: FrameType) -> tuple[int, int]:
        # Where a module takes up a body from an annex, its code counts in the annex's lines.
        return (frame.f_lineno, frame.f_lineno) if frame.f_lineno < STRIDE else (-1, -1)


class JacReporter(FileReporter):
    """The lines of one file that can be run; of an annex, those that its module runs there."""

    def lines(self) -> set[int]:
        module = str(_module_of(Path(self.filename)))
        try:
            return set(_lines(JacLoader(_ANY_NAME, module).get_code(_ANY_NAME), self.filename))
        except ProgramError as error:
            raise NoSource(str(error)) from None


def _lines(code: CodeType, filename: str) -> Iterator[int]:
    if code.co_filename == filename:
        for instruction in dis.get_instructions(code):
            line = instruction.positions.lineno if instruction.positions else None
            if line and line < STRIDE and instruction.opname not in _PROLOGUE:
                yield line
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _lines(constant, filename)


def _module_of(file: Path) -> Path:
    """The module that an annex belongs to; any other file is one itself."""
    if not file.name.endswith((".impl.jac", ".test.jac")):
        return file
    folder = file.parent
    beside = folder / f"{file.name.partition('.')[0]}.jac"
    around = folder.with_name(f"{folder.name.partition('.')[0]}.jac")
    return around if folder.suffix in (".impl", ".test") and around.is_file() else beside


_ANY_NAME = "measured"
# What begins a function, and is no line that a tracer sees.
_PROLOGUE = frozenset(("RESUME", "COPY_FREE_VARS", "MAKE_CELL", "RETURN_GENERATOR", "POP_TOP", "NOP"))
