"""`walkwire new`: says what it made and what to type next."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from walkwire.cli import app


@pytest.mark.parametrize(
    ("options", "files", "test"),
    [
        ([], ["main.jac", "main.test.jac", "README.md", ".gitignore"], "walkwire test main.jac"),
        (["--python"], ["main.py", "test_main.py", "README.md", ".gitignore"], "python -m pytest"),
    ],
)
def test_the_files_and_the_next_commands_are_printed(
    options: list[str], files: list[str], test: str, tmp_path: Path
) -> None:
    name = str(tmp_path / "notes")
    done = CliRunner().invoke(app, ["new", name, *options])
    assert done.exit_code == 0
    made, following = done.stdout.split("\n\n")
    assert [line.split()[0] for line in made.splitlines()[1:]] == files
    assert [line.split("#")[0].strip() for line in following.splitlines()[1:]] == [
        f"cd {name}",
        f"walkwire serve {files[0]}",
        test,
    ]
    as_json = CliRunner().invoke(app, ["new", f"{name}2", *options, "--json"])
    assert json.loads(as_json.stdout)["files"] == [f"{name}2/{file}" for file in files]
