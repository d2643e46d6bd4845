"""Every script of clients/fixtures that is for this client."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.client.runner import play
from tests.serving import REPOSITORY

SCRIPTS = [
    pytest.param(script, id=f"{file.stem}: {script['name']}")
    for file in sorted((REPOSITORY / "clients" / "fixtures").glob("*.json"))
    for script in json.loads(file.read_text())["scripts"]
    if "python" in script.get("only", ["python"])
]


@pytest.mark.parametrize("script", SCRIPTS)
async def test_a_script_goes_as_written(script: dict[str, Any]) -> None:
    await play(script)
