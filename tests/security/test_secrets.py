"""Secrets of the operator: given by the environment or by files, and shown nowhere: not in help, output, errors, log, or repr."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner
from pydantic import SecretStr

from tests.serving import Server, run
from walkwire import brokers, stores
from walkwire.cli import app
from walkwire.config import Config
from walkwire.errors import StartError

MARK = "xyzzy"
PROGRAM = "from walkwire import Walker\n\n\nclass nothing(Walker):\n    pass\n"
SECRET = "s" * 32
# Each has MARK in a place where a password may be, or may be meant to be. Nothing answers at port 1.
DATABASES = [
    f"postgresql://ada:{MARK}@127.0.0.1:1/db",
    f"postgres://ada:{MARK}@127.0.0.1:1/db",
    f"postgresql://:{MARK}@127.0.0.1:1/db",
    f"postgresql://ada:a/{MARK}@127.0.0.1:1/db",
    f"postgresql://ada:a?{MARK}@127.0.0.1:1/db",
    f"postgresql://ada:a,{MARK}@127.0.0.1:1/db",
    f"postgresql://ada:a:{MARK}@127.0.0.1:1/db",
    f"postgresql://ada:a@{MARK}@127.0.0.1:1/db",
    f"postgresql://127.0.0.1:1/db?user=ada&password={MARK}",
    f"postgresql://127.0.0.1:1/db?user=ada&sslpassword={MARK}",
    f"postgresql://ada:{MARK}@127.0.0.1:port/db",
    f"postgresql://ada:{MARK}@[127.0.0.1/db",
]
BROKERS = [
    f"redis://ada:{MARK}@127.0.0.1:1",
    f"redis://:{MARK}@127.0.0.1:1/0",
    f"redis://127.0.0.1:1?password={MARK}",
    f"redis://ada:{MARK}/a@127.0.0.1:1",
    f"redis://ada:{MARK}@127.0.0.1:port",
    f"redis+cluster://ada:{MARK}@127.0.0.1:1,127.0.0.1:2",
    f"nats://ada:{MARK}@127.0.0.1:1,nats://bob:{MARK}@127.0.0.1:2",
    f"nats://ada:{MARK}@127.0.0.1:1,bob:{MARK}@127.0.0.1:2",
    f"nats://ada:{MARK}/a@127.0.0.1:1",
    f"nats://{MARK}@127.0.0.1:1",
]


@pytest.fixture
def program(tmp_path: Path) -> Path:
    place = tmp_path / "main.py"
    place.write_text(PROGRAM)
    return place


@pytest.mark.parametrize("url", DATABASES)
def test_a_database_that_cannot_be_opened_is_told_of_without_its_password(url: str) -> None:
    assert MARK not in stores.kind_of(url).shown(url)
    with pytest.raises(StartError) as refused:
        stores.open_store(url, seconds=1)
    assert MARK not in str(refused.value)


@pytest.mark.parametrize("url", BROKERS)
def test_a_broker_is_told_of_without_its_password(url: str) -> None:
    assert MARK not in brokers.kind_of(url).shown(url)
    said: object
    try:
        said = brokers.open_broker(url)
    except StartError as refused:
        said = refused
    assert MARK not in f"{said!r} {said}"


@pytest.mark.parametrize("broker", [f"redis://ada:{MARK}@127.0.0.1:1", f"nats://{MARK}@127.0.0.1:1"])
def test_neither_what_a_server_prints_nor_its_log_has_a_secret(
    broker: str, program: Path, tmp_path: Path
) -> None:
    secrets = {"token_secret": MARK * 8, "broker": broker}
    with Server(program, tmp_path, "--production", **secrets) as server:
        server.stop()
        output = server.log.read_text() + "\n".join(server.lines)
    assert "cannot be reached" in output
    assert MARK not in output


def test_no_page_of_the_help_shows_what_is_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    names = {parameter.envvar for _, parameter in _parameters() if parameter.envvar}
    assert names == {"WALKWIRE_LOAD_TOKEN"}
    for name in (*names, *(f"WALKWIRE_{field.upper()}" for field in Config.model_fields), "TOKEN_SECRET"):
        monkeypatch.setenv(name, MARK)
    runner = CliRunner()
    for path in {path for path, _ in _parameters()}:
        shown = runner.invoke(app, [*path, "--help"])
        assert shown.exit_code == 0, shown.output
        assert MARK not in shown.output


def test_no_option_is_a_secret_but_the_token_of_the_load_generator() -> None:
    secret = {
        (path, one.name) for path, one in _parameters() if re.search("secret|password|token", str(one.name))
    }
    files = {(("call",), "token_file"), (("listen",), "token_file")}
    assert secret == {(("load",), "token")} | files


def test_the_settings_show_no_secret() -> None:
    """A setting whose name sounds like a secret's is a SecretStr, or a file's path; those that may hold one are not shown."""
    counts = {"webhook_keys", "token_seconds", "token_signer", "password_length"}
    for name, field in Config.model_fields.items():
        if (
            re.search("secret|password|token|key", name)
            and name not in counts
            and not name.endswith(("_file", "_files"))
        ):
            assert "SecretStr" in str(field.annotation), name
    given: dict[str, Any] = {
        name: SecretStr(MARK * 8) if "SecretStr" in str(field.annotation) else f"redis://ada:{MARK}@host"
        for name, field in Config.model_fields.items()
        if "SecretStr" in str(field.annotation) or name in ("database", "broker")
    }
    assert {"token_secret", "database", "broker"} <= set(given)
    assert MARK not in repr(Config(**given)) + str(Config(**given))


URL = f"postgresql://ada:{MARK}@127.0.0.1:1/db"


def test_a_password_on_the_command_line_is_warned_of_in_production(program: Path, tmp_path: Path) -> None:
    serve = ("serve", str(program), "--production")
    settings = {"WALKWIRE_TOKEN_SECRET": SECRET}
    code, _, said = run(*serve, "--database", URL, folder=tmp_path, **settings)
    assert code == 2
    assert "The password in --database can be read by every user of this machine" in said
    assert "WALKWIRE_DATABASE_FILE" in said
    assert MARK not in said


def test_a_password_in_the_environment_or_in_a_file_is_not_warned_of(program: Path, tmp_path: Path) -> None:
    (tmp_path / "url").write_text(f"{URL}\n")
    for name, value in (("WALKWIRE_DATABASE", URL), ("WALKWIRE_DATABASE_FILE", "url")):
        settings = {"WALKWIRE_TOKEN_SECRET": SECRET, name: value}
        code, _, said = run("serve", str(program), "--production", folder=tmp_path, **settings)
        assert code == 2
        assert "Cannot open the database postgresql://ada:***@127.0.0.1:1/db" in said
        assert "can be read by" not in said
        assert MARK not in said


def _parameters() -> list[tuple[tuple[str, ...], click.Parameter]]:
    """Each parameter of each command, with the command's path."""
    found: list[tuple[tuple[str, ...], click.Parameter]] = []

    def look(command: Any, path: tuple[str, ...]) -> None:
        found.extend((path, one) for one in command.params)
        for name, inner in getattr(command, "commands", {}).items():
            look(inner, (*path, name))

    look(app, ())
    return found
