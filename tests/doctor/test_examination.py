"""`walkwire doctor`, from the command line and as a whole."""

from __future__ import annotations

import json
import secrets
from pathlib import Path

from tests.serving import run
from walkwire.config import Config
from walkwire.doctor.examination import examine

GOOD = {
    "production": "true",
    "token_secret": secrets.token_urlsafe(48),
    "hosts": "shop.example",
    "trusted_proxies": "127.0.0.1",
    "anonymous_connections": "10",
    "address_connections": "10",
    "user_connections": "10",
}
PROGRAM = (
    "from walkwire import Walker, Root, on_entry, root\n\nclass look(Walker):\n    pass\n\nprint(root())\n"
)


def test_a_deployment_with_nothing_to_mend_exits_with_0(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(PROGRAM)
    environment = {f"WALKWIRE_{name.upper()}": value for name, value in GOOD.items()}
    code, said, _ = run("doctor", "main.py", "--json", folder=tmp_path, **environment)
    found = json.loads(said[said.index("[{") :])
    levels = {each["what"]: each["level"] for each in found if each["what"] not in ("disk", "files")}
    assert set(levels.values()) == {"ok"}, said
    assert {"mode", "secret", "policies", "TLS", "proxies", "hosts", "database", "schema", "broker"} < set(
        levels
    )
    assert code == (1 if any(each["level"] == "wrong" for each in found) else 0)
    assert sorted(each.name for each in tmp_path.iterdir() if each.name != "__pycache__") == ["main.py"]


def test_what_is_wrong_is_said_in_lines_and_exits_with_1(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text("1 / 0\n")
    code, said, _ = run("doctor", "main.py", folder=tmp_path)
    assert code == 1
    assert any(line.startswith("wrong  mode ") for line in said.splitlines())
    assert "main.py:1: ZeroDivisionError" in said
    assert "Traceback" not in said
    code, _, error = run("doctor", "--database", "mongodb://localhost", folder=tmp_path)
    assert (code, "No database of the kind" in error) == (2, True)


def test_without_a_program_none_is_loaded(tmp_path: Path) -> None:
    found = examine(Config(database=f"sqlite:///{tmp_path}/w.db"))
    assert "program" not in {each.what for each in found}
