"""Source: finds and reads the files that make up a module.

The annexes of a module `m.jac` are beside it: `m.impl.jac`, `m.anything.impl.jac`, and files that end in `.impl.jac` inside a
folder `m.impl`. The same holds with `test` instead of `impl`. A module that `m` includes may contain bodies for it as well.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from walkwire.errors import ProgramError

# The role of a file in the module: the module itself; an annex with bodies, which runs before it; an annex with tests, which
# runs after it; an included module, of which only the bodies are used.
Role = Literal["module", "bodies", "tests", "included"]

_INCLUDE = re.compile(r"\binclude\s*(?::\s*jac\s+|\s)\s*([\w.]+)\s*;")
_HAS_BODIES = re.compile(r"\bimpl\b|:(?:can|c|obj|o|enum|walker|w|node|n|edge|class|cls):")


@dataclass(frozen=True, slots=True)
class Source:
    """A file: its path, its text, and its role in the module."""

    path: str
    text: str
    role: Role = "module"


def read_sources(path: Path) -> list[Source]:
    """Return a module's own file, followed by its annexes. Raises ProgramError if a file cannot be read."""
    module = Source(str(path), _read(path))
    return [module, *_annexes(path), *_included(path, module.text)]


def module_of(file: Path) -> Path:
    """Return the module that an annex belongs to. Any other file is a module itself, and so is an annex without one."""
    if not file.name.endswith((".impl.jac", ".test.jac")):
        return file
    folder = file.parent
    around = folder.with_name(f"{folder.name.partition('.')[0]}.jac")
    beside = folder / f"{file.name.partition('.')[0]}.jac"
    module = around if folder.suffix in (".impl", ".test") and around.is_file() else beside
    return module if module.is_file() else file


def _annexes(path: Path) -> list[Source]:
    """Return the annexes with bodies, then those with tests, each sorted by name."""
    if path.name.endswith((".impl.jac", ".test.jac")):
        return []
    stem = path.name.removesuffix(".jac")
    roles: tuple[tuple[str, Role], ...] = (("impl", "bodies"), ("test", "tests"))
    found: list[Source] = []
    for kind, role in roles:
        ending = f".{kind}.jac"
        beside = (
            file for file in path.parent.glob(f"*{ending}") if _belongs(file.name.removesuffix(ending), stem)
        )
        inside = (path.parent / f"{stem}.{kind}").glob(f"*{ending}")
        found += [Source(str(file), _read(file), role) for file in [*sorted(beside), *sorted(inside)]]
    return found


def _belongs(name: str, stem: str) -> bool:
    return name == stem or name.startswith(stem + ".")


def _included(path: Path, text: str) -> list[Source]:
    """Return the included modules that contain bodies, since these may belong to declarations of this module."""
    found = []
    for name in _INCLUDE.findall(text):
        file = path.parent.joinpath(*name.split(".")).with_suffix(".jac")
        if file.is_file() and _HAS_BODIES.search(bodies := _read(file)):
            found.append(Source(str(file), bodies, "included"))
    return found


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ProgramError(str(path), None, None, None, f"this file is not UTF-8: {error.reason}") from None
    except OSError as error:
        raise ProgramError(
            str(path), None, None, None, f"this file cannot be read: {error.strerror}"
        ) from None
