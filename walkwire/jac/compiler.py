"""Compiler: turns a Jac module and its annexes into a code object whose positions point into the .jac files."""

from __future__ import annotations
import __future__

import ast
import re
from types import CodeType

from walkwire.errors import ProgramError
from walkwire.jac.era import Era, era_of
from walkwire.jac.source import Source
from walkwire.jac.syntax.parser import Parsed, Problem, parse

# The lines of each file of a module have an offset of their own. So the file of a function follows from its line numbers.
STRIDE = 10_000_000
_NAME = re.compile(r"_jac\w*")
_ASKS_TYPE = re.compile(r"\btype\s*\(|\btype\s*[|<:]|[|:]>\s*type\b")


class ProgramErrors(ProgramError):
    """All errors that were found in a program, in their order."""

    def __init__(self, errors: list[ProgramError]) -> None:
        first = errors[0]
        super().__init__(first.path, first.line, first.column, first.text, first.message)
        self.errors = errors

    def __str__(self) -> str:
        return "\n".join(map(str, self.errors))


def compile_module(files: list[Source], era: Era | None = None, depth: int = 0) -> CodeType:
    """Return the code of a module: its own file and its annexes. `depth` is the number of packages around it.

    Raises ProgramErrors with all errors of the module.
    """
    parsed = [parse(file.text, place * STRIDE) for place, file in enumerate(files)]
    problems = [problem for one in parsed for problem in one.problems]
    if problems:
        raise _errors(files, problems)
    module, annexes = _translated(files, parsed, era, depth)
    code = _compiled(module, files[0].path, files)
    if len(files) == 1:
        return code
    paths = [file.path for file in files]
    runs = {
        text: _in_files(_compiled(_unshifted(annex, place), paths[place], files), paths, paths[place])
        for text, (place, annex) in annexes.items()
    }
    code = _in_files(code, paths, paths[0])
    return code.replace(
        co_consts=tuple(runs.get(one, one) if isinstance(one, str) else one for one in code.co_consts)
    )


def _compiled(module: ast.Module, path: str, files: list[Source]) -> CodeType:
    try:
        flags = __future__.annotations.compiler_flag
        code: CodeType = compile(module, path, "exec", flags=flags, dont_inherit=True)
        return code
    except (SyntaxError, ValueError) as error:
        line, column = getattr(error, "lineno", None) or 1, (getattr(error, "offset", None) or 1) - 1
        raise _errors(files, [Problem(line, column, getattr(error, "msg", None) or str(error))]) from None
    except RecursionError:
        raise _errors(files, [Problem(1, 0, "this is nested too deeply")]) from None


def _unshifted(annex: ast.Module, place: int) -> ast.Module:
    """Return the code of an annex with the line numbers of its own file. Code of another file keeps its offset."""
    for node in ast.walk(annex):
        if getattr(node, "lineno", 0) // STRIDE == place:
            node.lineno -= place * STRIDE  # type: ignore[attr-defined]
            node.end_lineno -= place * STRIDE  # type: ignore[attr-defined]
    return annex


def _translated(
    files: list[Source], parsed: list[Parsed], era: Era | None, depth: int
) -> tuple[ast.Module, dict[str, tuple[int, ast.Module]]]:
    from walkwire.jac.module import translate
    from walkwire.jac.translate.scope import Unit

    trees = [one.tree for one in parsed if one.tree is not None]
    era = era or era_of(files[0].text, trees[:1])
    taken = frozenset(name for file in files for name in _NAME.findall(file.text))
    unit = Unit(era, taken, depth, any(_ASKS_TYPE.search(file.text) for file in files))
    try:
        roles = [file.role for file in files]
        module = translate(list(zip(trees, roles, strict=True)), unit)
    except RecursionError:
        unit.problems.append(Problem(1, 0, "this is nested too deeply"))
    if unit.problems:
        raise _errors(files, sorted(unit.problems, key=lambda problem: (problem.line, problem.column)))
    return module, unit.annexes


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


def _in_files(code: CodeType, paths: list[str], own: str) -> CodeType:
    """Return the code with each function assigned to the file that contains it. `own` is the file that was compiled."""
    constants = tuple(
        _in_files(constant, paths, own) if isinstance(constant, CodeType) else constant
        for constant in code.co_consts
    )
    place, line = divmod(code.co_firstlineno, STRIDE)
    return code.replace(co_consts=constants, co_firstlineno=line, co_filename=paths[place] if place else own)
