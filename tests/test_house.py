"""Checks the laws of `docs/house.md`: imports, documentation, and where each file is tested."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Iterator
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import TypeVar

import pytest

HOUSE = Path(__file__).parent.parent / "walkwire"
PAGE = HOUSE.parent / "docs" / "house.md"

GROUND = {"errors", "ids", "config"}
# What each room may import inside walkwire, itself excepted. A file of the porch or the ground is a room of its own.
MAY = {
    "errors": set(),
    "ids": {"errors"},
    "ending": set(),
    "addresses": set(),
    "urls": set(),
    "config": {"errors", "addresses", "urls"},
    "store": GROUND | {"ending"},
    "broker": GROUND,
    "history": GROUND,
    "__init__": {"errors", "walk", "dialect"},
    "walk": GROUND | {"ending", "store"},
    "dialect": GROUND | {"store", "walk"},
    "wire": GROUND | {"ending", "broker", "history"},
    "account": GROUND | {"ending", "urls", "store"},
    "mail": GROUND,
    "stores": GROUND | {"urls", "store"},
    "brokers": GROUND | {"ending", "urls", "broker"},
    "histories": GROUND | {"ending", "urls", "history", "broker", "brokers", "store"},
    "jac": GROUND,
    "server": GROUND
    | {
        "addresses",
        "ending",
        "terminal",
        "log",
        "store",
        "broker",
        "walk",
        "dialect",
        "wire",
        "account",
        "mail",
        "stores",
        "brokers",
        "history",
        "histories",
        "types",
    },
    "program": GROUND | {"stores", "walk", "dialect", "jac", "trace", "foreign"},
    "foreign": {"ids", "dialect", "jac"},
    "__main__": {"cli"},
    "trace": set(),
    "check": GROUND | {"jac"},
    "terminal": set(),
    "load": GROUND | {"terminal", "urls"},
    "client": {"errors", "urls"},
    "types": GROUND | {"walk"},
    "log": GROUND,
    "doctor": GROUND | {"store", "stores", "brokers", "histories", "walk", "account", "program"},
    "cli": {"commands", "terminal"},
    "commands": GROUND
    | {"terminal", "load", "log", "store", "stores", "account", "walk", "server", "jac", "program", "check"}
    | {"trace", "foreign", "doctor", "client", "types", "urls", "__init__"},
    "asgi": GROUND | {"ending", "account", "walk", "wire", "server", "program"},
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
    "account": {
        "signing": {""},
        "": {"signing"},
        "outside": {"", "signing"},
    },
    "wire": {
        "message": set(),
        "delivery": {"message"},
        "rights": {"message", "delivery"},
        "streams": {"message", "delivery"},
        "presence": {"message", "delivery"},
        "sessions": {"", "message", "delivery", "streams", "presence"},
        "": {"message", "delivery", "rights", "streams", "presence"},
    },
    "server": {
        "browser": set(),
        "socket": {"browser"},
        "http": {"browser"},
        "channels": set(),
        "streams": set(),
        "console": {"http"},
        "tracing": {"", "http"},
        "": {"browser", "socket", "http", "channels", "streams", "console", "tracing"},
        "process": {"", "browser", "socket", "http"},
        "dev": {"", "http", "process"},
    },
    "stores": {
        "sql": set(),
        "sqlite": {"sql"},
        "postgres": {"sql"},
        "": {"sql", "sqlite", "postgres"},
    },
    "commands": {
        "": set(),
        "programs": {""},
        "operation": {""},
        "client": {""},
    },
    "jac": {
        "syntax": set(),
        "translate": {"syntax"},
        "": {"syntax", "translate"},
    },
}
# Walls that are still open, each with the step of the plan that closes it. This set only ever shrinks.
OPEN: set[tuple[str, str]] = set()
# Sub-rooms of sub-rooms, with the same meaning as INSIDE. `server/http/walkers` is not here: its walls are still open.
DEEPER = {
    "stores.postgres": {"driver": set(), "": {"driver"}},
}
# Files without a test of their own name, as patterns, and where they are tested instead. A pattern that fits no file fails.
# This table only ever shrinks, but for contracts, their kinds, and files that only declare types.
TESTED_ELSEWHERE = {
    "server/socket/answers.py": "tests/server/socket/test_gateway.py, over connections",
    "server/socket/ended.py": "tests/server/socket/test_stream.py: it only does nothing",
    # one suite for a contract and all of its kinds
    "broker.py": "tests/brokers/test_broker.py, through every kind",
    "brokers/*.py": "tests/brokers/test_broker.py, which runs brokers/suite.py over every kind",
    "store/*.py": "tests/stores/test_store.py and tests/stores/test_tasks.py, through every kind",
    "stores/sql/*.py": "tests/stores/test_store.py and tests/stores/test_tasks.py, over both databases",
    "stores/sqlite/*.py": "tests/stores/test_store.py and tests/stores/test_tasks.py",
    "stores/postgres/*.py": "tests/stores/test_store.py, tests/stores/test_tasks.py, tests/stores/postgres/",
    "stores/postgres/driver/*.py": "tests/stores/postgres/test_away.py and tests/cluster/test_database.py",
    # programs of Jac, and what they print
    "jac/module.py": "tests/jac/test_programs.py and tests/jac/test_importer.py",
    "jac/syntax/*.py": "tests/jac/syntax/test_parser.py and tests/jac/test_programs.py",
    "jac/translate/*.py": "tests/jac/test_programs.py: programs and what they print",
    "dialect/*.py": "tests/jac_cloud/: programs that use these names, and tests/dialect/",
    "foreign.py": "tests/jac_cloud/test_imports.py",
    # a running program
    "check.py": "tests/test_commands.py: `walkwire check`",
    "commands/group.py": "tests/test_cli.py: errors are one sentence",
    "commands/options.py": "tests/test_cli.py: commands with their options",
    "commands/programs/*.py": "tests/test_cli.py and tests/test_commands.py, as a user starts them",
    "commands/operation/doctor.py": "tests/doctor/",
    "commands/operation/lines.py": "tests/commands/operation/test_graph.py",
    "commands/client/server.py": "tests/commands/client/test_call.py",
    "commands/operation/opened.py": "tests/commands/operation/test_keys.py",
    "commands/client/load.py": "tests/load/test_run.py: a load on a real server",
    "client/*.py": "tests/client/test_fixtures.py: the scripts of clients/fixtures; tests/client/test_journeys.py",
    "load/*.py": "tests/load/test_run.py: a load on a real server",
    "account/signing/codes.py": "tests/account/test_reset.py and tests/account/signing/test_verification.py: codes in use",
    "account/service.py": "tests/server/http/test_notify.py: keys over REST",
    "server/wiring.py": "tests/server/ and tests/journeys/: every test that serves a program",
    "server/app.py": "tests/server/ and tests/journeys/: every test that serves a program",
    "server/dispatch.py": "tests/server/http/walkers/test_rest.py, tests/journeys/test_websocket.py",
    "server/channels/rights.py": "tests/security/test_channels.py and tests/security/test_channel_rights.py",
    "server/channels/deciders.py": "tests/security/test_channels.py: functions and walkers that decide",
    "server/upload.py": "tests/jac_cloud/test_later.py and tests/server/http/walkers/test_rest.py",
    "server/settings.py": "tests/config/test_model.py and the tests of each limit: it only hands values on",
    "server/http/accounts/*.py": "tests/server/http/accounts/test_users.py, tests/security/test_browsers.py and test_identity.py",
    "server/http/*.py": "tests/server/http/walkers/test_rest.py and tests/server/http/accounts/test_users.py",
    "server/http/pages/description.py": "tests/server/http/walkers/test_rest.py and tests/server/http/pages/test_docs.py",
    "server/http/pages/frames.py": "tests/server/http/pages/test_asyncapi.py: frames of a real server",
    "server/http/walkers/*.py": "tests/server/http/walkers/test_rest.py",
    "walk/graph/renaming.py": "tests/commands/operation/test_migrate.py",
    "server/dev/*.py": "tests/server/dev/test_dev.py: a program that is saved while it is served",
    "commands/programs/dev.py": "tests/server/dev/test_dev.py",
    "server/process/port.py": "tests/server/process/test_process.py and tests/cluster/test_workers.py",
    "server/process/workers.py": "tests/cluster/test_workers.py",
    "server/socket/loopback.py": "tests/test_testing.py",
    "wire/message/lenient.py": "tests/wire/message/test_event.py: what msgspec refuses",
    # a walk
    "walk/archetype.py": "tests/walk/graph/test_graph.py",
    "walk/mistake.py": "tests/test_mistakes.py: each mistake and its sentence",
    "walk/archetypes/*.py": "tests/walk/graph/test_graph.py, tests/walk/graph/test_neighbours.py, tests/walk/test_access.py",
    "walk/graph/rights.py": "tests/walk/test_access.py",
    "walk/graph/working_set.py": "tests/walk/graph/test_graph.py",
    "walk/run/clock.py": "tests/server/test_scheduler.py",
    "walk/run/verdict.py": "tests/walk/run/test_runtime.py",
    "walk/walker/task.py": "tests/walk/run/test_tasks.py",
    "walk/walker/timetable.py": "tests/server/test_scheduler.py and tests/walk/walker/test_specs.py",
    "walk/walker/verbs.py": "tests/walk/run/test_runtime.py and tests/walk/graph/test_graph.py",
    "walk/walker/walker.py": "tests/walk/run/test_runtime.py and tests/walk/walker/test_ability.py",
    "walk/run/answer.py": "tests/walk/run/test_run.py and tests/walk/run/test_runtime.py",
    "walk/run/decision.py": "tests/security/test_channels.py: nodes and functions that decide",
    "walk/authorize.py": "tests/security/test_channels.py and tests/walk/test_registry.py",
    "walk/run/host.py": "tests/walk/run/test_runtime.py: walks in a server",
    "history.py": "tests/histories/test_history.py, through every kind",
    "histories/*.py": "tests/histories/test_history.py, which runs histories/suite.py over every kind",
    "config/*.py": "tests/config/test_model.py: settings from every source",
    "wire/streams/*.py": "tests/histories/recovery/: every client against a model",
    "wire/presence/other.py": "tests/wire/presence/test_exchange.py: what servers know of each other",
    "wire/sessions/*.py": "tests/wire/sessions/test_connection.py: events and their frames",
    "wire/delivery/session.py": "tests/wire/sessions/test_connection.py: sessions that are taken over",
    "server/http/streams.py": "tests/journeys/test_streams.py: requests to a real server",
    "server/http/event_source.py": "tests/journeys/test_streams.py: requests to a real server",
    "server/streams/levels.py": "tests/config/test_model.py: levels by pattern",
    "wire/wire.py": "tests/server/: every test that serves a program",
    "server/readings.py": "tests/server/test_metrics.py",
    "server/console/shown.py": "tests/server/console/test_feed.py: secrets are masked",
    "server/console/peers.py": "tests/server/console/test_everywhere.py: servers that ask each other",
    "server/tracing/*.py": "tests/server/tracing/test_spans.py: spans over two servers",
    "server/metering.py": "tests/server/http/test_metrics.py",
    "server/outcome.py": "tests/server/http/test_metrics.py",
    # types only
    "walk/audience.py": "declares types only",
    "walk/current.py": "declares types only, but for the current run: tests/walk/run/test_run.py",
    "walk/view.py": "declares types only",
    "walk/run/request.py": "declares types only",
    "wire/message/bounds.py": "declares bounds only: tests/wire/message/test_event.py",
    "wire/door.py": "declares types only",
    "wire/rights/rights.py": "declares types only",
    "wire/message/handler.py": "tests/wire/test_connection.py: a kind of event that a test adds",
    "wire/limits.py": "declares types only",
    "wire/message/notification.py": "declares types only",
}
# Public functions and classes without a docstring: file → how many. This table only ever shrinks.
UNDOCUMENTED = {
    "server/http/answers.py": 3,
    "server/http/walkers/request.py": 1,
    "server/http/walkers/router.py": 2,
    "server/socket/framing.py": 2,
    "server/socket/loopback.py": 6,
    "server/socket/stream.py": 14,
    "wire/delivery/client.py": 14,
}
# Public classes that share a name with another one, and why that confuses nobody. This table only ever shrinks.
SHARED_NAMES = {
    "Answer": "to be renamed: a protocol of REST, and the runtime's answer",
    "Archetype": "Jac Cloud's name in the dialect is that of its base in walk",
    "Claims": "to be renamed: of a token, and of a code for a lost password",
    "Client": "a user of `walkwire.testing`; a connection of the wire; the client library, which imports nothing of both",
    "Entry": "of a history; where a walk begins",
    "Gone": "to be renamed: a transport, and a lock",
    "Limits": "to be renamed: of a connection, and of a drawing",
    "Line": "to be renamed: to a broker, and of waiting walks",
    "Message": "to be renamed: a model of REST, and what a socket received",
    "Place": "jac's place in a source; a walker's place among the URLs",
    "Plan": "`walkwire load` imports nothing of walk",
    "Run": "`walkwire load` imports nothing of walk",
    "Schedule": "to be renamed: of timetables, and of a task",
    "Shape": "to be renamed: of a walker's fields, and of a selection",
    "Source": "a file of Jac; a program as the command line names it",
    "Statement": "each of the two databases has its own",
    "Unit": "jac imports nothing of walk",
    "Walk": "to be renamed: a callable of REST, and the current walk",
}
# Libraries that belong to some rooms only: name of the library → rooms that may import it.
LIBRARIES = {
    "sqlalchemy": {"stores"},
    "psycopg": {"stores"},
    "alembic": {"stores"},
    "fastapi": {"server", "testing"},
    "starlette": {"server", "testing"},
    "uvicorn": {"server"},
    "lark": set(),
    "jwt": {"account"},
    "cryptography": {"account"},
    "httpx": {"account", "testing"},
    "idna": {"account"},
    "aiosmtplib": {"mail"},
    "pwdlib": {"account", "testing"},
    "click": {"cli", "commands", "terminal", "server", "load"},
    "redis": {"brokers", "histories"},
    "nats": {"brokers", "histories"},
    "prometheus_client": {"server"},
    "opentelemetry": {"server"},
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


T = TypeVar("T")


def for_each(things: Callable[[], Iterable[T]]) -> Callable[[Callable[[T], None]], Callable[[], None]]:
    """Make one test for all of them, which tells of each that fails: two thousand tests take each worker seconds to collect."""

    def decorate(test: Callable[[T], None]) -> Callable[[], None]:
        def test_all() -> None:
            wrong = []
            for thing in things():
                try:
                    test(thing)
                except AssertionError as error:
                    wrong.append(f"{thing}: {error}")
            assert not wrong, "\n".join(wrong)

        test_all.__name__, test_all.__doc__ = test.__name__, test.__doc__
        return test_all

    return decorate


@for_each(files)
def test_a_room_imports_only_what_it_may(path: Path) -> None:
    room = room_of(module_of(path))
    for imported in imports_of(path):
        top = imported.split(".")[0]
        if top == "walkwire":
            assert room_of(imported) in MAY[room] | {room}, f"{path} imports {imported}"
        elif top in LIBRARIES:
            assert room in LIBRARIES[top], f"{path} imports {imported}"


@for_each(files)
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


@pytest.mark.parametrize("room", DEEPER)
def test_a_sub_room_of_a_sub_room_imports_only_what_it_may(room: str) -> None:
    walls, place = DEEPER[room], f"walkwire.{room}."
    for path in files():
        if not module_of(path).startswith(place):
            continue
        own = _first_folder(module_of(path).removeprefix(place), walls)
        for imported in imports_of(path):
            if imported.startswith(place):
                other = _first_folder(imported.removeprefix(place), walls)
                assert other in walls[own] | {own}, f"{path} imports {imported}"


def _first_folder(name: str, walls: dict[str, set[str]]) -> str:
    first = name.partition(".")[0]
    return first if first in walls else ""


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


ROW = re.compile(r"^\| `([\w/]+/)` \| [^|]+ \|$", re.MULTILINE)


def rooms() -> set[str]:
    """Return the rooms as `docs/house.md` names them: `walk/graph/`."""
    return {folder.partition(".")[2].replace(".", "/") + "/" for folder in folders() if folder != "walkwire"}


def test_the_rooms_on_the_page_are_those_that_there_are() -> None:
    table = PAGE.read_text().partition("## Rooms")[2].partition("## Who may import whom")[0]
    assert set(ROW.findall(table)) == rooms()


def test_the_walls_on_the_page_are_those_that_are_kept() -> None:
    rows = re.findall(
        r"^\| `([\w/]+/)` \| ((?:`[\w/]+/` ?)+|nothing) \| [^|]*\|$", PAGE.read_text(), re.MULTILINE
    )
    listed = {room: set(re.findall(r"`([\w/]+/)`", imports)) for room, imports in rows}

    def name(room: str, inner: str) -> str:
        return f"{room}/{inner}/" if inner else f"{room}/"

    assert listed == {
        name(room, inner): {name(room, other) for other in others}
        for room, walls in INSIDE.items()
        for inner, others in walls.items()
    }


def _tested() -> list[Path]:
    return [
        path
        for path in files()
        if path.name not in ("__init__.py", "__main__.py") and "migrations" not in path.parts
    ]


def _test_of(path: Path) -> Path:
    inner = path.relative_to(HOUSE)
    return HOUSE.parent / "tests" / inner.parent / f"test_{inner.name}"


def _reasons_of(path: Path) -> list[str]:
    name = path.relative_to(HOUSE).as_posix()
    # `*` stands for files of the folder, not of its sub-folders
    return [one for one in TESTED_ELSEWHERE if one.count("/") == name.count("/") and fnmatchcase(name, one)]


@for_each(_tested)
def test_each_file_has_a_test_of_its_name_or_a_reason(path: Path) -> None:
    assert _test_of(path).exists() or _reasons_of(path), (
        f"there is no {_test_of(path)}, and no reason in TESTED_ELSEWHERE"
    )


@for_each(lambda: TESTED_ELSEWHERE)
def test_each_reason_is_needed_and_names_tests_that_exist(pattern: str) -> None:
    lacking = [path for path in _tested() if not _test_of(path).exists() and pattern in _reasons_of(path)]
    assert lacking, f"each file like {pattern} has a test of its own name: remove the line"
    for named in re.findall(r"tests/[\w/.]+[\w/]", TESTED_ELSEWHERE[pattern]):
        assert (HOUSE.parent / named).exists(), f"{pattern}: {named}"


def test_a_public_class_has_a_name_of_its_own() -> None:
    places: dict[str, list[str]] = {}
    for path in files():
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places.setdefault(node.name, []).append(module_of(path))
    shared = {name: found for name, found in places.items() if len(found) > 1 and name not in SHARED_NAMES}
    assert not shared, "one word, one thing"


@for_each(files)
def test_public_functions_are_documented(path: Path) -> None:
    """Functions, methods, properties and classes whose names do not begin with `_`; overloads and setters excepted."""
    lacking = [name for name, node in _public(ast.parse(path.read_text())) if not ast.get_docstring(node)]
    allowed = UNDOCUMENTED.get(path.relative_to(HOUSE).as_posix(), 0)
    assert len(lacking) <= allowed, f"{path} lacks docstrings of {', '.join(lacking)}"


def _public(
    tree: ast.AST, prefix: str = ""
) -> Iterator[tuple[str, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef]]:
    for node in getattr(tree, "body", ()):
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield prefix + node.name, node
            yield from _public(node, f"{prefix}{node.name}.")
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            marks = [ast.unparse(one) for one in node.decorator_list]
            is_other = "overload" in marks or any(one.endswith((".setter", ".deleter")) for one in marks)
            if not is_other and not node.name.startswith("_"):
                yield prefix + node.name, node


@for_each(lambda: [path for path in files() if path.read_text().strip()])
def test_a_file_opens_with_the_rule_of_its_room(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text())), f"{path} does not say what lives in it"


def test_only_config_reads_the_environment() -> None:
    for path in files():
        if path.parts[-2:] in (
            ("config", "sources.py"),
            ("walkwire", "terminal.py"),
        ):  # NO_COLOR is no setting
            continue
        assert "os.environ" not in path.read_text(), f"{path} reads the environment"
