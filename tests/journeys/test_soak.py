"""A short soak: after a crowd that came, did all that a client may, and went, nothing of it is left."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.serving import PROGRAMS, Server
from tests.soak import soak


@pytest.mark.long
async def test_of_clients_that_came_and_went_nothing_is_left(tmp_path: Path) -> None:
    with Server(PROGRAMS / "ledger.py", tmp_path) as server:
        soaked = await soak(server, seconds=4, rate=40)
    assert soaked.failures == ()
    assert soaked.visits > 100
    assert soaked.after.sockets <= soaked.before.sockets
    assert soaked.after.threads <= soaked.before.threads
    assert "Traceback" not in server.log.read_text()
