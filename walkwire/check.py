"""Check: find the syntax errors of programs without running them (`walkwire check`)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from walkwire.errors import ProgramError, StartError

KINDS = (".jac", ".py")
_PASSED_OVER = {"__pycache__", "__jac_cache__", "__jac_gen__", "node_modules"}


def files_in(paths: Iterable[Path]) -> Iterator[Path]:
    """Yield the files in `paths` and the programs in its folders, ordered by name. Raises StartError if a path does not exist."""
    for path in paths:
        if path.is_dir():
            yield from (found for found in sorted(path.rglob("*")) if _is_program(found))
        elif path.is_file():
            yield path
        else:
            raise StartError(f"There is no file {path}")


def errors_in(file: Path, era: str | None = None) -> list[ProgramError]:
    """Return all syntax errors of one file, in the order of their lines. `era`: the version of Jac; None: what the file says."""
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        return [ProgramError(str(file), None, None, None, f"is not UTF-8 text ({error.reason})")]
    return _in_jac(file, era) if file.suffix == ".jac" else _in_python(file, text)


def as_json(errors: Iterable[ProgramError]) -> str:
    """Return the errors as JSON: a list of `{"path","line","column","message","text"}`. Lines and columns count from 1."""
    return json.dumps(
        [
            {
                "path": error.path,
                "line": error.line,
                "column": error.column,
                "message": error.message,
                "text": error.text,
            }
            for error in errors
        ],
        indent=2,
        ensure_ascii=False,
    )


def _is_program(path: Path) -> bool:
    return (
        path.suffix in KINDS
        and path.is_file()
        and not any(part in _PASSED_OVER or part.startswith(".") for part in path.parts)
    )


def _in_jac(file: Path, era: str | None) -> list[ProgramError]:
    """Return the errors of one file of a module. Its names may be those of the other files."""
    from walkwire.jac.compiler import ProgramErrors
    from walkwire.jac.importer import compile_file

    try:
        compile_file(file, era)
    except ProgramErrors as found:
        return [error for error in found.errors if error.path == str(file)]
    except ProgramError as error:
        return [error]
    return []


def _in_python(file: Path, text: str) -> list[ProgramError]:
    try:
        compile(text, str(file), "exec", dont_inherit=True)
    except SyntaxError as error:
        return [ProgramError(str(file), error.lineno, error.offset, error.text, f"SyntaxError: {error.msg}")]
    except ValueError as error:
        return [ProgramError(str(file), None, None, None, str(error))]
    return []
