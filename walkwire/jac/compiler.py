"""Compiler: the source of a Jac module, with its annexes, made into a code object whose positions point into the .jac files."""

from __future__ import annotations
import __future__

import ast
import re
from types import CodeType

from walkwire.errors import ProgramError
from walkwire.jac.era import Era, era_of
from walkwire.jac.parser import Parsed, Problem, parse
from walkwire.jac.source import Source

# Each file of a module counts its lines from a start of its own, so that a function from an annex can be told by its lines.
STRIDE = 10_000_000
_NAME = re.compile(r"_jac\w*")


class ProgramErrors(ProgramError):
    """All that is wrong with a program, one error after another."""

    def __init__(self, errors: list[ProgramError]) -> None:
        first = errors[0]
        super().__init__(first.path, first.line, first.column, first.text, first.message)
        self.errors = errors

    def __str__(self) -> str:
        return "\n".join(map(str, self.errors))


def compile_module(files: list[Source], era: Era | None = None, top: bool = True) -> CodeType:
    """The code of a module, of its own file and those that belong to it. `top`: it is in no package.

    Raises ProgramErrors with all that was found in one reading.
    """
    parsed = [parse(file.text, place * STRIDE) for place, file in enumerate(files)]
    problems = [problem for one in parsed for problem in one.problems]
    if problems:
        raise _errors(files, problems)
    module = _translated(files, parsed, era, top)
    try:
        flags = __future__.annotations.compiler_flag
        code = compile(module, files[0].path, "exec", flags=flags, dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        line, column = getattr(error, "lineno", None) or 1, (getattr(error, "offset", None) or 1) - 1
        raise _errors(files, [Problem(line, column, getattr(error, "msg", None) or str(error))]) from None
    except RecursionError:
        raise _errors(files, [Problem(1, 0, "this is nested too deeply")]) from None
    return _in_files(code, [file.path for file in files]) if len(files) > 1 else code


def _translated(files: list[Source], parsed: list[Parsed], era: Era | None, top: bool) -> ast.Module:
    from walkwire.jac.translate.module import translate
    from walkwire.jac.translate.scope import Unit

    trees = [one.tree for one in parsed if one.tree is not None]
    era = era or era_of(files[0].text, trees[:1])
    taken = frozenset(name for file in files for name in _NAME.findall(file.text))
    unit = Unit(era, taken, top)
    try:
        roles = [file.role for file in files]
        module = translate(list(zip(trees, roles, strict=True)), unit)
    except RecursionError:
        unit.problems.append(Problem(1, 0, "this is nested too deeply"))
    if unit.problems:
        raise _errors(files, sorted(unit.problems, key=lambda problem: (problem.line, problem.column)))
    return module


def _errors(files: list[Source], problems: list[Problem]) -> ProgramErrors:
    errors = []
    for problem in problems:
        file = files[problem.line // STRIDE]
        line = problem.line % STRIDE
        lines = file.text.split("\n")
        text = lines[line - 1] if line <= len(lines) else ""
        column = len(text.encode("utf-8", "surrogatepass")[: problem.column].decode("utf-8", "replace")) + 1
        errors.append(ProgramError(file.path, line, column, text, problem.message))
    return ProgramErrors(errors)


def _in_files(code: CodeType, paths: list[str]) -> CodeType:
    """The code with each function in the file that it was written in."""
    constants = tuple(
        _in_files(constant, paths) if isinstance(constant, CodeType) else constant
        for constant in code.co_consts
    )
    place, line = divmod(code.co_firstlineno, STRIDE)
    return code.replace(co_consts=constants, co_firstlineno=line, co_filename=paths[place])
