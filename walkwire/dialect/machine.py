"""Machine: functions of `JacMachine` (in 0.7: `JacMachine.get()`) that find and load a program's modules and classes by name."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from walkwire.ids import new_id
from walkwire.walk.archetype import Archetype
from walkwire.walk.archetypes.edge import Edge
from walkwire.walk.archetypes.node import Node
from walkwire.walk.walker.walker import Walker

MAIN = "__main__"


def list_modules() -> list[str]:
    """Return the names of the program's Jac modules, in the order in which their import began."""
    loaded = [
        (name, module) for name, module in list(sys.modules.items()) if _file_of(module).endswith(".jac")
    ]
    return [name for name, module in sorted(loaded, key=lambda one: _place_of(one[1]))]


def list_walkers(module_name: str, bases: tuple[str, ...] = ()) -> list[str]:
    """Return the names of the walkers in a module, sorted."""
    return _names(module_name, Walker, bases)


def list_nodes(module_name: str, bases: tuple[str, ...] = ()) -> list[str]:
    """Return the names of the node classes in a module, sorted."""
    return _names(module_name, Node, bases)


def list_edges(module_name: str, bases: tuple[str, ...] = ()) -> list[str]:
    """Return the names of the edge classes in a module, sorted."""
    return _names(module_name, Edge, bases)


def get_archetype(module_name: str, archetype_name: str) -> Any:  # Any: whatever has this name
    """Return the class with this name in a module; None if there is none."""
    return getattr(sys.modules.get(module_name), archetype_name, None)


def spawn_node(
    node_name: str, attributes: dict[str, object] | None = None, module_name: str = MAIN
) -> Archetype:
    """Return a new node of the class with this name. Raises ValueError if there is none."""
    return _made(module_name, node_name, attributes)


def spawn_walker(
    walker_name: str, attributes: dict[str, object] | None = None, module_name: str = MAIN
) -> Archetype:
    """Return a new walker of the class with this name. Raises ValueError if there is none."""
    return _made(module_name, walker_name, attributes)


def create_archetype_from_source(
    source_code: str,
    module_name: str | None = None,
    base_path: str | None = None,
    cachable: bool = False,
    keep_temporary_files: bool = False,
) -> ModuleType:
    """Import Jac source text as a module, and return it. Its imports are found in `base_path` (None: the current folder)."""
    name = module_name or f"_dynamic_module_{new_id()}"
    folder = Path(base_path) if base_path else Path.cwd()
    file = folder / f"{name}.jac"
    file.write_text(source_code, encoding="utf-8")
    try:
        with _searched(folder):
            return importlib.import_module(name)
    finally:
        if not keep_temporary_files:
            file.unlink()


def update_walker(module_name: str, items: dict[str, object] | None) -> tuple[object, ...]:
    """Import a module again. Replace `items` in the old module by their new versions, and return these.

    Without `items`, return the new module. Raises ValueError if the module was not imported before.
    """
    old = sys.modules.pop(module_name, None)
    if old is None:
        raise ValueError(f"No module {module_name} was loaded")
    new = importlib.import_module(module_name)
    if items:
        for name in items:
            setattr(old, name, getattr(new, name))
        sys.modules[module_name] = old
        return tuple(getattr(old, name) for name in items)
    return (new,)


def _made(module_name: str, name: str, attributes: dict[str, object] | None) -> Archetype:
    found = get_archetype(module_name, name)
    if found is None:
        raise ValueError(f"No {name} in the module {module_name}")
    made: Archetype = found(**(attributes or {}))
    return made


def _names(module_name: str, family: type, bases: tuple[str, ...]) -> list[str]:
    module = sys.modules.get(module_name)
    if module is None:
        return []
    return sorted(
        [
            *bases,
            *(
                name
                for name, value in vars(module).items()
                if isinstance(value, type)
                and issubclass(value, family)
                and not value.__module__.startswith("walkwire.")
            ),
        ]
    )


def _place_of(module: ModuleType) -> int:
    """Return the position at which a module's import began, as Jac's importer counts. `sys.modules` has the order of the ends."""
    return int(getattr(getattr(module.__spec__, "loader", None), "place", 0))


def _file_of(module: ModuleType) -> str:
    return str(getattr(module, "__file__", None) or "")


@contextmanager
def _searched(folder: Path) -> Iterator[None]:
    importlib.invalidate_caches()
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
