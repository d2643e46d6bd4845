"""`walkwire keys`: API keys are created, listed and revoked."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from walkwire.cli import app


@pytest.fixture
def database(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'keys.db'}"


def keys(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["keys", *arguments])


def test_keys_are_listed_by_name_and_never_shown_again(database: str) -> None:
    texts = [keys("create", name, "--database", database).stdout for name in ("shop", "clock")]
    listed = keys("list", "--database", database, "--json").stdout
    assert [one["name"] for one in json.loads(listed)] == ["clock", "shop"]
    for one in json.loads(listed):
        assert datetime.now(UTC) - datetime.fromisoformat(one["created"]) < timedelta(minutes=1)
    assert len(set(texts)) == 2
    assert not any(text.strip() in listed for text in texts)


def test_a_revoked_key_is_gone_and_its_name_is_free(database: str) -> None:
    keys("create", "shop", "--database", database)
    assert keys("revoke", "shop", "--database", database).exit_code == 0
    assert keys("list", "--database", database).stdout == ""
    assert keys("create", "shop", "--database", database).exit_code == 0


@pytest.mark.parametrize(("command", "name"), [("create", "shop"), ("revoke", "clock")])
def test_a_name_is_that_of_one_key(command: str, name: str, database: str) -> None:
    keys("create", "shop", "--database", database)
    done = keys(command, name, "--database", database)
    assert (done.exit_code, done.stdout) == (2, "")
    assert name in done.stderr
    assert len(done.stderr.splitlines()) == 1
