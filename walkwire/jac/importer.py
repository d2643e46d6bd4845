"""Importer: loads `.jac` files as Python modules. `install()` makes them importable, `load` runs a program."""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import itertools
import sys
from collections.abc import Sequence
from pathlib import Path
from types import CodeType, ModuleType

from walkwire.jac.cache import cached
from walkwire.jac.era import Era, parse_era
from walkwire.jac.source import Source, module_of, read_sources


class _Choice:
    """The era given on the command line, which applies to every file that is loaded."""

    era: Era | None = None


_places = itertools.count()
# Folders of the modules that were loaded. Jac finds a module beside the one that imports it, wherever the program started.
_beside: list[str] = []


def load(path: str | Path, name: str = "__main__", era: str | None = None) -> ModuleType:
    """Run a .jac file and return its module. Raises ProgramError if the file cannot be read or translated.

    Under the name "__main__" its `with entry:__main__` blocks run too. `era` ("0.7", "0.8", "0.9") applies to this file and to
    all files that it imports. Without it, the syntax of each file decides.
    """
    file = Path(path).resolve()
    _Choice.era = parse_era(era) if era else None
    _beside.clear()
    install()
    folder = str(file.parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    loader = JacLoader(name, str(file))
    spec = importlib.util.spec_from_file_location(name, str(file), loader=loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    if name == "__main__":
        module.__package__ = ""
    before = sys.modules.get(name)
    sys.modules[name] = module
    try:
        loader.exec_module(module)
    except BaseException:
        if before is None:
            del sys.modules[name]
        else:
            sys.modules[name] = before
        raise
    return module


def install() -> None:
    """Make `.jac` files importable by name, as `.py` files are. A second call has no effect."""
    if not any(isinstance(finder, JacFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, JacFinder())


def era_of_file(path: str | Path, era: str | None = None) -> Era:
    """Return the era that `load` uses for a file without errors: `era` if given, else that of the file."""
    from walkwire.jac.era import era_of
    from walkwire.jac.syntax.parser import parse

    if era is not None:
        return parse_era(era)
    text = read_sources(Path(path))[0].text
    tree = parse(text).tree
    return era_of(text, [tree] if tree is not None else [])


def compile_source(text: str, path: str, era: str | None = None) -> CodeType:
    """Return the code of a module without annexes. Raises ProgramErrors."""
    return _compiled([Source(path, text)], parse_era(era) if era else None, 0)


def compile_file(file: Path, era: str | None = None) -> CodeType:
    """Return the code of the module that a file is, or is an annex of. Raises ProgramError, ProgramErrors."""
    return _compiled(read_sources(module_of(file)), parse_era(era) if era else None, 0)


def _compiled(sources: list[Source], era: Era | None, depth: int) -> CodeType:
    from walkwire.jac.compiler import compile_module  # a module in the cache does without it

    return compile_module(sources, era, depth)


class JacFinder(importlib.abc.MetaPathFinder):
    """Finds `name.jac` and `name/__init__.jac` on the import path, and beside the modules that were loaded before."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Return the spec of a .jac module; None if there is none."""
        last = fullname.rpartition(".")[2]
        folders = list(path) if path is not None else [*sys.path, *_beside]
        for folder in folders:
            base = Path(folder).absolute() / last
            for file, is_package in ((base / "__init__.jac", True), (base.with_name(last + ".jac"), False)):
                if file.is_file():
                    return importlib.util.spec_from_file_location(
                        fullname,
                        str(file),
                        loader=JacLoader(fullname, str(file)),
                        submodule_search_locations=[str(base)] if is_package else None,
                    )
        return None


class JacLoader(importlib.abc.InspectLoader):
    """Translates one .jac file, or takes its code from the cache. `place` numbers the loaders in the order of their making."""

    def __init__(self, name: str, path: str) -> None:
        self.name = name
        self.path = path
        self.place = next(_places)

    def exec_module(self, module: ModuleType) -> None:
        """Run the module's code in its namespace. Raises ProgramErrors."""
        folder = str(Path(self.path).parent)
        if folder not in _beside:
            _beside.append(folder)
        exec(self.get_code(self.name), module.__dict__)  # noqa: S102 - what importing is

    def get_code(self, fullname: str) -> CodeType:
        """Return the module's code, from the cache if possible. Raises ProgramError, ProgramErrors."""
        sources = read_sources(Path(self.path))
        era = _Choice.era
        is_package = Path(self.path).name == "__init__.jac" and self.name != "__main__"
        depth = self.name.count(".") + is_package
        return cached(sources, era, depth, lambda: _compiled(sources, era, depth))

    def get_source(self, fullname: str) -> str:
        """Return the text of the module's own file, without annexes. Raises ProgramError."""
        return read_sources(Path(self.path))[0].text

    def get_filename(self, fullname: str) -> str:
        """Return the path of the source. `runpy`, coverage.py and `pdb` ask for it."""
        return self.path
