"""The routes of the console: the live feed over HTTP, other servers, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

from tests.server.console.conftest import OWN, Operator
from tests.serving import CHAT, Server, client
from walkwire.testing import Served


async def test_the_feed_comes_line_by_line_and_ends_with_the_server(tmp_path: Path) -> None:
    with Server(CHAT, tmp_path) as server:
        async with (
            client() as http,
            http.stream("GET", f"{server.url}/console/api/live", headers=OWN) as answer,
        ):
            lines = answer.aiter_lines()
            hello = json.loads(await anext(lines))
            assert (hello["t"], answer.headers["cache-control"]) == ("hello", "no-store")
            sample = json.loads(await anext(lines))
            assert (sample["t"], sample["connections"]) == ("sample", 0)
            server.stop()
            async for _ in lines:
                pass


async def test_a_walk_of_a_server_that_is_gone_is_said(served: Served, operator: Operator) -> None:
    own = (await operator.ask("server"))["server"]
    for named, status in ((own, 404), ("0123abcd", 503), ("a name > that is none", 404)):
        answer = await served.http.get("/console/api/walk?n=1", headers=OWN | {"X-Console-Server": named})
        assert answer.status_code == status


async def test_what_is_no_json_or_too_large_is_refused(served: Served) -> None:
    for body, status in ((b"{", 400), (b"[1]", 400), (b"\xff", 400), (b" " * 20_000_000, 413)):
        answer = await served.http.post("/console/api/broadcast", content=body, headers=OWN)
        assert answer.status_code == status


async def test_a_walk_that_is_not_kept_is_said(served: Served) -> None:
    for number in ("1", "x", "9" * 30):
        answer = await served.http.get("/console/api/walk", params={"n": number}, headers=OWN)
        assert answer.status_code == 404
