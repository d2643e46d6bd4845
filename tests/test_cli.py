"""The command line: what it prints, and how it fails: one clear sentence, exit code 2, no traceback."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.serving import Server, run

WALKER = "from walkwire import Walker\nclass greet(Walker):\n    pass\n"


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "main.py"
    path.write_text(WALKER)
    return path


def test_the_version_is_told(tmp_path: Path) -> None:
    code, out, errors = run("--version", folder=tmp_path, is_cold=True)
    assert (code, errors) == (0, "")
    assert re.fullmatch(r"walkwire \d+\.\d+\.\d+\S*\n", out)
    as_module = [sys.executable, "-m", "walkwire", "--version"]
    assert subprocess.run(as_module, capture_output=True, text=True, check=True).stdout == out


def test_help_names_the_command_and_its_options(tmp_path: Path) -> None:
    code, out, _ = run("--help", folder=tmp_path, is_cold=True, TERM="dumb", COLUMNS="200")
    assert code == 0
    assert "serve" in out
    code, out, _ = run("serve", "--help", folder=tmp_path, TERM="dumb", COLUMNS="200")
    assert code == 0
    for option in ("PROGRAM", "--host", "--port", "--database", "--production"):
        assert option in out


def test_telling_the_version_loads_no_server_and_no_database() -> None:
    script = (
        "import sys\nfrom walkwire import cli\n"
        "try:\n    cli.app(['--version'])\nexcept SystemExit:\n    pass\n"
        "print(sorted({'fastapi', 'uvicorn', 'sqlalchemy', 'lark', 'jwt', 'idna'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_folder_with_a_page_is_served_with_it(program: Path, tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<h1>Hello</h1>")
    with Server(tmp_path, tmp_path) as server:
        assert f"Page: {server.url}/" in server.lines


def test_arguments_choose_host_and_database_and_production(program: Path, tmp_path: Path) -> None:
    arguments = ("--host", "localhost", "--production")
    given = {"database": "sqlite:///other.db", "token_secret": "s" * 32}
    with Server(program, tmp_path, *arguments, **given) as server:
        assert "Mode: production" in server.lines
        assert "Database: sqlite:///other.db" in server.lines
        assert "May send user events: authenticated" in server.lines
        assert server.url.startswith("http://localhost:")
    assert (tmp_path / "other.db").exists()
    assert not list(tmp_path.glob("*.secret"))


def _broken(folder: Path, name: str, text: str | bytes) -> str:
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return name


def _in_use(port: int) -> str:
    return f"Port {port} of 127.0.0.1 is in use. Stop what uses it, or choose another with --port\n"


def test_a_port_in_use_is_one_sentence(program: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, out, errors = run("serve", "main.py", "--port", str(port), folder=tmp_path, is_cold=True)
    assert (code, out, errors) == (2, "", _in_use(port))


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    assert run("serve", "nothing.jac", folder=tmp_path) == (2, "", "There is no file nothing.jac\n")


def test_a_syntax_error_is_told_with_file_line_column_and_the_line(tmp_path: Path) -> None:
    name = _broken(tmp_path, "main.py", "x = 1\nx = = 2\n")
    expected = "main.py:2:5: SyntaxError: invalid syntax\n    x = = 2\n        ^\n"
    assert run("serve", name, folder=tmp_path) == (2, "", expected)


def test_a_jac_syntax_error_is_told_with_file_line_column_and_the_line(tmp_path: Path) -> None:
    name = _broken(tmp_path, "main.jac", "walker greet {\n    has name str;\n}\n")
    code, out, errors = run("serve", name, folder=tmp_path)
    assert (code, out) == (2, "")
    assert errors.startswith("main.jac:2:14: ")
    assert "    has name str;\n" in errors
    assert "Traceback" not in errors


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ("--database", "sqlite:///nowhere/w.db"),
            "Cannot open the database nowhere/w.db: its folder does not exist",
        ),
        (("--database", "sqlite:///broken.db"), "Cannot open the database broken.db: file is not a database"),
        (("--database", "oracle://x"), "No database of the kind 'oracle'"),
        (("--port", "70000"), "PORT, from the argument --port: "),
        (("--production",), "Production needs a signing secret"),
    ],
)
def test_what_cannot_be_started_is_one_sentence(
    arguments: tuple[str, ...], sentence: str, program: Path, tmp_path: Path
) -> None:
    _broken(tmp_path, "broken.db", b"this is no database" * 100)
    code, out, errors = run("serve", "main.py", *arguments, folder=tmp_path)
    assert (code, out) == (2, "")
    assert errors.startswith(sentence)
    assert len(errors.splitlines()) == 1


def test_a_wrong_setting_is_told_with_its_source(program: Path, tmp_path: Path) -> None:
    code, _, errors = run("serve", "main.py", folder=tmp_path, WALKWIRE_THREADS="none")
    assert code == 2
    assert errors.startswith("THREADS, from WALKWIRE_THREADS: ")


def test_specs_that_do_not_fit_are_one_sentence(tmp_path: Path) -> None:
    text = WALKER.replace("pass", "class __specs__:\n        as_query = ['x']")
    name = _broken(tmp_path, "main.py", text)
    code, _, errors = run("serve", name, "--port", "0", folder=tmp_path)
    assert (code, errors) == (2, "main: Walker greet, specs: 'as_query' names 'x', which is no field\n")


def test_keys_are_made_shown_and_revoked(tmp_path: Path) -> None:
    code, key, note = run("keys", "create", "shop", folder=tmp_path)
    assert (code, note) == (0, "Keep it: it cannot be shown again.\n")
    assert re.fullmatch(r"wk_[\w-]{43}\n", key)
    code, shown, _ = run("keys", "list", folder=tmp_path)
    assert (code, bool(re.fullmatch(r"shop  \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC\n", shown))) == (0, True)
    assert run("keys", "create", "shop", folder=tmp_path)[0] == 2
    assert run("keys", "revoke", "shop", folder=tmp_path) == (0, "", "")
    assert run("keys", "list", folder=tmp_path) == (0, "", "")
    assert run("keys", "revoke", "shop", folder=tmp_path) == (2, "", "There is no key 'shop'\n")


def test_several_workers_need_a_broker_and_a_database_server(program: Path, tmp_path: Path) -> None:
    code, _, errors = run("serve", str(program), "--workers", "2", folder=tmp_path)
    assert (code, errors) == (
        2,
        "Several workers need a broker to hear each other: give --broker redis://… or nats://…\n",
    )
    code, _, errors = run(
        "serve", str(program), "--workers", "2", "--broker", "redis://localhost", folder=tmp_path
    )
    assert (code, errors) == (2, "Several workers need a database server: give --database postgresql://…\n")
