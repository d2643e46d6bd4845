"""Rolling restarts behind a real nginx: nobody is answered 502, and nobody is sent away twice in one restart.

CI restarts each server a few times. A long run by hand: `RESTARTS=100 make long ARGS="tests/cluster/test_nginx.py -s"`.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.brokers.service import free_port, service
from tests.cluster.cluster import PROGRAM, new_database, readiness, until
from tests.cluster.nginx import Caller, Window, nginx
from tests.serving import Server

RESTARTS = int(os.environ.get("RESTARTS", "4"))
DRAIN = 1.0


@pytest.mark.long
async def test_a_rolling_restart_behind_nginx_is_not_noticed(tmp_path: Path) -> None:
    ports = [free_port(), free_port()]
    with new_database() as database, service("redis", tmp_path) as broker, nginx(tmp_path, ports) as port:
        settings = {
            "broker": broker.url,
            "token_secret": "s" * 32,
            "drain_seconds": str(DRAIN),
            "trusted_proxies": "127.0.0.1",
        }

        def start(at: int) -> Server:
            return Server(PROGRAM, tmp_path, "--port", str(at), database=database, **settings)

        servers = [await asyncio.to_thread(start, at) for at in ports]
        windows = [Window(port) for _ in range(12)]
        callers = [Caller(port) for _ in range(3)]
        sent_away: Counter[int] = Counter()  # how many windows, by how often in one restart
        began = time.monotonic()
        try:
            await until(lambda: all(window.is_connected for window in windows))
            for restart in range(RESTARTS):
                turn = restart % 2
                before = [len(window.codes) for window in windows]
                await asyncio.to_thread(servers[turn].stop)
                servers[turn] = await asyncio.to_thread(start, ports[turn])
                while await readiness(servers[turn]) != 200:
                    pass
                sent_away.update(
                    len(window.codes) - seen for window, seen in zip(windows, before, strict=True)
                )
        finally:
            for each in (*windows, *callers):
                if each.task.done():
                    each.task.result()
                each.task.cancel()
            await asyncio.gather(*(each.task for each in (*windows, *callers)), return_exceptions=True)
            for server in servers:
                if server.process.poll() is None:
                    server.stop()
        statuses = sum((caller.statuses for caller in callers), Counter())
        refusals = Counter(status for window in windows for status in window.refusals)
        print(
            f"\n{RESTARTS} restarts in {time.monotonic() - began:.0f} s; answers {dict(statuses)}, the slowest after "
            f"{max(caller.longest for caller in callers):.2f} s; windows sent away in one restart, by times: "
            f"{dict(sent_away)}, refused: {dict(refusals)}, back after {max(one.longest for one in windows):.2f} s at most"
        )
        assert set(statuses) == {200}, (tmp_path / "nginx.log").read_text()[-4000:]
        assert refusals == {}
        assert set(sent_away) <= {0, 1}
        assert sent_away[1] > 0
        assert {code for window in windows for code in window.codes} == {4200}


@pytest.mark.parametrize("status", [503, 500])
async def test_a_post_that_reached_a_walker_is_not_repeated(status: int, tmp_path: Path) -> None:
    program = tmp_path / "refusing.py"
    program.write_text(REFUSING)
    ports = [free_port(), free_port()]
    with nginx(tmp_path, ports) as port:
        servers = [
            await asyncio.to_thread(
                Server,
                program,
                tmp_path,
                "--port",
                str(at),
                database=f"sqlite:///{tmp_path}/{at}.db",
                trusted_proxies="127.0.0.1",
            )
            for at in ports
        ]
        try:
            caller = servers[0]
            caller.url = f"http://127.0.0.1:{port}"
            response = await caller.post("/walker/refuse", {"status": status})
            assert response.status_code == status
            assert (tmp_path / "runs").read_text() == "run\n"
        finally:
            for server in servers:
                server.stop()


REFUSING = """
from walkwire import PublicError, Root, Walker, on_entry, specs

@specs(auth=False)
class refuse(Walker):
    status: int

    @on_entry
    def answer(self, here: Root) -> None:
        with open("runs", "a") as runs:
            runs.write("run\\n")
        raise PublicError("no", "Not now", status=self.status)
"""
