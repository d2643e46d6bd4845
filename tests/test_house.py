"""The walls of the house (`docs/house.md`): who may import whom, no cycles, no file too long."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

HOUSE = Path(__file__).parent.parent / "walkwire"
LONGEST = 400

GROUND = {"errors", "ids", "config"}
# What each room may import inside walkwire, itself excepted. A file of the porch or the ground is a room of its own.
MAY = {
    "errors": set(),
    "ids": {"errors"},
    "config": {"errors"},
    "store": GROUND,
    "broker": GROUND,
    "__init__": {"errors", "walk"},
    "walk": GROUND | {"store"},
    "wire": GROUND | {"broker"},
    "account": GROUND | {"store"},
    "stores": GROUND | {"store"},
    "brokers": GROUND | {"broker"},
    "jac": GROUND,
    "server": GROUND | {"store", "broker", "walk", "wire", "account", "stores", "brokers"},
    "program": GROUND | {"stores", "walk", "jac", "trace", "foreign"},
    "foreign": {"ids", "walk", "jac"},
    "__main__": {"cli"},
    "trace": set(),
    "check": GROUND | {"jac"},
    "blocks": GROUND | {"stores", "walk", "jac", "trace", "foreign"},
    "new": GROUND,
    "load": GROUND,
    "cli": GROUND | {"load", "walk", "server", "jac", "program", "check", "blocks", "new", "__init__"},
    "testing": GROUND | {"account", "walk", "server", "program"},
}
# Libraries that belong to some rooms only: name of the library → rooms that may import it.
LIBRARIES = {
    "sqlalchemy": {"stores"},
    "psycopg": {"stores"},
    "alembic": {"stores"},
    "fastapi": {"server", "testing"},
    "starlette": {"server", "testing"},
    "uvicorn": {"server"},
    "lark": {"jac"},
    "jwt": {"account"},
    "pwdlib": {"account", "testing"},
    "typer": {"cli"},
    "redis": {"brokers"},
    "nats": {"brokers"},
}


def files() -> list[Path]:
    return sorted(HOUSE.rglob("*.py"))


def module_of(path: Path) -> str:
    parts = path.relative_to(HOUSE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room_of(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def imports_of(path: Path) -> Iterator[str]:
    """Every module that a file imports, wherever in it the import stands."""
    known = {module_of(other) for other in files()}
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in known else str(node.module)


@pytest.mark.parametrize("path", files(), ids=module_of)
def test_a_room_imports_only_what_it_may(path: Path) -> None:
    room = room_of(module_of(path))
    for imported in imports_of(path):
        top = imported.split(".")[0]
        if top == "walkwire":
            assert room_of(imported) in MAY[room] | {room}, f"{path} imports {imported}"
        elif top in LIBRARIES:
            assert room in LIBRARIES[top], f"{path} imports {imported}"


def test_no_module_imports_itself_by_a_detour() -> None:
    graph = {
        module_of(path): {name for name in imports_of(path) if name.startswith("walkwire")}
        for path in files()
    }
    # The one exception: an adapter is chosen by its URL, inside a function.
    for chooser in ("walkwire.stores", "walkwire.brokers"):
        graph[chooser] = set()
    for start, imported in graph.items():
        seen, frontier = set(), list(imported)
        while frontier:
            module = frontier.pop()
            assert module != start, f"{start} imports itself by a detour"
            if module not in seen:
                seen.add(module)
                frontier.extend(graph.get(module, ()))


@pytest.mark.parametrize("path", files(), ids=module_of)
def test_no_file_is_too_long(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= LONGEST


@pytest.mark.parametrize("path", [path for path in files() if path.read_text().strip()], ids=module_of)
def test_a_file_opens_with_the_rule_of_its_room(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text())), f"{path} does not say what lives in it"


def test_only_config_reads_the_environment() -> None:
    for path in files():
        if path.name == "config.py":
            continue
        assert "os.environ" not in path.read_text(), f"{path} reads the environment"
