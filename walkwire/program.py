"""Program: a file of walkers, found and loaded: `.jac` or `.py`, or a folder with a `main` of one of them.

Each load is fresh: what an earlier one put among Python's modules is forgotten first, so that programs, and tests of them, do not
see each other's modules of the same name.
"""

from __future__ import annotations

import importlib.util
import runpy
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from walkwire import foreign
from walkwire.errors import ProgramError, StartError
from walkwire.ids import PUBLIC_ROOT
from walkwire.stores import open_store
from walkwire.stores.scratch import ScratchStore
from walkwire.trace import trace_of
from walkwire.walk.registry import Registry
from walkwire.walk.unit.unit import unit_of_work

KINDS = (".jac", ".py")
MAIN = ("main.jac", "main.py")
PAGE = "index.html"

_WALKWIRE = Path(__file__).resolve().parent
_loaded: dict[str, ModuleType] = {}


@dataclass(frozen=True, slots=True)
class Source:
    """Where a program is. `page` is its `index.html`, where the program is a folder that holds one."""

    file: Path
    page: Path | None = None


def find(path: str | Path) -> Source:
    """The program at `path`. Raises StartError."""
    path = Path(path)
    if path.is_dir():
        return _in_folder(path)
    if not path.exists():
        raise StartError(f"There is no file {path}")
    if path.suffix not in KINDS or not path.is_file():
        raise StartError(
            f"{path} is not a program: give a .jac or a .py file, or a folder with main.jac or main.py"
        )
    return Source(path)


def load(file: Path) -> Registry:
    """Run a program's file, and give the walkers and the other archetypes that were made by it.

    Raises ProgramError, with the place in the program's own code; StartError.
    """
    folder = file.resolve().parent
    foreign.install()
    _forget()
    before = set(sys.modules)
    _put_first(folder)
    registry = Registry()
    try:
        with registry.recording():
            module = _run(file)
    except (Exception, SystemExit) as error:
        _remember(before, folder)
        _forget()
        raise _told(error, file, folder) from None
    _remember(before, folder)
    registry.add_all(vars(module).values())
    return registry


def run(file: Path, era: str | None = None, database: str | None = None) -> int:
    """Run a program as its author does, from the command line, as the public user; give its exit status.

    What it does to the graph is one unit of work, kept in `database`, or gone with it where that is None. An error that the
    program does not catch is shown with its traceback, and keeps nothing. Raises StartError.
    """
    foreign.install()
    _put_first(file.resolve().parent)
    registry, store = Registry(), ScratchStore() if database is None else open_store(database)
    try:
        with registry.recording(), unit_of_work(store, registry, PUBLIC_ROOT):
            _run_as_main(file, era)
    except (StartError, SystemExit):
        raise
    except BaseException as error:
        sys.stderr.write(trace_of(error))
        return _status_of_failure(file, era)
    finally:
        store.close()
    return 0


def _status_of_failure(file: Path, era: str | None) -> int:
    """1; but Jac before 0.9 says what failed and then ends as if nothing had."""
    if file.suffix != ".jac":
        return 1
    from walkwire.jac.importer import era_of_file

    return int(era_of_file(file, era) >= (0, 9))


def _run_as_main(file: Path, era: str | None) -> None:
    if file.suffix == ".jac":
        from walkwire.dialect.operators import Printed
        from walkwire.jac import importer

        Printed.on = True
        importer.load(file, era=era)
    else:
        runpy.run_path(str(file), run_name="__main__")


def _in_folder(folder: Path) -> Source:
    found = [folder / name for name in MAIN if (folder / name).is_file()]
    if not found:
        raise StartError(f"The folder {folder} holds no program: it needs a main.jac or a main.py")
    if len(found) > 1:
        raise StartError(
            f"The folder {folder} holds two programs, main.jac and main.py: give the file of one"
        )
    page = folder / PAGE
    return Source(found[0], page if page.is_file() else None)


def _run(file: Path) -> ModuleType:
    name = _name_for(file)
    if file.suffix == ".jac":
        from walkwire.jac import importer

        return importer.load(file, name)
    spec = importlib.util.spec_from_file_location(name, file.resolve())
    assert spec is not None
    assert spec.loader is not None  # of a .py file there is one
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _name_for(file: Path) -> str:
    """The file's own name, by which its other modules may import it; another one where Python has a module of that name."""
    name = file.stem
    return f"program_{name}" if name in sys.modules or name in sys.stdlib_module_names else name


def _put_first(folder: Path) -> None:
    while str(folder) in sys.path:
        sys.path.remove(str(folder))
    sys.path.insert(0, str(folder))


def _remember(before: set[str], folder: Path) -> None:
    for name in set(sys.modules) - before:
        module = sys.modules[name]
        if _is_in(folder, getattr(module, "__file__", None)):
            _loaded[name] = module


def _forget() -> None:
    for name, module in _loaded.items():
        if sys.modules.get(name) is module:
            del sys.modules[name]
    _loaded.clear()
    importlib.invalidate_caches()


def _is_in(folder: Path, file: str | None) -> bool:
    """Is it the program's own? What is installed (in a `.venv` of its folder) is not, nor is walkwire in a checkout."""
    path = Path(file or "/").resolve()
    is_other = "site-packages" in path.parts or path.is_relative_to(_WALKWIRE)
    return path.is_relative_to(folder) and not is_other


def _told(error: BaseException, file: Path, folder: Path) -> StartError:
    """What is wrong with the program, and where in its own code."""
    if isinstance(error, ProgramError):
        return _as_given(error, file, folder)
    if isinstance(error, StartError):
        return error
    if isinstance(error, SyntaxError) and _is_in(folder, error.filename):
        return ProgramError(
            _shown(error.filename or "", file, folder),
            error.lineno,
            error.offset,
            error.text,
            f"SyntaxError: {error.msg}",
        )
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_in(folder, frame.filename)]
    what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    if isinstance(error, SystemExit):
        what = f"the program ended itself while it was loaded (SystemExit: {error.code})"
    if not frames:
        return ProgramError(str(file), None, None, None, what)
    last = frames[-1]
    return ProgramError(_shown(last.filename, file, folder), last.lineno, None, last.line, what)


def _as_given(error: ProgramError, file: Path, folder: Path) -> StartError:
    """The same, its files named as the user would, and all that were found at once where there are several."""
    found = [
        ProgramError(_shown(one.path, file, folder), one.line, one.column, one.text, one.message)
        for one in getattr(error, "errors", (error,))
    ]
    return found[0] if len(found) == 1 else StartError("\n".join(map(str, found)))


def _shown(place: str, file: Path, folder: Path) -> str:
    """A file of the program as the user would name it, beside the one that was given."""
    path = Path(place).resolve()
    return str(file.parent / path.relative_to(folder)) if path.is_relative_to(folder) else place
