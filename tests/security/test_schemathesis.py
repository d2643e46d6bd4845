"""Requests that schemathesis makes from `/openapi.json` are never answered with a fault of the server; always the same ones."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.serving import CHAT, PATIENCE, Server

EXAMPLES = 6  # for each route, and for each of two kinds
EVERY_WAY = Path(__file__).parent / "programs" / "every_way.py"


@pytest.mark.long
@pytest.mark.parametrize(
    ("program", "profile"), [(CHAT, {}), (EVERY_WAY, {"name": "Ada"})], ids=["chat", "every way"]
)
def test_no_request_that_fits_the_description_or_nearly_is_a_fault(
    program: Path, profile: dict[str, Any], tmp_path: Path
) -> None:
    schemathesis = pytest.importorskip("schemathesis")  # here: its import takes each worker half a second
    with Server(program, tmp_path) as server:
        ada = asyncio.run(server.user("ada@example.com", **profile))
        schema = schemathesis.openapi.from_url(f"{server.url}/openapi.json")
        routes = [found.ok() for found in schema.get_all_operations()]
        assert routes
        for route in routes:
            if route.path.endswith("/{node}") and not route.path.endswith("/read_thing/{node}"):
                continue  # the same walker is tried without a node
            for mode in (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE):
                _try(route, mode, {"Authorization": f"Bearer {ada.token}"})
    log = server.log.read_text()
    assert "Traceback" not in log, log


def _try(route: Any, mode: Any, headers: dict[str, str]) -> None:
    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=route.as_strategy(generation_mode=mode))
    def never_a_fault(case: Any) -> None:
        answer = case.call(headers=headers, timeout=PATIENCE)
        assert answer.status_code < 500, f"{case.as_curl_command()}: {answer.status_code} {answer.text}"

    never_a_fault()
