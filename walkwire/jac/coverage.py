"""Coverage: a plugin of coverage.py that knows which lines of a .jac file are executable.

coverage.py imports this file if its settings have `plugins = ["walkwire.jac.coverage"]`. walkwire itself never imports it.
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
from walkwire.jac.source import module_of


def coverage_init(registry: Any, _: dict[str, str]) -> None:
    """Register the plugin. coverage.py calls this when it loads a plugin."""
    registry.add_file_tracer(JacPlugin())


class JacPlugin(CoveragePlugin):
    """Handles the files that end in `.jac`."""

    def file_tracer(self, filename: str) -> FileTracer | None:
        """Return a tracer for a .jac file; None for any other file."""
        return JacTracer(filename) if filename.endswith(".jac") else None

    def file_reporter(self, filename: str) -> FileReporter:
        """Return the reporter of a .jac file."""
        return JacReporter(filename)


class JacTracer(FileTracer):
    """Maps executed code to its source: the same file that Python names."""

    def __init__(self, filename: str) -> None:
        self._filename = filename

    def source_filename(self) -> str:
        """Return the path of the .jac file."""
        return self._filename

    def line_number_range(self, frame: FrameType) -> tuple[int, int]:
        """Return the first and the last line that this frame executes; (-1, -1) for a line of another file."""
        # If a module contains a body from an annex, the line numbers of that code are those of the annex.
        return (frame.f_lineno, frame.f_lineno) if frame.f_lineno < STRIDE else (-1, -1)


class JacReporter(FileReporter):
    """Reports the executable lines of one file. For an annex these are the lines that its module executes there."""

    def lines(self) -> set[int]:
        """Return the executable lines. Raises NoSource if the module has errors."""
        module = str(module_of(Path(self.filename)))
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


_ANY_NAME = "measured"
# Instructions at the beginning of a function, which no tracer reports as a line.
_PROLOGUE = frozenset(("RESUME", "COPY_FREE_VARS", "MAKE_CELL", "RETURN_GENERATOR", "POP_TOP", "NOP"))
