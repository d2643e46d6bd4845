"""What is there to be copied by operators: valid, as far as the tools on this machine can tell."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from walkwire.config import Config
from walkwire.server.process.process import KEEP_ALIVE_SECONDS

DEPLOY = Path(__file__).parent.parent / "deploy"


def test_the_tools_that_are_installed_find_no_fault() -> None:
    done = subprocess.run([DEPLOY / "check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "bad" not in done.stdout


def test_nginx_closes_idle_connections_before_the_server_does() -> None:
    found = re.search(r"keepalive_timeout (\d+)s;", (DEPLOY / "nginx" / "nginx.conf").read_text())
    assert found is not None
    assert int(found[1]) + 10 < KEEP_ALIVE_SECONDS, "a POST that meets the close cannot be repeated"


def test_every_setting_that_is_given_exists() -> None:
    for file in DEPLOY.rglob("*"):
        if file.is_file():
            for name in re.findall(r"WALKWIRE_([A-Z_]+)", file.read_text()):
                assert name.lower() in Config.model_fields, f"{file.name}: {name}"
