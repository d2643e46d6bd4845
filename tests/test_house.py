"""The walls of the house (`docs/house.md`): who may import whom, no cycles, no file too long, no room too large."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

HOUSE = Path(__file__).parent.parent / "walkwire"
LONGEST = 400  # lines of a file
FILES = 15  # in a room
FLOORS = 5  # import levels in a room

GROUND = {"errors", "ids", "config"}
# What each room may import inside walkwire, itself excepted. A file of the porch or the ground is a room of its own.
MAY = {
    "errors": set(),
    "ids": {"errors"},
    "config": {"errors"},
    "store": GROUND,
    "broker": GROUND,
    "__init__": {"errors", "walk", "dialect"},
    "walk": GROUND | {"store"},
    "dialect": GROUND | {"store", "walk"},
    "wire": GROUND | {"broker"},
    "account": GROUND | {"store"},
    "stores": GROUND | {"store"},
    "brokers": GROUND | {"broker"},
    "jac": GROUND,
    "server": GROUND | {"store", "broker", "walk", "dialect", "wire", "account", "stores", "brokers"},
    "program": GROUND | {"stores", "walk", "dialect", "jac", "trace", "foreign"},
    "foreign": {"ids", "dialect", "jac"},
    "__main__": {"cli"},
    "trace": set(),
    "check": GROUND | {"jac"},
    "blocks": GROUND | {"stores", "walk", "jac", "trace", "foreign"},
    "new": GROUND,
    "load": GROUND,
    "cli": GROUND | {"load", "walk", "server", "jac", "program", "check", "blocks", "new", "__init__"},
    "testing": GROUND | {"account", "walk", "server", "program"},
}
# What each sub-room may import inside its room. "" are the files at the top of the room: its ground or its roof.
INSIDE = {
    "walk": {
        "": set(),
        "archetypes": {""},
        "walker": {"", "archetypes"},
        "graph": {"", "archetypes"},
        "unit": {"", "archetypes", "graph", "walker"},
        "run": {"", "archetypes", "walker", "graph", "unit"},
    },
    "wire": {
        "message": set(),
        "delivery": {"message"},
        "": {"message", "delivery"},
    },
    "server": {
        "socket": set(),
        "http": set(),
        "": {"socket", "http"},
        "process": {"", "socket", "http"},
    },
    "stores": {
        "sql": set(),
        "sqlite": {"sql"},
        "postgres": {"sql"},
        "": {"sql", "sqlite", "postgres"},
    },
    "jac": {
        "syntax": set(),
        "translate": {"syntax"},
        "": {"syntax", "translate"},
    },
}
# Walls that are still open, each with the step of the plan that closes it. This set only ever shrinks.
OPEN: set[tuple[str, str]] = set()
# Rooms that have more floors than FLOORS, and how many. This table only ever shrinks.
TOO_HIGH = {
    "walkwire": 6,  # ground and porch share this folder
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
    "prometheus_client": {"server"},
}


@cache
def files() -> list[Path]:
    return sorted(HOUSE.rglob("*.py"))


def module_of(path: Path) -> str:
    parts = path.relative_to(HOUSE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room_of(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def inner_room_of(module: str) -> str:
    """The sub-room in which a module of a room with sub-rooms lies; "" for those at its top."""
    parts = module.split(".")
    return parts[2] if len(parts) > 2 and parts[2] in INSIDE[parts[1]] else ""


@cache
def known() -> frozenset[str]:
    return frozenset(map(module_of, files()))


@cache
def imports_of(path: Path) -> tuple[str, ...]:
    """Every module that a file imports, wherever in it the import stands."""
    return tuple(_imports_of(path))


def _imports_of(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in known() else str(node.module)


def folder_of(path: Path) -> str:
    return ".".join(path.parent.relative_to(HOUSE.parent).parts)


def folders() -> list[str]:
    return sorted({folder_of(path) for path in files() if "migrations" not in path.parts})


@pytest.mark.parametrize("path", files(), ids=module_of)
def test_a_room_imports_only_what_it_may(path: Path) -> None:
    room = room_of(module_of(path))
    for imported in imports_of(path):
        top = imported.split(".")[0]
        if top == "walkwire":
            assert room_of(imported) in MAY[room] | {room}, f"{path} imports {imported}"
        elif top in LIBRARIES:
            assert room in LIBRARIES[top], f"{path} imports {imported}"


@pytest.mark.parametrize("path", files(), ids=module_of)
def test_a_sub_room_imports_only_what_it_may(path: Path) -> None:
    module = module_of(path)
    room = room_of(module)
    if room not in INSIDE:
        return
    inner = inner_room_of(module)
    for imported in imports_of(path):
        if imported.split(".")[0] != "walkwire" or room_of(imported) != room or (module, imported) in OPEN:
            continue
        assert inner_room_of(imported) in INSIDE[room][inner] | {inner}, f"{path} imports {imported}"


def test_each_folder_of_a_room_is_a_sub_room_with_walls() -> None:
    for room, walls in INSIDE.items():
        assert {path.name for path in (HOUSE / room).iterdir() if (path / "__init__.py").exists()} == set(
            walls
        ) - {""}


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


@pytest.mark.parametrize("folder", folders())
def test_a_room_can_be_known(folder: str) -> None:
    """It has few files, on few floors: a file's floor is one above the highest of the files of its room that it imports."""
    inside = {
        module_of(path): imports_of(path)
        for path in files()
        if folder_of(path) == folder and path.stem != "__init__"
    }
    assert len(inside) <= FILES, f"{folder} has {len(inside)} files"
    floors: dict[str, int] = {}

    def floor_of(module: str) -> int:
        if module not in floors:
            floors[module] = 1 + max((floor_of(one) for one in inside[module] if one in inside), default=0)
        return floors[module]

    highest = max(map(floor_of, inside), default=0)
    assert highest <= TOO_HIGH.get(folder, FLOORS), f"{folder} has {highest} floors: {floors}"


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
