"""Program: finds and loads a program: a `.jac` or `.py` file, or a folder with a `main.jac` or `main.py`.

Each load is fresh: modules that an earlier load imported are removed from `sys.modules` first, so that programs and their tests
do not share modules of the same name.
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
from walkwire.errors import ProgramError, PublicError, RecordError, StartError
from walkwire.ids import PUBLIC_ROOT
from walkwire.stores import open_store
from walkwire.stores.scratch import ScratchStore
from walkwire.trace import trace_of
from walkwire.walk.registry import Registry
from walkwire.walk.run.alone import unit_of_work
from walkwire.walk.walker.ability import check_abilities

KINDS = (".jac", ".py")
MAIN = ("main.jac", "main.py")
PAGE = "index.html"
PUBLIC = "public"

_WALKWIRE = Path(__file__).resolve().parent
_loaded: dict[str, ModuleType] = {}


@dataclass(frozen=True, slots=True)
class Source:
    """Where a program is.

    - file: its main file
    - files: the folder of files that are served beside it; None: there is none
    - is_public: whether that folder is the program's `public`; if not, it is the program's own, which has a page
    """

    file: Path
    files: Path | None = None
    is_public: bool = False


def find(path: str | Path) -> Source:
    """Return the program at `path`. Raises StartError."""
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
    """Import a program's file, and return the walkers and other archetypes that it defines.

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
        raise _as_start_error(error, file, folder) from None
    _remember(before, folder)
    registry.add_all(vars(module).values())
    try:
        check_abilities(registry)
    except ProgramError as error:
        raise _as_given(error, file, folder) from None
    return registry


def load_alone(file: Path) -> Registry:
    """Load a program on an empty graph, of which nothing is kept. Raises StartError."""
    store = ScratchStore()
    try:
        with unit_of_work(store, Registry(), PUBLIC_ROOT, is_loading=True):
            return load(file)
    except (PublicError, RecordError) as error:
        raise StartError(str(error)) from None
    finally:
        store.close()


def run(file: Path, era: str | None = None, database: str | None = None) -> int:
    """Run a program as a script, as the public user, and return its exit status.

    - era: the version of Jac to assume; None: the one that the file shows
    - database: the URL of the database; None: a temporary one

    All changes to the graph are one unit of work. An error that the program does not catch is printed with its traceback, and
    nothing is committed. Raises StartError.
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
    """Return 1; 0 for a program of Jac before 0.9, which exits with 0 after an error."""
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
    if (folder / PUBLIC).is_dir():
        return Source(found[0], folder / PUBLIC, True)
    return Source(found[0], folder if (folder / PAGE).is_file() else None)


def _run(file: Path) -> ModuleType:
    name = _name_for(file)
    if file.suffix == ".jac":
        from walkwire.jac import importer

        return importer.load(file, name)
    spec = importlib.util.spec_from_file_location(name, file.resolve())
    assert spec is not None
    assert spec.loader is not None  # a .py file has one
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _name_for(file: Path) -> str:
    """Return the module name of a file: its own, so that its other modules can import it, unless another module has it."""
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
    """Whether a file is the program's own. Installed packages (in a `.venv` of its folder) and walkwire itself are not."""
    path = Path(file or "/").resolve()
    is_other = "site-packages" in path.parts or path.is_relative_to(_WALKWIRE)
    return path.is_relative_to(folder) and not is_other


def _as_start_error(error: BaseException, file: Path, folder: Path) -> StartError:
    """Return the error to report: what is wrong with the program, and where in its own code."""
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
    """Return the error with file names as the user would write them; several errors as one."""
    found = [
        ProgramError(_shown(one.path, file, folder), one.line, one.column, one.text, one.message)
        for one in getattr(error, "errors", (error,))
    ]
    return found[0] if len(found) == 1 else StartError("\n".join(map(str, found)))


def _shown(place: str, file: Path, folder: Path) -> str:
    """Return the path of a file of the program, relative in the same way as the path that the user gave."""
    path = Path(place).resolve()
    return str(file.parent / path.relative_to(folder)) if path.is_relative_to(folder) else place
